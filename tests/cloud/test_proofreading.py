"""A bit has flipped in what the hub holds: found when it is fetched or when nobody says anything, and the cabin gives the document again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cloud import inbox, proofreading
from cloud.admission import Admission, Guest, Kind
from cloud.hub import BELL_SECONDS, QUIET_SECONDS
from cloud.proofreading import REFUSED_SECONDS, ROUND_SECONDS
from cloud.storage.blobs.files import NoDescriptor
from cloud.storage.schema import alarm, document, receipt
from protocol import limits
from protocol.errors import Unavailable
from protocol.frames import Beat, Chunk, Frame, Gone, Hello, Want
from protocol.ids import AgencyId, Digest, SiteId
from protocol.manifest import Happening, Signed
from tests.cloud.at_the_door import Wire, hub_of
from tests.cloud.conftest import AGENCIES, Cabin, Document, Town
from tests.edge.disks import nothing_can_be_opened

SITE = SiteId("templin")
SOZIALAMT = AgencyId(AGENCIES[0])
PART_BYTES = 2000


def lies_at(town: Town, one: Document) -> tuple[Path, int]:
    """The file, and where in it the document begins."""
    sql = "SELECT segment, position_bytes FROM piece JOIN blob ON blob.id = piece.blob WHERE digest = ? ORDER BY offset_bytes"
    with town.database.reading() as connection:
        segment, position = connection.exec_driver_sql(sql, (one.digest,)).fetchall()[0]
    return town.folder / "blobs" / f"{segment:06}.segment", position


def flips(town: Town, one: Document, at: int = 4000) -> None:
    path, position = lies_at(town, one)
    with path.open("r+b") as file:
        file.seek(position + at)
        [byte] = file.read(1)
        file.seek(position + at)
        file.write(bytes([byte ^ 4]))


def fetch(town: Town, one: Document, begin: int = 0, end: int = 1 << 30, part_bytes: int = PART_BYTES) -> None:
    """As an agency does, chunk by chunk."""
    for offset in range(begin, min(end, len(one.blob)), part_bytes):
        town.ledger.read_blob(one.digest, offset, min(part_bytes, end - offset))


def quiet(town: Town, turns: int = 1, at: float = 1000.0) -> None:
    """Nobody says anything for so many turns."""
    for _ in range(turns):
        town.ledger.proofread(at)
        town.ledger.settle()


def called(town: Town) -> list[str]:
    with town.database.reading() as connection:
        return list(connection.execute(select(alarm.c.text).where(alarm.c.kind == "segment-damaged")).scalars())


def row(town: Town, one: Document) -> Any:
    [found] = [each for each in town.rows(document) if each.envelope == one.manifest.envelope]
    return found


def listed(town: Town) -> dict[Digest, tuple[Signed, ...]]:
    found = inbox.listing(town.ledger, SOZIALAMT, 0, 100, everything=True).documents
    return {Digest(one.digest): one.receipts for one in found}


def tells(town: Town, one: Document, happening: Happening) -> None:
    inbox.tell(town.ledger, SOZIALAMT, town.receipt(one, happening, listed(town)[one.digest][-1]))


def given_back(town: Town, one: Document) -> None:
    """It lies where it lay, with what was signed about it."""
    [place, signed] = [
        row(town, one).place,
        [each for each in town.rows(receipt) if each.document == row(town, one).id],
    ]
    town.send(one)
    assert town.ledger.settle().delivered == {SOZIALAMT}
    assert town.ledger.read_blob(one.digest, 0, 1 << 20) == (one.blob, len(one.blob))
    assert [Signed(each.body, each.signature) for each in signed] == list(listed(town)[one.digest])
    assert (row(town, one).place, row(town, one).state) == (place, signed[-1].happening)
    assert row(town, one).trouble is None


@pytest.fixture
def cabin(town: Town) -> Cabin:
    return town.cabin(SITE)


# --- while it is fetched --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("part_bytes", [700, 2000, 1 << 20])
def test_what_an_agency_fetches_is_read_with_it_and_its_cabin_is_asked_at_once(
    town: Town, cabin: Cabin, part_bytes: int
) -> None:
    well, one = town.deliver(cabin), town.deliver(cabin)
    flips(town, one)
    fetch(town, well, part_bytes=part_bytes)
    fetch(town, one, part_bytes=part_bytes)
    news = town.ledger.settle()
    assert [(each.site, each.digest, each.size_bytes, each.have_bytes) for each in news.wanted] == [
        (SITE, one.digest, len(one.blob), 0)
    ]
    [words] = called(town)
    assert f"{one.manifest.receipt} of templin" in words
    assert "000001.segment" in words
    assert list(listed(town)) == [well.digest]
    assert row(town, one).state == "announced"
    given_back(town, one)
    assert row(town, one).trouble is None
    fetch(town, one)
    assert not town.ledger.settle().wanted
    assert len(called(town)) == 1


def test_a_cabin_that_comes_later_is_asked_then(town: Town, cabin: Cabin) -> None:
    one = town.deliver(cabin)
    flips(town, one)
    fetch(town, one)
    town.ledger.settle()
    town.close()
    town.open()
    assert [each.digest for each in town.ledger.wanted(SITE)] == [one.digest]
    given_back(town, one)


def test_where_its_cabin_keeps_it_no_more_the_agency_is_asked(town: Town, cabin: Cabin) -> None:
    one = town.deliver(cabin)
    flips(town, one)
    fetch(town, one)
    town.ledger.settle()
    town.ledger.gone(SITE, one.digest)
    town.ledger.settle()
    assert inbox.lost_listing(town.ledger, SOZIALAMT, 10).manifests == (one.event.manifest,)
    inbox.recall(town.ledger, SOZIALAMT, one.manifest.envelope, ())
    town.ledger.settle()
    assert row(town, one).state == "lost"
    assert [each.happening for each in town.rows(receipt)] == ["lost"]


def test_what_a_replaced_machine_had_sent_the_agency_is_asked_for_at_once(town: Town, cabin: Cabin) -> None:
    one = town.deliver(cabin)
    successor = town.cabin(SITE, "another")
    town.commit(successor)
    town.ledger.settle()
    flips(town, one)
    fetch(town, one)
    assert not town.ledger.settle().wanted
    assert inbox.lost_listing(town.ledger, SOZIALAMT, 10).manifests == (one.event.manifest,)


@pytest.mark.parametrize("happening", [Happening.ACCEPTED, Happening.RETURNED])
def test_what_its_agency_has_closed_is_not_asked_for_and_a_person_hears_it_once(
    town: Town, cabin: Cabin, happening: Happening
) -> None:
    one = town.deliver(cabin)
    for each in (Happening.FETCHED, happening):
        tells(town, one, each)
        town.ledger.settle()
    flips(town, one)
    for _ in range(3):
        fetch(town, one)
        assert not town.ledger.settle().wanted
    [words] = called(town)
    assert "Its agency has it already." in words
    assert row(town, one).state == happening.value


def test_what_its_agency_says_in_the_same_turn_stays_said(town: Town, cabin: Cabin) -> None:
    one = town.deliver(cabin)
    tells(town, one, Happening.FETCHED)
    town.ledger.settle()
    flips(town, one)
    fetch(town, one)
    tells(town, one, Happening.ACCEPTED)
    assert not town.ledger.settle().wanted
    assert (row(town, one).state, row(town, one).place) == ("accepted", 1)


def test_what_is_let_go_of_in_the_same_turn_is_nobodys_matter(town: Town, cabin: Cabin) -> None:
    one = town.deliver(cabin)
    for each in (Happening.FETCHED, Happening.ACCEPTED):
        tells(town, one, each)
        town.ledger.settle()
    flips(town, one)
    fetch(town, one)
    town.later(days=15)
    assert town.ledger.expire(town.now, 14.0) == 1
    town.ledger.settle()
    assert called(town) == []


def test_fetches_that_mingle_or_go_on_later_raise_nothing(town: Town, cabin: Cabin) -> None:
    one = town.deliver(cabin, size=20_000)
    for begin in (0, 0, 3000, 10_000, 500):
        fetch(town, one, begin, begin + 6000)
    for offset in range(0, 20_000, 1000):  # two connectors at once, and one that asks for other pieces
        town.ledger.read_blob(one.digest, offset, 1000)
        town.ledger.read_blob(one.digest, offset, 1500)
    town.ledger.read_blob(one.digest, 19_000, 5000)
    town.ledger.read_blob(one.digest, 20_000, 5000)
    assert not town.ledger.settle().wanted
    flips(town, one)
    for begin in (15_000, 0, 8000, 4000):
        fetch(town, one, begin, begin + 9000)
    quiet(town, 3)
    assert len(called(town)) == 1


def test_of_more_fetches_at_a_time_than_are_summed_up_none_raises_anything(
    town: Town, cabin: Cabin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofreading, "READINGS_MAX", 2)
    many = [town.deliver(cabin) for _ in range(5)]
    for offset in range(0, 5000, 1000):
        for one in many:
            town.ledger.read_blob(one.digest, offset, 1000)
    assert not town.ledger.settle().wanted
    quiet(town, 10)
    assert called(town) == []


def test_a_round_passes_over_nothing_however_many_are_fetched_meanwhile(
    town: Town, cabin: Cabin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofreading, "READINGS_MAX", 2)
    monkeypatch.setattr(proofreading, "STEP_BYTES", 1000)
    many = [town.deliver(cabin) for _ in range(5)]
    for one in many[:2]:
        flips(town, one)
    quiet(town)
    for one in many[2:]:
        fetch(town, one, 0, 1000)
    quiet(town, 50)
    assert [row(town, one).state for one in many] == ["announced"] * 2 + ["stored"] * 3


def test_a_connector_that_goes_away_at_the_first_altered_piece_is_enough(town: Town, cabin: Cabin) -> None:
    """The real one stops where a piece cannot be opened: the hub reads on when it is quiet."""
    quiet(town, 2)  # the round after the start is over
    one = town.deliver(cabin, size=20_000)
    flips(town, one)
    fetch(town, one, 0, 6000)
    assert not town.ledger.settle().wanted
    quiet(town)
    assert row(town, one).state == "announced"
    given_back(town, one)


# --- a disk that refuses --------------------------------------------------------------------------------------------
def refuses(town: Town, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Is the disk ill?"""
    ill, read = [True], town.ledger.blobs._files.read

    def reads(segment: int, position_bytes: int, length_bytes: int) -> bytes:
        if ill[0]:
            raise Unavailable("Input/output error.")
        return read(segment, position_bytes, length_bytes)

    monkeypatch.setattr(town.ledger.blobs._files, "read", reads)
    return ill


