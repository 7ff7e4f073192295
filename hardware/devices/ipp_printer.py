"""Any driverless network printer (IPP Everywhere, AirPrint, Mopria): IPP/2.0 over HTTP or TLS. RFC 8010, RFC 8011, PWG 5100.14.

Tried with: `ippeveprinter` of CUPS 2.4. A printer that takes PDF gets PDF, another one raster (hardware/devices/raster.py).

A job is made first and its document sent after (Create-Job, Send-Document): when an answer is lost, the printer is asked for the job by its
number or by its name, which is our random id, and is sent only what it has not got. Printers without these get Print-Job, and are asked by name.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Final

from hardware.complaint import Complaint
from hardware.devices.ipp import Answer, Attribute, Group, Operation, Tag
from hardware.devices.ipp_reading import Facts, job_end, job_state, received
from hardware.devices.ipp_wire import IppWire
from hardware.devices.raster import pwg_raster, urf
from hardware.glance import Glance
from hardware.printer import Job, JobState, PrinterFailure, PrinterState

JOB_NAME: Final = "kabine-{}"
JOBS_KEPT: Final = 200  # a printer forgets sooner
JOBS_ASKED: Final = 50  # a lost job is among the last ones
PDF: Final = "application/pdf"
PWG: Final = "image/pwg-raster"
URF: Final = "image/urf"
_NOT_FOUND: Final = (0x0406, 0x0407)  # RFC 8011, appendix B
_BUSY: Final = (0x0503, 0x0506, 0x0507, 0x0508)
_JOB_FACTS: Final = ["job-id", "job-name", "job-state", "job-state-reasons"]


class _Known:
    """What is known of a job of ours: its number at the printer, and how it ended."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.tried = False  # the printer may have heard of it
        self.whole = False  # the printer has said that it has the document
        self.end: JobState | None = None
        self.unwanted = False


