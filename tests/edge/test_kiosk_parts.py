"""What the screen is made of: concerns and hours out of the directory, copies for the printer, the key of this boot."""

from __future__ import annotations

import io
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pymupdf
import pytest
from msgspec import structs
from PIL import Image

from edge.directory_texts import Text
from edge.kiosk import boot_key as boot
from edge.kiosk import language
from edge.kiosk.concerns import concerns, errands, unknown
from edge.kiosk.copies import Frame, copies, frame
from edge.kiosk.offices import coming, offices
from edge.kiosk.telling import sign_of, state_of
from edge.large_print import A4, TEXT_POINTS_MIN
from edge.opening import span
from edge.papers import papers_sheet
from edge.storage.documents import Document, State
from protocol import hours
from protocol.directory import BRING_MAX, GERMAN, AgencyTexts, Directory
from protocol.errors import Mistake
from protocol.hours import Exceptional
from protocol.ids import AgencyId, EnvelopeId, LanguageTag, ReceiptNumber
from protocol.manifest import unverified
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import REAL
from tests.edge.house import AREA, directory, enrolled

WORDS, UKRAINIAN = (language.read()[code] for code in ("de", "uk"))
AT_NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
DOCUMENT = Document(
    ReceiptNumber("7K2-418"), EnvelopeId(bytes(16)), AgencyId("sozialamt-uckermark"), 1, AT_NOON, State.WAITING, AT_NOON
)


@pytest.fixture
def in_force() -> Directory:
    return unverified(Directory, directory())


def test_every_concern_leads_to_an_agency_that_takes_papers(in_force: Directory) -> None:
    [concern] = concerns(in_force, AREA)
    assert (concern.words(GERMAN), concern.agency.id) == (
        Text("Zuschuss zur Miete", GERMAN),
        "wohngeldstelle-uckermark",
    )
    assert (concern.chosen.agency, concern.chosen.title) == ("wohngeldstelle-uckermark", "Wohngeld")


def test_what_to_bring_is_told_where_the_directory_knows_it(in_force: Directory) -> None:
    assert errands(in_force, AREA) == ()
    service = structs.replace(in_force.services[0], bring=("Mietvertrag", "Rentenbescheid"))
    no_inbox = tuple(structs.replace(agency, inboxes=()) for agency in in_force.agencies)
    [errand] = errands(structs.replace(in_force, services=(service,), agencies=no_inbox), AREA)
    assert (errand.words(GERMAN), errand.agency.id) == (Text("Zuschuss zur Miete", GERMAN), "wohngeldstelle-uckermark")


def test_an_agency_is_told_in_the_visitors_language_and_its_address_as_on_an_envelope(in_force: Directory) -> None:
    texts = (AgencyTexts(LanguageTag("uk"), "Соціальне відомство Пренцлау", "Соціальне відомство"),)
    agency = structs.replace(in_force.agencies[0], address="Markt 1", texts=texts)
    told, untold = offices(structs.replace(in_force, agencies=(agency, in_force.agencies[1])), AT_NOON, UKRAINIAN)
    assert (told.name, told.short) == ("Соціальне відомство Пренцлау", "Соціальне відомство")
    assert told.address == '<bdi lang="de" dir="ltr">Markt 1</bdi>'
    assert untold.short == '<bdi lang="de" dir="ltr">Wohngeld</bdi>'


@pytest.mark.parametrize("media", [A4, "om_roll-80_80x297mm"])
def test_the_list_of_what_to_bring_stands_on_one_page_in_large_print(media: str) -> None:
    papers = [
        Text(f"Nachweis {number} über die Miete der letzten drei Monate", GERMAN) for number in range(1, BRING_MAX + 1)
    ]
    facts = [("Für", ["Wohngeldstelle", "Karl-Marx-Straße 1", "030 23125 102"]), ("Geöffnet", [])]
    made = papers_sheet(
        "ltr", heading="Das bringen Sie mit", papers=papers, facts=facts, note="Stand: heute", media=media
    )
    with pymupdf.open("pdf", made) as document:
        assert document.page_count == 1
        text = " ".join(document[0].get_text().split())
        sizes = [
            span["size"]
            for block in document[0].get_text("dict")["blocks"]
            for line in block.get("lines", ())
            for span in line["spans"]
        ]
    assert all(f"Nachweis {number} " in text for number in range(1, BRING_MAX + 1))
    assert "Geöffnet" not in text
    assert min(sizes) >= TEXT_POINTS_MIN


def test_a_dispatcher_without_a_key_is_not_offered(in_force: Directory) -> None:
    assert unknown(in_force) is None


