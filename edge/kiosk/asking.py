"""„Wo sind meine Unterlagen?“: somebody types a number, and is told how the papers stand and nothing else.

Numbers are short, so that people can read them out, and half of them are in use: who guesses hits. So whoever types one learns neither for which
agency the papers are nor what the agency wrote, and a cabin answers only so many numbers an hour, right or wrong, whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from edge.storage.documents import Document
from edge.storage.numbers import DIGITS_MAX, DIGITS_MIN

WRONG_MAX: Final = 3  # in one visit
ASKED_MAX: Final = 6  # at once; one who has lost a slip tries a few
AGAIN_SECONDS: Final = 300.0  # after which one more is answered: 12 an hour, of the 500 or more that are in use


class Found(NamedTuple):
    """The answer: `document` is None where there is none with this number here."""

    number: str
    document: Document | None


class Allowance:
    """How many numbers this cabin still answers. Outlives visits, so that a new visit brings nobody a new guess. `clock`: monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = float(ASKED_MAX)
        self._at = clock()

    def take(self) -> bool:
        """One number more; False: not now."""
        now = self._clock()
        self._left = min(float(ASKED_MAX), self._left + (now - self._at) / AGAIN_SECONDS)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Asking:
    """What one visitor types and was told. Forgotten with the visit."""

    def __init__(self) -> None:
        self.digits = ""
        self.found: Found | None = None
        self.wrong = 0
        self._told: dict[str, Found] = {}

    def begin(self) -> None:
        """An empty number."""
        self.digits, self.found = "", None

    def type(self, digit: str) -> None:
        """One digit more, as long as there may be more."""
        self.found = None
        if len(self.digits) < DIGITS_MAX:
            self.digits += digit

    def delete(self) -> None:
        """The last one was not meant."""
        self.digits, self.found = self.digits[:-1], None

    @property
    def complete(self) -> bool:
        """It may be a number."""
        return len(self.digits) >= DIGITS_MIN

    @property
    def tries_left(self) -> int:
        """How often this visitor may still err."""
        return WRONG_MAX - self.wrong

    def ask(self, look_up: Callable[[str], Found | None]) -> bool:
        """Look it up. The same number again costs nothing, whether it was right or wrong. False: no further answer."""
        if self.tries_left <= 0:
            return False
        known = self._told.get(self.digits)
        found = known or look_up(self.digits)
        if found is None:
            return False
        self._told[self.digits], self.found = found, found
        if found.document is None:
            self.wrong += known is None
            self.digits = ""
        return self.tries_left > 0 or found.document is not None
