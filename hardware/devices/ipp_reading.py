"""What the attributes of an IPP printer mean to us. RFC 8011, sections 5.3 and 5.4; PWG 5100.14; IANA's list of printer-state-reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final

from hardware.devices.ipp import Operation
from hardware.printer import JobState, PrinterState

_S = PrinterState
# By the keyword without its severity: (state when it is an error, state when it is a warning or a report); the worst first.
_REASONS: Final[dict[str, tuple[PrinterState, PrinterState]]] = {
    "media-jam": (_S.JAMMED, _S.JAMMED),
    "cover-open": (_S.COVER_OPEN, _S.COVER_OPEN),
    "door-open": (_S.COVER_OPEN, _S.COVER_OPEN),
    "interlock-open": (_S.COVER_OPEN, _S.COVER_OPEN),
    "media-needed": (_S.EMPTY, _S.EMPTY),  # a job waits for paper, however little the printer minds
    "media-empty": (_S.EMPTY, _S.LOW_PAPER),  # some tray: not always ours
    "input-tray-missing": (_S.EMPTY, _S.LOW_PAPER),
    "toner-empty": (_S.NO_TONER, _S.LOW_TONER),
    "marker-supply-empty": (_S.NO_TONER, _S.LOW_TONER),
    "output-area-full": (_S.STOPPED, _S.READY),
    "paused": (_S.STOPPED, _S.STOPPED),
    "moving-to-paused": (_S.STOPPED, _S.STOPPED),
    "shutdown": (_S.STOPPED, _S.STOPPED),
    "media-low": (_S.LOW_PAPER, _S.LOW_PAPER),
    "toner-low": (_S.LOW_TONER, _S.LOW_TONER),
    "marker-supply-low": (_S.LOW_TONER, _S.LOW_TONER),
}
_PROCESSING, _STOPPED = 4, 5  # printer-state, section 5.4.11
_JOB_STATES: Final = {  # job-state, section 5.3.7
    3: JobState.WAITING,
    4: JobState.WAITING,
    5: JobState.PRINTING,
    6: JobState.STOPPED,
    7: JobState.FAILED,
    8: JobState.FAILED,
    9: JobState.PRINTED,
}
_HELD: Final = 4
_COMING: Final = frozenset({"job-incoming", "job-data-insufficient"})
_DPI_BEST: Final = 300
_DPI: Final = range(72, 1201)  # a hostile printer must not make us paint a wall
Values = Mapping[str, Sequence[object]]


class Facts:
    """One printer as it is now, from its attributes."""

    ASKED: ClassVar[tuple[str, ...]] = (
        "printer-state",
        "printer-state-reasons",
        "printer-is-accepting-jobs",
        "operations-supported",
        "document-format-supported",
        "media-supported",
        "print-scaling-supported",
        "pwg-raster-document-resolution-supported",
        "urf-supported",
    )

    def __init__(self, values: Values) -> None:
        self._values = values
        self.formats = self._words("document-format-supported")
        self.media = self._words("media-supported")
        self.scalings = self._words("print-scaling-supported")
        operations = values.get("operations-supported", ())
        self.takes_apart = Operation.CREATE_JOB in operations and Operation.SEND_DOCUMENT in operations

    @property
    def pwg_dpi(self) -> int:
        """The resolution of PWG raster nearest to what pages are captured at. RFC 8011, section 5.1.16: the unit 3 is dots per inch."""
        return _nearest(
            each[0]
            for each in self._values.get("pwg-raster-document-resolution-supported", ())
            if isinstance(each, tuple) and len(each) == 3 and each[0] == each[1] and each[2] == 3
        )

    @property
    def urf_dpi(self) -> int:
        """The same of URF, which is told as in “RS300-600”."""
        return _nearest(
            int(dpi)
            for word in self._words("urf-supported")
            if word.startswith("RS")
            for dpi in word.removeprefix("RS").split("-")
            if dpi.isdecimal()
        )

    @property
    def state(self) -> PrinterState:
        """The worst there is to say."""
        number = self._values.get("printer-state", (0,))[0]
        told = {_told(word) for word in self._words("printer-state-reasons")} - {None}
        for states in _REASONS.values():
            for state in states:
                if state in told and not state.prints:
                    return state
        if number == _STOPPED or self._values.get("printer-is-accepting-jobs") == (False,):
            return PrinterState.STOPPED
        if number == _PROCESSING:
            return PrinterState.PRINTING
        return next((state for state in (_S.LOW_PAPER, _S.LOW_TONER) if state in told), PrinterState.READY)

    def _words(self, name: str) -> frozenset[str]:
        return frozenset(value for value in self._values.get(name, ()) if isinstance(value, str))


def _nearest(offered: Iterable[int]) -> int:
    return min((dpi for dpi in offered if dpi in _DPI), key=lambda dpi: abs(dpi - _DPI_BEST), default=_DPI_BEST)


def _told(word: str) -> PrinterState | None:
    """Without a suffix a reason is as grave as an error (RFC 8011, section 5.4.12)."""
    for suffix, place in (("-error", 0), ("-warning", 1), ("-report", 1)):
        if word.endswith(suffix):
            return _REASONS.get(word.removesuffix(suffix), (None, None))[place]
    return _REASONS.get(word, (None, None))[0]


def job_state(values: Values) -> JobState:
    """How far a job is."""
    state = _JOB_STATES.get(_number(values), JobState.WAITING)
    stopped = "printer-stopped" in values.get("job-state-reasons", ())
    return JobState.STOPPED if stopped and state is JobState.PRINTING else state


def job_end(values: Values) -> JobState | None:
    """PRINTED only when it came out without errors; None while it is not over."""
    state = job_state(values)
    if state is JobState.PRINTED and "job-completed-with-errors" in values.get("job-state-reasons", ()):
        return JobState.FAILED
    return state if state.over else None


def received(values: Values) -> bool:
    """The printer has the whole document, or wants none any more."""
    state = _number(values)
    return state != _HELD and (state > _HELD or not _COMING.intersection(values.get("job-state-reasons", ())))


def _number(values: Values) -> int:
    number = values.get("job-state", (0,))[0]
    return number if isinstance(number, int) else 0
