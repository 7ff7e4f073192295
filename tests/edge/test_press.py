"""The slip with the number, out of a real printer (CUPS' ippeveprinter): told as printed when it lies there, and never found by the next visitor."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pymupdf
import pytest
from msgspec.structs import replace

from edge.kiosk import language
from edge.kiosk.concerns import concerns, errands
from edge.kiosk.press import Press
from edge.large_print import A4
from edge.storage.documents import Document, State
from hardware.devices.ipp_printer import IppPrinter
from hardware.printer import PrinterState
from protocol.directory import AgencyTexts, Directory, ServiceTexts
from protocol.ids import AgencyId, EnvelopeId, LanguageTag, ReceiptNumber
from protocol.manifest import verify
from tests.edge.house import AREA, AUTHORITY, directory
from tests.hardware.eve import ANSWER_SECONDS, Eve, eve
from tests.journeys.waiting import until

NUMBER = ReceiptNumber("7K2-418")
PATIENCE_SECONDS = 240  # the press gives up by itself long before


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eve]:
    with eve(tmp_path_factory.mktemp("eve")) as printer:
        yield printer


def accepted() -> Document:
    at = datetime(2026, 3, 3, 9, 30, tzinfo=UTC)
    return Document(
        receipt=NUMBER,
        envelope=EnvelopeId(bytes(16)),
        agency=AgencyId("wohngeldstelle-uckermark"),
        state=State.WAITING,
        size_bytes=20_000,
        accepted_at=at,
        changed_at=at,
    )


def in_force() -> Directory:
    return verify(Directory, directory(), AUTHORITY.public)


def translated() -> Directory:
    """… in Ukrainian; what to bring is there in German only."""
    uk = LanguageTag("uk")
    directory = in_force()
    offices = tuple(
        replace(agency, address="Markt 1 (Rathaus)", texts=(AgencyTexts(uk, "Відділ субсидій", "Субсидії"),))
        for agency in directory.agencies
    )
    service = replace(directory.services[0], bring=("Mietvertrag",), texts=(ServiceTexts(uk, "Допомога на оренду"),))
    return replace(directory, agencies=offices, services=(service,))


def printing(printer: IppPrinter, language_code: str = "de", directory: Directory | None = None) -> tuple[str, str]:
    """What the visitor is told about the slip."""
    known = directory or in_force()
    [concern] = concerns(known, AREA)

    async def through() -> tuple[str, str]:
        told: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        press = Press(printer, language.read(), os.urandom, A4)
        assert press.fitted
        press.slip(accepted(), concern, known, language_code, lambda how: told.set_result((NUMBER, how)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            heard = await told
        await press.close()
        return heard

    return asyncio.run(through())


def test_a_slip_is_told_as_printed_when_it_lies_in_the_tray(real: Eve) -> None:
    before = set(real.tray)
    assert printing(IppPrinter(real.url, answer_seconds=ANSWER_SECONDS)) == (NUMBER, "printed")
    [document] = set(real.tray) - before
    text = " ".join(pymupdf.open(document)[0].get_text().split())
    assert NUMBER in text
    assert "Wohngeldstelle" in text
    assert "Zuschuss zur Miete" in text
    assert "Bitte heben Sie diesen Zettel auf." in text, "whoever holds it need not write the number down"


def test_a_slip_names_agency_and_concern_in_the_visitors_language_and_the_agency_as_at_its_door(real: Eve) -> None:
    before = set(real.tray)
    assert printing(IppPrinter(real.url, answer_seconds=ANSWER_SECONDS), "uk", translated()) == (NUMBER, "printed")
    [document] = set(real.tray) - before
    text = " ".join(pymupdf.open(document)[0].get_text().split())
    assert "Відділ субсидій Wohngeldstelle" in text
    assert "Допомога на оренду" in text
    assert "Zuschuss" not in text


def test_what_to_bring_is_printed_with_german_where_nobody_has_translated_it(real: Eve) -> None:
    before = set(real.tray)

    async def through() -> str:
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        press = Press(IppPrinter(real.url, answer_seconds=ANSWER_SECONDS), language.read(), os.urandom, A4)
        [errand] = errands(translated(), AREA)
        press.papers(errand, translated(), "uk", datetime(2026, 3, 3, 9, 30, tzinfo=UTC), told.set_result)
        async with asyncio.timeout(PATIENCE_SECONDS):
            heard = await told
        await press.close()
        return heard

    assert asyncio.run(through()) == "printed"
    [document] = set(real.tray) - before
    text = " ".join(pymupdf.open(document)[0].get_text().split())
    assert all(words in text for words in ("Mietvertrag", "Допомога на оренду", "Відділ субсидій", "Markt 1 (Rathaus)"))


def test_a_slip_that_got_stuck_is_told_so_and_does_not_come_later(real: Eve) -> None:
    before = len(real.tray)
    printer = IppPrinter(real.url, fresh_seconds=0.05, answer_seconds=ANSWER_SECONDS)
    real.jam()
    try:
        assert printing(printer) == (NUMBER, "failed")
    finally:
        real.mend()
    until(lambda: printer.state() is PrinterState.READY, "the printer has recovered")
    assert len(real.tray) == before


def test_a_printer_that_is_away_is_told_at_once() -> None:
    assert printing(IppPrinter("ipp://127.0.0.1:9/ipp/print")) == (NUMBER, "failed")