def test_what_the_disk_refuses_and_goes_on_refusing_is_asked_for(
    town: Town, cabin: Cabin, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = town.deliver(cabin)
    ill = refuses(town, monkeypatch)
    assert town.ledger.read_blob(one.digest, 0, PART_BYTES) is None
    quiet(town, 5, at=1000.0)
    assert row(town, one).state == "stored"
    quiet(town, 1, at=1000.0 + REFUSED_SECONDS)
    assert row(town, one).state == "announced"
    assert len(called(town)) == 1
    ill[0] = False
    given_back(town, one)


def test_while_the_disk_refuses_nothing_is_due_but_to_ask_it_once_more(
    town: Town, cabin: Cabin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round that had not begun yet was due all the time, and none begins beside such a document."""
    one = town.deliver(cabin)
    refuses(town, monkeypatch)
    assert town.ledger.read_blob(one.digest, 0, PART_BYTES) is None
    quiet(town, 1, at=1000.0)
    assert town.ledger.proofread_at == 1000.0 + REFUSED_SECONDS


def test_a_disk_that_is_away_for_a_moment_costs_nobody_a_document(
    town: Town, cabin: Cabin, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [town.deliver(cabin) for _ in range(20)]
    ill = refuses(town, monkeypatch)
    for one in many:
        assert town.ledger.read_blob(one.digest, 0, PART_BYTES) is None
    quiet(town, 20, at=1000.0)
    ill[0] = False
    quiet(town, 20, at=1000.0 + REFUSED_SECONDS)
    assert {each.state for each in town.rows(document)} == {"stored"}
    assert called(town) == []


def test_a_hub_that_can_open_nothing_more_says_nothing_of_its_disk(town: Town, cabin: Cabin) -> None:
    """Strangers hold all its descriptors for minutes: nobody is to hand in again for that."""
    one, other = town.deliver(cabin), town.deliver(cabin)
    with nothing_can_be_opened():
        with pytest.raises(NoDescriptor, match="LimitNOFILE"):
            town.ledger.read_blob(one.digest, 0, PART_BYTES)
        for seconds in (0.0, 1.0, 2.0):
            town.ledger.proofread(1000.0 + seconds * REFUSED_SECONDS)
    quiet(town, 20, at=2000.0)
    assert [row(town, each).state for each in (one, other)] == ["stored", "stored"]
    assert called(town) == []
    assert town.ledger.read_blob(one.digest, 0, 1 << 20) == (one.blob, len(one.blob))


# --- by itself, when it is quiet --------------------------------------------------------------------------------------
def test_what_nobody_has_fetched_is_found_after_a_start_and_once_a_round(town: Town, cabin: Cabin) -> None:
    assert ROUND_SECONDS < limits.KEPT_SECONDS / 2, "while cabins keep theirs, and a night or two without quiet besides"
    first, second, fetched = (town.deliver(cabin) for _ in range(3))
    tells(town, fetched, Happening.FETCHED)
    town.ledger.settle()
    flips(town, first)
    quiet(town, 2, at=1000.0)
    assert row(town, first).state == "announced"
    given_back(town, first)
    flips(town, second)
    flips(town, fetched)
    quiet(town, 5, at=1000.0 + ROUND_SECONDS - 1)
    assert len(called(town)) == 1
    quiet(town, 2, at=1000.0 + ROUND_SECONDS)
    assert {row(town, one).state for one in (second, fetched)} == {"announced"}
    assert len(called(town)) == 3


def test_what_is_closed_is_not_read_by_itself(town: Town, cabin: Cabin) -> None:
    one = town.deliver(cabin)
    for each in (Happening.FETCHED, Happening.ACCEPTED):
        tells(town, one, each)
        town.ledger.settle()
    flips(town, one)
    quiet(town, 5)
    assert called(town) == []


def test_a_turn_reads_so_much_and_no_more(town: Town, cabin: Cabin, monkeypatch: pytest.MonkeyPatch) -> None:
    large = [town.deliver(cabin, size=3_000_000) for _ in range(2)]
    small = [town.deliver(cabin, size=2200) for _ in range(40)]
    flips(town, large[1], 2_500_000)
    flips(town, small[-1], 2000)
    read, sizes = town.ledger.blobs._files.read, list[int]()

    def reads(segment: int, position_bytes: int, length_bytes: int) -> bytes:
        sizes.append(length_bytes)
        return read(segment, position_bytes, length_bytes)

    monkeypatch.setattr(town.ledger.blobs._files, "read", reads)
    turns = 0
    while len(called(town)) != 2:
        sizes.clear()
        town.ledger.proofread(1000.0)
        assert sum(sizes) <= limits.MIB
        town.ledger.settle()
        turns += 1
        assert turns < 20, "it does not come to its end"
    assert turns >= 8
    sizes.clear()
    quiet(town, 10)
    assert sizes == []


def test_a_document_that_is_sound_costs_no_transaction(town: Town, cabin: Cabin) -> None:
    many = [town.deliver(cabin) for _ in range(5)]
    with closing(sqlite3.connect(town.folder / "hub.sqlite")) as beside:

        def written() -> int:
            [(version,)] = beside.execute("PRAGMA data_version").fetchall()
            return int(version)

        before = written()
        quiet(town, 5)
        assert written() == before
        flips(town, many[0])
        quiet(town, 5, at=1000.0 + ROUND_SECONDS)
        assert written() > before


# --- in the loop ------------------------------------------------------------------------------------------------------
class Loop:
    """The hub's loop with a cabin and an agency on its wire, at a time that we tell."""

    def __init__(self, town: Town, cabin: Cabin) -> None:
        self.now = 1000.0
        self.town, self.cabin, self.wire, admission = town, cabin, Wire(), Admission()
        guests = [Guest(Kind.CABIN, SITE, b"1"), Guest(Kind.AGENCY, SOZIALAMT, b"2")]
        admission.replace(guests)
        self._users = [each.user for each in guests]
        self.hub = hub_of(town, self.wire, admission, lambda: self.now)

    def hears(self, frame: Frame, who: int) -> list[Frame]:
        """From the cabin (0) or the agency (1); what was said then."""
        self.wire.comes(self._users[who], frame, (b"cabin", b"agency")[who])
        return self.turn()

    def turn(self, later_seconds: float = 0.0) -> list[Frame]:
        self.now += later_seconds
        self.wire.said.clear()
        self.hub.turn(0.0)
        return [frame for _, frame in self.wire.said]  # type: ignore[misc]

    def greets(self) -> None:
        last = self.cabin.mark
        self.hears(Hello((1,), SITE, b"boot", 1, last, 0, 0, "kabine 0.1.0", self.town.now), 0)


def test_the_loop_asks_a_connected_cabin_in_the_turn_in_which_it_is_found(town: Town, cabin: Cabin) -> None:
    one = town.deliver(cabin)
    loop = Loop(town, cabin)
    loop.greets()
    flips(town, one)
    said = loop.hears(Want(one.digest, 0, 512 * limits.KIB), 1)
    chunk, *wants = said
    assert isinstance(chunk, Chunk)
    assert sum(each.length_bytes for each in wants if isinstance(each, Want)) == len(one.blob)
    assert loop.hears(Want(one.digest, 0, 512 * limits.KIB), 1)[0] == Gone(one.digest)


def test_the_loop_reads_by_itself_while_nobody_says_a_word_and_not_before(town: Town, cabin: Cabin) -> None:
    one = town.deliver(cabin)
    flips(town, one)
    loop = Loop(town, cabin)
    loop.greets()
    for _ in range(20):
        loop.hears(Want(Digest(bytes(32)), 0, 1), 1)  # somebody says something all the time
        loop.now += QUIET_SECONDS / 2
        loop.turn()
    assert called(town) == []
    beats = 0
    while not called(town):
        beats += 1
        loop.hears(Beat(beats, town.now, 0, 0.0, cabin.mark), 0)  # a beat is no word
        loop.turn(BELL_SECONDS)
        assert beats < 20
    loop.turn(BELL_SECONDS)
    assert row(town, one).state == "announced"


def test_a_fleet_at_rest_whose_beats_never_cease_keeps_nobody_from_reading(
    town: Town, cabin: Cabin, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = town.deliver(cabin)
    flips(town, one)
    loop = Loop(town, cabin)
    loop.greets()
    monkeypatch.setattr(loop.wire, "wait", lambda seconds: True)  # of ten thousand cabins one always beats
    beats = 0
    while row(town, one).state != "announced":
        beats += 1
        loop.now += BELL_SECONDS
        loop.hears(Beat(beats, town.now, 0, 0.0, cabin.mark), 0)
        assert beats < 20


def test_a_quiet_hub_with_nothing_to_read_wakes_for_nothing(town: Town, cabin: Cabin) -> None:
    loop = Loop(town, cabin)
    for _ in range(8):
        loop.turn(QUIET_SECONDS)
    assert loop.hub.deadline > loop.now + ROUND_SECONDS / 2