@pytest.mark.parametrize(
    ("at", "now", "following"),
    [
        (datetime(2026, 3, 2, 9, 0, tzinfo=UTC), "Jetzt offen bis 16:00 Uhr.", ""),
        (datetime(2026, 3, 6, 20, 0, tzinfo=UTC), "Jetzt geschlossen.", "Nächste offene Zeit: Montag, 9. März, 8:00 Uhr."),
        # The clock jumps on 29 March: eight o'clock is eight o'clock all the same.
        (datetime(2026, 3, 28, 20, 0, tzinfo=UTC), "Jetzt geschlossen.", "Nächste offene Zeit: Montag, 30. März, 8:00 Uhr."),
    ],
)  # fmt: skip
def test_hours_are_told_in_words_and_in_local_time(in_force: Directory, at: datetime, now: str, following: str) -> None:
    told = offices(in_force, at, WORDS)
    assert {(office.now, office.next) for office in told} == {(now, following)}


@pytest.mark.parametrize(
    ("at", "following"),
    [
        # The office keeps Christmas Eve by an exception of its own, then come two holidays and a weekend.
        (datetime(2026, 12, 24, 9, 0, tzinfo=UTC), "Nächste offene Zeit: Montag, 28. Dezember, 8:00 Uhr."),
        (datetime(2026, 12, 25, 9, 0, tzinfo=UTC), "Nächste offene Zeit: Montag, 28. Dezember, 8:00 Uhr."),
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "Nächste offene Zeit: Montag, 4. Januar, 8:00 Uhr."),
        (datetime(2026, 5, 14, 9, 0, tzinfo=UTC), "Nächste offene Zeit: Freitag, 15. Mai, 8:00 Uhr."),
        # Of Brandenburg alone.
        (datetime(2026, 10, 31, 9, 0, tzinfo=UTC), "Nächste offene Zeit: Montag, 2. November, 8:00 Uhr."),
    ],
)
def test_on_holidays_and_christmas_eve_an_office_is_closed(in_force: Directory, at: datetime, following: str) -> None:
    christmas_eve = date(2026, 12, 24)
    office = in_force.agencies[0]
    closed = structs.replace(office.hours, exceptions=(Exceptional(christmas_eve, christmas_eve, "Heiligabend"),))
    [told] = offices(structs.replace(in_force, agencies=(structs.replace(office, hours=closed),)), at, WORDS)
    assert (told.open, told.now, told.next) == (False, "Jetzt geschlossen.", following)


@pytest.mark.parametrize("state", State)
def test_what_a_visitor_must_act_upon_has_a_sign_of_warning(state: State) -> None:
    told = state_of(structs.replace(DOCUMENT, state=state))
    assert sign_of(told) == ("warning" if state in (State.RETURNED, State.DAMAGED, State.LOST) else "success")


@pytest.mark.parametrize(("mode", "size", "channels"), [("L", (200, 300), 1), ("RGB", (300, 200), 3)])
def test_a_copy_is_the_picture_on_a4(mode: str, size: tuple[int, int], channels: int) -> None:
    file = io.BytesIO()
    Image.effect_noise(size, 60).convert(mode).save(file, "JPEG")
    jpeg = file.getvalue()
    assert frame(jpeg) == Frame(*size, channels)
    with pymupdf.open(stream=copies([jpeg, jpeg])) as document:
        assert document.page_count == 2
        page = document[0]
        assert (page.rect.width > page.rect.height) is (size[0] > size[1])
        assert document.extract_image(page.get_images()[0][0])["image"] == jpeg


def test_what_is_no_picture_is_our_own_mistake() -> None:
    for junk in (b"", b"\x89PNG", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00\x10" + bytes(20)):
        with pytest.raises(Mistake):
            frame(junk)


def test_a_key_outlives_the_process_and_not_the_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = enrolled(tmp_path / "cabin")
    boots = tmp_path / "boot_id"
    boots.write_text("one\n")
    monkeypatch.setattr(boot, "_BOOT", boots)
    with NodeFolder.open(path, "edge") as folder:
        key = boot.boot_key(folder, REAL.random)
        assert len(key) == 32
        assert os.stat(path / boot.KEY_FILE).st_mode & 0o077 == 0
        assert boot.boot_key(folder, REAL.random) == key
        boots.write_text("two\n")
        assert boot.boot_key(folder, REAL.random) != key


def test_hours_on_paper_are_those_of_the_days_to_come(in_force: Directory) -> None:
    """It is read at home, where no “now” is true; and in the week of Easter the office is closed on two working days."""
    day = (span("08:00-16:00"), span("break 12:00-13:00"))
    agency = structs.replace(in_force.agencies[0], hours=hours.Hours((hours.Week((day,) * 5 + ((), ())),)))
    holidays = hours.holidays_of("DE-BB")
    maundy_thursday = datetime(2026, 4, 2, 9, 30, tzinfo=UTC)
    told = [f"{name}, 8:00–12:00, 13:00–16:00 Uhr" for name in ("Donnerstag, 2. April", "Dienstag, 7. April", "Mittwoch, 8. April")]  # fmt: skip
    assert coming(agency, holidays, maundy_thursday, WORDS) == told
    assert coming(agency, holidays, maundy_thursday + timedelta(hours=8), WORDS)[:2] == told[1:]
    assert coming(structs.replace(agency, hours=hours.Hours(())), holidays, maundy_thursday, WORDS) == []
