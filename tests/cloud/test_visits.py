"""Sums of visits by the day on the wall in Berlin."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from cloud.storage import schema
from cloud.visits import VisitCounts, day_of
from protocol.entries import VisitEnded
from protocol.ids import SiteId
from tests.cloud.conftest import Town

TEMPLIN, LYCHEN = SiteId("templin"), SiteId("lychen")
BERLIN = ZoneInfo("Europe/Berlin")
# Two days around the one of 23 hours, in seconds: a visit may end in any of them, and a clock may be set back.
MOMENTS = st.integers(0, 4 * 86_400).map(lambda seconds: datetime(2026, 3, 27, tzinfo=UTC) + timedelta(seconds=seconds))


def visit(at: datetime, documents: int = 1) -> VisitEnded:
    return VisitEnded(bytes(16), at, at, "handed-in", documents, "de", 3)


@given(st.lists(MOMENTS))
def test_whatever_comes_together_is_counted_on_its_own_day(moments: list[datetime]) -> None:
    counts = VisitCounts()
    counts.add(TEMPLIN, map(visit, moments))
    days = [moment.astimezone(BERLIN).date().isoformat() for moment in moments]
    assert {day: sums["visits"] for (_, day), sums in counts._sums.items()} == {day: days.count(day) for day in days}


def test_a_site_without_visits_has_no_row_and_another_ones_day_is_not_its_own(town: Town) -> None:
    counts = VisitCounts()
    noon = datetime(2026, 3, 28, 12, tzinfo=UTC)
    counts.add(TEMPLIN, [visit(noon), visit(noon, 2)])
    counts.add(LYCHEN, [])
    counts.add(LYCHEN, [visit(noon + timedelta(days=1))])
    with town.database.turn() as connection:
        counts.write(connection)
    found = {(row.site, row.day): (row.visits, row.documents) for row in town.rows(schema.visit_day)}
    assert found == {("templin", "2026-03-28"): (2, 3), ("lychen", "2026-03-29"): (1, 1)}


def test_a_day_begins_at_midnight_on_the_wall() -> None:
    midnight = datetime(2026, 10, 25, tzinfo=BERLIN).astimezone(UTC)  # a day of 25 hours
    hours = [-1 / 3600, 0, 24, 25 - 1 / 3600, 25]
    days = [day_of(midnight + timedelta(hours=each)) for each in hours]
    assert days == ["2026-10-24", "2026-10-25", "2026-10-25", "2026-10-25", "2026-10-26"]
