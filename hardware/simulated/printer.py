"""A printer without hardware: keeps what it has printed, and misbehaves while flags are up on its stage.

Flags: jammed, cover-open, no-paper, no-toner, unplugged; slow makes each job take SLOW_SECONDS longer.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from hardware.printer import Job, JobState, PrinterFailure, PrinterState
from hardware.simulated.stage import COVER_OPEN, JAMMED, NO_PAPER, SLOW, UNPLUGGED, Stage

DEVICE: Final = "printer"
NO_TONER: Final = "no-toner"
SLOW_SECONDS: Final = 20.0
PRINTED_KEPT: Final = 20
_FAULTS: Final = {  # the worst first: of two, this is told
    UNPLUGGED: PrinterState.UNREACHABLE,
    COVER_OPEN: PrinterState.COVER_OPEN,
    JAMMED: PrinterState.JAMMED,
    NO_PAPER: PrinterState.EMPTY,
    NO_TONER: PrinterState.NO_TONER,
}


class SimulatedPrinter:
    """Prints each job `seconds` after it was handed over, seen whenever it is asked; `clock` gives monotonic seconds. As with a real one, a job
    that is handed over while it is empty, jammed or open waits until somebody has helped."""

    def __init__(self, stage: Stage, *, seconds: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._stage = stage
        self._seconds = seconds
        self._clock = clock
        self._guard = threading.Lock()
        self._closed, self._loses_answer = False, False
        self._queue: deque[Job] = deque()
        self._ends: dict[str, JobState] = {}
        self._worked_seconds = 0.0
        self._looked_at = clock()
        self._printed: deque[Job] = deque(maxlen=PRINTED_KEPT)

    def state(self) -> PrinterState:
        """The worst flag, else whether it has something to do."""
        with self._guard:
            return self._look()

    def print(self, job: Job) -> None:
        """Take it into the queue, unless it has been there before."""
        with self._guard:
            self._reach()
            if job.id not in self._ends and not self._waiting(job.id):
                self._queue.append(job)
            if self._loses_answer:
                self._loses_answer = False
                raise _silent()

    def progress(self, job_id: str) -> JobState:
        """Of the first job in the queue what the printer does; others wait."""
        with self._guard:
            state = self._reach()
            if job_id in self._ends:
                return self._ends[job_id]
            if not self._waiting(job_id):
                raise PrinterFailure(PrinterState.STOPPED, "The printer does not know this job.", "Print it again.")
            if job_id != self._queue[0].id:
                return JobState.WAITING
            return JobState.PRINTING if state.prints else JobState.STOPPED

    def cancel(self, job_id: str) -> None:
        """Out of the queue; to be told is enough, also unplugged."""
        with self._guard:
            state = self._look()
            if job := self._waiting(job_id):
                if self._queue[0] is job:
                    self._worked_seconds = 0.0
                self._queue.remove(job)
                self._ends[job_id] = JobState.FAILED
            if state is PrinterState.UNREACHABLE:
                raise _silent()

    def close(self) -> None:
        """It does not answer from now on."""
        with self._guard:
            self._closed = True

    @property
    def printed(self) -> tuple[Job, ...]:
        """What lies in its tray, the last ones, oldest first. In memory only: it is what a visitor takes home."""
        with self._guard:
            self._look()
            return tuple(self._printed)

    def lose_answer(self) -> None:
        """It takes the next job, and whoever hands it over does not hear of it."""
        with self._guard:
            self._loses_answer = True

    def _waiting(self, job_id: str) -> Job | None:
        return next((job for job in self._queue if job.id == job_id), None)

    def _reach(self) -> PrinterState:
        state = self._look()
        if state is PrinterState.UNREACHABLE:
            raise _silent()
        return state

    def _look(self) -> PrinterState:
        """How it is, and what it has done since it was last looked at: nobody turns its wheels but the clock."""
        flags, now = self._stage.flags(DEVICE), self._clock()
        fault = next((state for flag, state in _FAULTS.items() if flag in flags), None)
        if self._closed:
            fault = PrinterState.UNREACHABLE
        if fault is None and self._queue:
            self._worked_seconds += now - self._looked_at
        job_seconds = self._seconds + SLOW_SECONDS * (SLOW in flags)
        while fault is None and self._queue and self._worked_seconds >= job_seconds:
            self._worked_seconds -= job_seconds
            job = self._queue.popleft()
            self._printed.append(job)
            self._ends[job.id] = JobState.PRINTED
        if not self._queue:
            self._worked_seconds = 0.0
        self._looked_at = now
        return fault or (PrinterState.PRINTING if self._queue else PrinterState.READY)


def _silent() -> PrinterFailure:
    return PrinterFailure(PrinterState.UNREACHABLE, "The printer does not answer.", "Check its cable and its power.")
