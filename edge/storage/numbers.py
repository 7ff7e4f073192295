"""Receipt numbers: what the visitor takes home, unique for ever in this cabin, and no counter that tells how many came before."""

from __future__ import annotations

from typing import Final

import msgspec

from edge.storage.database import Database
from edge.storage.rows import Rows
from protocol import ids
from protocol.errors import Mistake, Unavailable
from protocol.ids import ReceiptNumber
from protocol.randomness import Random, draw

DIGITS_MIN: Final = 3
DIGITS_MAX: Final = 9
_DRAWS_MAX: Final = 500  # with half of the numbers free, that many misses do not happen before the sun goes out


class NumberRow(msgspec.Struct, frozen=True, array_like=True):
    """A number that was given out; `used` is 1 once it stands on an envelope."""

    receipt: str
    used: int


class Numbers:
    """Writes within a turn of `database`."""

    def __init__(self, database: Database, code: str) -> None:
        """`code`: three letters of the cabin. Raises Refused when it is none."""
        ids.receipt_number(f"{code}-{'0' * DIGITS_MIN}")
        self._database = database
        self._code = code
        self.rows = Rows(database, "number", NumberRow)

    def issue(self, random: Random) -> ReceiptNumber:
        """One that was never given out. While half of the numbers of a length are free, of that length; then one digit longer."""
        place = self._database.place
        digits, issued = place.digits, place.issued
        if issued >= 10**digits // 2:
            digits, issued = digits + 1, 0
        if digits > DIGITS_MAX:
            raise Unavailable("This cabin has used up its receipt numbers.", "Give it a new code: enrol it anew.")
        for _ in range(_DRAWS_MAX):
            drawn = int.from_bytes(draw(random, 8), "big") % 10**digits
            receipt = f"{self._code}-{drawn:0{digits}}"
            if self.rows.get(receipt) is None:
                self.rows.add(NumberRow(receipt, 0))
                place = self._database.place
                self._database.place = msgspec.structs.replace(place, digits=digits, issued=issued + 1)
                return ReceiptNumber(receipt)
        raise Mistake("The source of randomness repeats itself.")

    def use(self, receipt: ReceiptNumber) -> None:
        """Write it on an envelope. Raises Mistake when it was not issued here, or stands on one already."""
        row = self.rows.get(receipt)
        if row is None or row.used:
            raise Mistake(f"The receipt number {receipt} {'was used before' if row else 'was not issued here'}.")
        self.rows.replace(NumberRow(receipt, 1))
