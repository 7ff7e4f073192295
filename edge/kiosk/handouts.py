"""What visitors take away on paper: copies, the slip with their number, the list of what to bring. The screen goes on meanwhile, and says how
it went."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog

from edge.capture.workshop import Workshop
from edge.kiosk.concerns import Concern
from edge.kiosk.press import Press
from edge.kiosk.reference import Reference
from edge.kiosk.settings import Settings
from protocol.ids import ReceiptNumber

log = structlog.get_logger("kiosk")


class Holder(Protocol):
    """Who gets it. `concern`: what they came for; `slip`: what became of it, printing, printed or failed; `seen_number`: a number that
    counts as given out."""

    settings: Settings
    concern: Concern | None
    slip: str
    seen_number: str


class Handouts:
    """`told` is called when something has come out, or has not: whoever asked sees it."""

    def __init__(
        self,
        press: Press,
        reference: Reference,
        workshop: Workshop,
        utc: Callable[[], datetime],
        told: Callable[[], None],
    ) -> None:
        self._press = press
        self._reference = reference
        self._workshop = workshop
        self._utc = utc
        self._told = told

    @property
    def fitted(self) -> bool:
        """There is a printer."""
        return self._press.fitted

    @property
    def possible(self) -> bool:
        """It prints, as far as is known."""
        return self._press.state.prints

    async def look(self) -> None:
        """How the printer is now."""
        await self._press.look()

    async def copy(self, pages: tuple[int, ...]) -> None:
        """These pages on paper; they are on return. Raises Trouble and PrinterFailure."""
        await self._press.copy(self._workshop, pages)

    def slip(self, holder: Holder, receipt: ReceiptNumber) -> None:
        """The number."""
        directory, document = self._reference.directory(), self._reference.document(receipt)
        if directory is None or document is None or holder.slip == "printing":
            return
        holder.slip = "printing"
        language = holder.settings.language
        self._press.slip(document, holder.concern, directory, language, lambda how: self._came(holder, how, receipt))

    def papers(self, holder: Holder, errand: Concern) -> None:
        """What to bring."""
        directory = self._reference.directory()
        if directory is None or holder.slip == "printing":
            return
        holder.slip = "printing"
        language = holder.settings.language
        self._press.papers(errand, directory, language, self._utc(), lambda how: self._came(holder, how))

    async def close(self) -> None:
        """What is not on paper does not come."""
        await self._press.close()

    def _came(self, holder: Holder, how: str, receipt: str = "") -> None:
        if how == "printed" and receipt:
            log.info("number.given", receipt=receipt, how="printed")
        if holder.slip == "printing":
            holder.slip = how
            if how == "printed" and receipt:
                holder.seen_number = receipt
            self._told()
