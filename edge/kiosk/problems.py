"""Which words the screen has for what was met: the key behind `trouble.` in the catalogues."""

from __future__ import annotations

from edge.buffer import Buffer
from edge.capture.workshop import PagesGone
from edge.stay import Stay
from edge.storage import disk
from hardware.printer import PrinterFailure, PrinterState
from hardware.scanner import ScannerFailure, ScannerState
from protocol.errors import Code, Refused, Unavailable


def problem(stay: Stay | None, buffer: Buffer) -> str:
    """What a visitor is told about the last trouble of this visit; `buffer` knows whether the disk is full by now."""
    if stay is None:
        return "failed"
    trouble = stay.trouble
    if isinstance(stay.cause, ScannerFailure):
        # That the device may not be used is nothing that a visitor could mend.
        known = stay.cause.state not in (ScannerState.READY, ScannerState.DENIED)
        return str(stay.cause.state) if known else str(ScannerState.UNREACHABLE)
    if isinstance(stay.cause, PrinterFailure):
        return "printer_paper" if stay.cause.state is PrinterState.EMPTY else "printer"
    if isinstance(trouble, PagesGone):
        return "pages-lost"
    if isinstance(trouble, Refused):
        return "too-many" if trouble.code is Code.TOO_LARGE else "unreadable"
    return "full" if _full(buffer) else "failed"


def _full(buffer: Buffer) -> bool:
    # Whoever met it, the spool of the pages or the outbox, writes to the same disk.
    try:
        buffer.room_for(0)
    except Unavailable as lack:
        return lack.what == disk.FULL
    return False
