"""One line of the doctor's: how something is, and what to do about it."""

from __future__ import annotations

import enum

import msgspec

from protocol.errors import Trouble


class Severity(enum.IntEnum):
    """Also the exit code of `kabine edge doctor`."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


class Finding(msgspec.Struct, frozen=True):
    """One line: `what` is a sentence, `remedy` an imperative one, empty when all is well."""

    name: str
    severity: Severity
    what: str
    remedy: str = ""


def critical(name: str, trouble: Trouble) -> Finding:
    """What went wrong while it was looked at."""
    return Finding(name, Severity.CRITICAL, trouble.what, trouble.remedy)


def span(seconds: float) -> str:
    """As people say it."""
    for size, word in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"
