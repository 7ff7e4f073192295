"""What the screen has printed: copies of pages, the slip with the number, and the list of what to bring."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from edge import directory_texts
from edge.capture.workshop import Workshop
from edge.directory_texts import Text
from edge.kiosk.concerns import Concern
from edge.kiosk.copies import copies
from edge.kiosk.language import Catalogues
from edge.kiosk.offices import BERLIN, coming
from edge.storage.documents import Document
from hardware.printer import Job, JobState, Printer, PrinterFailure, PrinterState
from protocol import directory as directories
from protocol import hours
from protocol.directory import GERMAN, Agency, Directory
from protocol.errors import Trouble
from protocol.ids import LanguageTag
from protocol.keys import receipt_words
from protocol.randomness import Random, draw

log = structlog.get_logger("press")

COPY_PIXELS: Final = 3508  # the longer side of A4 at 300 dpi
JOB_BYTES: Final = 8
LOOK_SECONDS: Final = 0.3
PRINT_SECONDS: Final = 90.0  # a sheet that is not out by then does not come before the next visitor either


class Press:
    """Owns what is being printed. `fitted`: there is a printer; `state`: how it was when it was looked at last."""

    def __init__(self, printer: Printer, catalogues: Catalogues, random: Random, media: str) -> None:
        self._printer = printer
        self._catalogues = catalogues
        self._random = random
        self._media = media
        self._slips: set[asyncio.Task[None]] = set()
        self.state = printer.state()
        self.fitted = self.state is not PrinterState.ABSENT

    async def look(self) -> None:
        """How the printer is now."""
        self.state = await asyncio.to_thread(self._printer.state)

    async def copy(self, workshop: Workshop, pages: tuple[int, ...]) -> None:
        """Print these pages of the worker; they are on paper on return. Raises Trouble and PrinterFailure."""
        await self._put(copies([await workshop.preview(page, COPY_PIXELS) for page in pages]))

    def slip(
        self,
        document: Document,
        concern: Concern | None,
        directory: Directory,
        language: str,
        told: Callable[[str], None],
    ) -> None:
        """Print the number of a document while the screen goes on; `told` hears `printed` or `failed`."""
        self._aside(partial(self._slip, document, concern, directory, language), told)

    def papers(
        self, errand: Concern, directory: Directory, language: str, at: datetime, told: Callable[[str], None]
    ) -> None:
        """Print what to bring, as known `at` (aware UTC); `told` as in `slip`."""
        self._aside(partial(self._papers, errand, directory, language, at), told)

    def _aside(self, drawn: Callable[[], bytes], told: Callable[[str], None]) -> None:
        async def work() -> None:
            try:
                await self._put(await asyncio.to_thread(drawn))
            except (Trouble, PrinterFailure) as trouble:
                log.warning("slip.failed", what=trouble.what)
                told("failed")
            else:
                told("printed")

        task = asyncio.create_task(work())
        self._slips.add(task)
        task.add_done_callback(self._slips.discard)

    async def close(self) -> None:
        """What is not on paper does not come."""
        for task in self._slips:
            task.cancel()
        if self._slips:
            await asyncio.wait(self._slips)

    def _slip(self, document: Document, concern: Concern | None, directory: Directory, language: str) -> bytes:
        from edge.slip import SlipTexts, slip  # late: MuPDF is large, and the start page does not wait for it

        words = self._catalogues[language]
        t = words.say
        tag = words.language.directory_tag
        agency = directories.agency(directory, document.agency)
        said = concern.words(tag) if concern is not None else None
        open_hours = coming(agency, hours.holidays_of(directory.holidays_region), document.accepted_at, words)
        texts = SlipTexts(
            tag=words.language.tag,
            direction=words.language.direction,
            heading=t("paper.heading"),
            number=t("paper.number"),
            words=t("paper.words"),
            agency=t("paper.agency"),
            concern=t("paper.concern"),
            handed_in=t("paper.handed_in"),
            hours=t("paper.hours"),
            note=t("paper.note"),
        )
        return slip(
            document.receipt,
            receipt_words(document.receipt),
            _names(agency, tag),
            document.accepted_at.astimezone(BERLIN),
            texts,
            concern=(said,) if said is not None else (),
            hours=open_hours,
            media=self._media,
        )

    def _papers(self, errand: Concern, directory: Directory, language: str, at: datetime) -> bytes:
        from edge.papers import papers_sheet  # late, as in `_slip`

        words = self._catalogues[language]
        t = words.say
        agency, tag = errand.agency, words.language.directory_tag
        said = errand.words(tag)
        open_hours = coming(agency, hours.holidays_of(directory.holidays_region), at, words)
        published_at = directory.published_at
        return papers_sheet(
            words.language.direction,
            heading=t("paper.bring"),
            papers=errand.papers(tag),
            facts=[
                (t("paper.concern"), [said] if said is not None else []),
                (t("paper.office"), [*_names(agency, tag), *_found(agency)]),
                (t("paper.hours"), open_hours),
            ],
            note=t("say.as_of", day=words.dated(published_at), time=words.time(published_at)),
            media=self._media,
        )

    async def _put(self, pdf: bytes) -> None:
        """On paper on return. Raises PrinterFailure, and then it does not come any more."""
        job = Job(draw(self._random, JOB_BYTES).hex(), pdf)
        try:
            async with asyncio.timeout(PRINT_SECONDS):
                await asyncio.to_thread(self._printer.print, job)
                while (progress := await asyncio.to_thread(self._printer.progress, job.id)) is not JobState.PRINTED:
                    if progress in (JobState.FAILED, JobState.STOPPED):
                        raise await self._failure()
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError as error:
            await self._cancel(job.id)
            raise await self._failure() from error
        except (PrinterFailure, asyncio.CancelledError):
            await self._cancel(job.id)
            raise

    async def _failure(self) -> PrinterFailure:
        await self.look()
        return PrinterFailure(self.state, f"The printer does not print: {self.state}.", "Look after the printer.")

    async def _cancel(self, job_id: str) -> None:
        """A sheet that comes when the visitor has gone would be found by the next one."""
        try:
            await asyncio.to_thread(self._printer.cancel, job_id)
        except PrinterFailure as failure:
            log.warning("job.not-cancelled", what=failure.what)


def _names(agency: Agency, language: LanguageTag) -> list[Text]:
    """As the visitor knows it, and as it stands at its door and on its letters: whoever goes there shows this paper."""
    name = directory_texts.agency_name(agency, language)
    at_the_door = Text(agency.name, GERMAN)
    return [name] if language.partition("-")[0] == GERMAN else list(dict.fromkeys((name, at_the_door)))


def _found(agency: Agency) -> list[Text]:
    """Where it is, and its telephone number, whose groups would stand the other way round in an Arabic line."""
    return [Text(line, GERMAN) for line in (agency.address, agency.phone) if line]
