"""The port of everything that puts a page on paper: what it is asked, what it says about a job, how it fails.

Only the printer knows when a page is on paper. A job is told as PRINTED when the device has said so, never because the bytes were sent; and a
job that was sent while the answer was lost is looked for before it is sent again: nobody finds two slips with one number.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol


class PrinterState(enum.StrEnum):
    """How a printer is; the words of a failure name the same."""

    READY = "ready"
    PRINTING = "printing"
    LOW_PAPER = "low-paper"
    LOW_TONER = "low-toner"
    EMPTY = "empty"
    NO_TONER = "no-toner"
    JAMMED = "jammed"
    COVER_OPEN = "cover-open"
    STOPPED = "stopped"
    UNREACHABLE = "unreachable"
    ABSENT = "absent"

    @property
    def prints(self) -> bool:
        """A job that is given to it now comes out without anybody's help."""
        return self in (PrinterState.READY, PrinterState.PRINTING, PrinterState.LOW_PAPER, PrinterState.LOW_TONER)


class JobState(enum.StrEnum):
    """How far a job is. PRINTED and FAILED are the ends; STOPPED waits for a person: ask the printer's `state` what for."""

    WAITING = "waiting"
    PRINTING = "printing"
    STOPPED = "stopped"
    PRINTED = "printed"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """Nothing further comes."""
        return self in (JobState.PRINTED, JobState.FAILED)


@dataclass(frozen=True)
class Job:
    """One document to print, one copy, one side. `id` is random and ours: it is all that a printer's list of jobs shows, so it must say nothing
    about anybody. `pdf` has pages of A4 unless the printer has other paper."""

    id: str
    pdf: bytes


class PrinterFailure(Exception):  # noqa: N818 - a noun, as everywhere here
    """The device did not do it. `what` is a sentence, `remedy` tells the person at the device what to do."""

    def __init__(self, state: PrinterState, what: str, remedy: str) -> None:
        super().__init__(what)
        self.state = state
        self.what = what
        self.remedy = remedy


class Printer(Protocol):
    """Every implementation passes tests/contracts/test_printer.py. All but `close` may block for seconds; call them outside an event loop.
    Any thread may call any of them at any time."""

    def state(self) -> PrinterState:
        """How it is now. Never raises; answers within two seconds."""

    def print(self, job: Job) -> None:
        """Hand the job over. Raises PrinterFailure when it is not certain that the printer has it: hand the same job over again (the same `id`
        never prints twice, whatever was lost on the way), or cancel it."""

    def progress(self, job_id: str) -> JobState:
        """What the printer says about a job that was handed over. Raises PrinterFailure when it cannot be asked or does not know the job."""

    def cancel(self, job_id: str) -> None:
        """What is not on paper yet does not come any more: a stopped job must not come out before the next visitor. Nothing happens to a job
        that is over or unknown. Raises PrinterFailure when the printer cannot be told now; it is told as soon as it answers again."""

    def close(self) -> None:
        """Let go of the device; twice is no error. A closed printer is UNREACHABLE."""