class IppPrinter:
    """The printer at `url` (ipp:// or ipps://). `media`: the paper that is loaded, by its PWG name. `certificate`: PEM file of a printer that
    signed its own. `fresh_seconds`: how long what it said about itself counts. Comes back by itself after it was away."""

    def __init__(
        self,
        url: str,
        *,
        media: str = "iso_a4_210x297mm",
        certificate: Path | None = None,
        answer_seconds: float = 10.0,
        fresh_seconds: float = 2.0,
    ) -> None:
        self._media = media
        self._wire = IppWire(url, certificate=certificate, answer_seconds=answer_seconds)
        self._numbers = itertools.count(1)
        self._jobs: OrderedDict[str, _Known] = OrderedDict()
        self._turn = threading.Lock()  # one conversation about jobs at a time
        self._closed = False
        self._glance = Glance(self._look, PrinterState.UNREACHABLE, fresh_seconds=fresh_seconds)

    def state(self) -> PrinterState:
        """What it said last, asked anew when that is old."""
        return PrinterState.UNREACHABLE if self._closed else self._glance.state()

    def print(self, job: Job) -> None:
        """Hand over what the printer has not got yet."""
        with self._turn:
            known = self._jobs.setdefault(job.id, _Known())
            while len(self._jobs) > JOBS_KEPT:
                self._jobs.popitem(last=False)
            if known.whole or known.unwanted or known.end is not None:
                return
            facts = self._facts()
            self._number(job.id, known)
            known.tried = True
            if known.number is not None and self._has(known):
                return
            document_format, document = self._document(facts, job)
            if not facts.takes_apart:
                self._print_job(job.id, known, document_format, document)
                return
            if known.number is None:
                known.number = _number(self._ask(Operation.CREATE_JOB, None, *self._ticket(job.id, facts)))
            self._ask(
                Operation.SEND_DOCUMENT,
                known.number,
                (Group.OPERATION, Tag.MIME_TYPE, "document-format", document_format),
                (Group.OPERATION, Tag.BOOLEAN, "last-document", True),
                document=document,
            )
            known.whole = True

    def progress(self, job_id: str) -> JobState:
        """As the printer says; a job that waits for somebody's help is STOPPED, whatever the printer calls it."""
        with self._turn:
            known = self._jobs.get(job_id)
            if known is None:
                raise PrinterFailure(PrinterState.STOPPED, "This job was never handed over.", "Print it first.")
            if known.end is not None or known.unwanted:
                return known.end or JobState.FAILED
            self._number(job_id, known)
            if known.number is None:
                raise PrinterFailure(PrinterState.STOPPED, "The printer does not know this job.", "Print it again.")
            values = self._job(known.number)
            if values is None:
                raise PrinterFailure(
                    PrinterState.STOPPED, "The printer has forgotten this job.", "Look whether the page lies there."
                )
            known.end = job_end(values)
            if known.end is not None:
                return known.end
            state = job_state(values)
        if state is JobState.PRINTING:
            return JobState.PRINTING if self._asked().prints else JobState.STOPPED
        return state

    def cancel(self, job_id: str) -> None:
        """Also when the printer is away just now: it is told when it is back."""
        with self._turn:
            known = self._jobs.get(job_id)
            if known is None or known.end is not None:
                return
            known.unwanted = True
            self._cancel(job_id, known)

    def complaint(self) -> Complaint | None:
        """What it answers, or that it does not."""
        try:
            self._facts()
        except PrinterFailure as failure:
            return Complaint(failure.what.partition(": ")[2].removesuffix(".") or failure.what, failure.remedy)
        return None

    def close(self) -> None:
        """Every question is a connection of its own: there is nothing to let go of."""
        self._closed = True

    # --- how it is ----------------------------------------------------------------------------------------------------
    def _look(self) -> PrinterState:
        state = self._facts().state
        with self._turn:
            for job_id, known in list(self._jobs.items()):
                if known.unwanted and known.end is None:
                    self._cancel(job_id, known)
        return state

    def _asked(self) -> PrinterState:
        state = self._facts().state
        self._glance.note(state)
        return state

    def _facts(self) -> Facts:
        answer = self._ask(
            Operation.GET_PRINTER_ATTRIBUTES,
            None,
            (Group.OPERATION, Tag.KEYWORD, "requested-attributes", list(Facts.ASKED)),
        )
        printers = answer.of(Group.PRINTER)
        return Facts(printers[0] if printers else {})

    # --- one job ------------------------------------------------------------------------------------------------------
    def _number(self, job_id: str, known: _Known) -> None:
        """Find a job whose answer was lost, by its name."""
        if known.number is not None or not known.tried:
            return
        for which in ("not-completed", "completed"):
            answer = self._ask(
                Operation.GET_JOBS,
                None,
                (Group.OPERATION, Tag.INTEGER, "limit", JOBS_ASKED),
                (Group.OPERATION, Tag.KEYWORD, "requested-attributes", _JOB_FACTS),
                (Group.OPERATION, Tag.KEYWORD, "which-jobs", which),
            )
            for values in answer.of(Group.JOB):
                number = values.get("job-id", (None,))[0]
                if values.get("job-name") == (JOB_NAME.format(job_id),) and isinstance(number, int):
                    known.number = number
                    return

    def _has(self, known: _Known) -> bool:
        assert known.number is not None
        values = self._job(known.number)
        if values is None:  # it was made and has timed out for want of a document
            known.number = None
            return False
        known.whole = received(values)
        return known.whole

    def _job(self, number: int) -> dict[str, tuple[object, ...]] | None:
        answer = self._ask(
            Operation.GET_JOB_ATTRIBUTES,
            number,
            (Group.OPERATION, Tag.KEYWORD, "requested-attributes", _JOB_FACTS),
            forgiven=_NOT_FOUND,
        )
        jobs = answer.of(Group.JOB)
        return dict(jobs[0]) if answer.well and jobs else None

    def _print_job(self, job_id: str, known: _Known, document_format: str, document: bytes) -> None:
        answer = self._ask(
            Operation.PRINT_JOB,
            None,
            (Group.OPERATION, Tag.NAME, "job-name", JOB_NAME.format(job_id)),
            (Group.OPERATION, Tag.MIME_TYPE, "document-format", document_format),
            (Group.JOB, Tag.KEYWORD, "media", self._media),
            document=document,
        )
        known.number, known.whole = _number(answer), True

    def _cancel(self, job_id: str, known: _Known) -> None:
        self._number(job_id, known)
        if known.number is not None:
            # “Not possible” is a job that is over already.
            self._ask(Operation.CANCEL_JOB, known.number, forgiven=(*_NOT_FOUND, 0x0404))
            values = self._job(known.number)
            known.end = JobState.FAILED if values is None else job_end(values)
            # A printer may take its time to throw a job away; it has been told.
            known.end = known.end or JobState.FAILED
        else:
            known.end = JobState.FAILED

    def _ticket(self, job_id: str, facts: Facts) -> list[Attribute]:
        ticket: list[Attribute] = [
            (Group.OPERATION, Tag.NAME, "job-name", JOB_NAME.format(job_id)),
            (Group.JOB, Tag.KEYWORD, "media", self._media),
        ]
        if "fit" in facts.scalings:  # a receipt or an identity card is no A4
            ticket.append((Group.JOB, Tag.KEYWORD, "print-scaling", "fit"))
        return ticket

    def _document(self, facts: Facts, job: Job) -> tuple[str, bytes]:
        if facts.media and self._media not in facts.media:
            raise PrinterFailure(
                PrinterState.STOPPED,
                f"The printer has no paper that is called {self._media}.",
                f"Set [printer] media to one of: {', '.join(sorted(facts.media)[:12])}.",
            )
        if PDF in facts.formats or not facts.formats:
            return PDF, job.pdf
        if PWG in facts.formats:
            return PWG, pwg_raster(job.pdf, dpi=facts.pwg_dpi)
        if URF in facts.formats:
            return URF, urf(job.pdf, dpi=facts.urf_dpi)
        raise PrinterFailure(
            PrinterState.STOPPED,
            f"The printer takes neither PDF nor raster but {', '.join(sorted(facts.formats))}.",
            "Fit a driverless printer (IPP Everywhere, AirPrint).",
        )

    def _ask(
        self,
        operation: Operation,
        job: int | None,
        *attributes: Attribute,
        document: bytes = b"",
        forgiven: tuple[int, ...] = (),
    ) -> Answer:
        if self._closed:
            raise PrinterFailure(PrinterState.UNREACHABLE, "The printer was closed.", "Restart the cabin's node.")
        try:
            answer = self._wire.ask(operation, next(self._numbers), job, attributes, document)
        except PrinterFailure as failure:
            self._glance.note(failure.state)
            raise
        if answer.well or answer.status in forgiven:
            return answer
        if answer.status in _BUSY:
            raise PrinterFailure(
                PrinterState.PRINTING, "The printer is busy with something else.", "Wait until it is done, then print."
            )
        raise PrinterFailure(
            PrinterState.STOPPED,
            f"The printer refuses ({operation.name.lower()}: status {answer.status:#06x}).",
            "Look at the printer's own display.",
        )


def _number(answer: Answer) -> int:
    for values in answer.of(Group.JOB):
        number = values.get("job-id", (None,))[0]
        if isinstance(number, int):
            return number
    raise PrinterFailure(
        PrinterState.STOPPED, "The printer took a job and gave it no number.", "Look at the printer's own display."
    )
