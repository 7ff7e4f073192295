"""What the cabin knows without asking anybody: what people come for, what they should bring, and what became of their papers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from edge.buffer import Buffer
from edge.kiosk.asking import Allowance, Found
from edge.kiosk.concerns import Concern, concerns, errands, unknown
from edge.storage.documents import Document, State
from protocol.directory import Directory
from protocol.errors import Refused
from protocol.ids import AreaId, receipt_number

log = structlog.get_logger("kiosk")


class Reference:
    """`directory` gives the one in force; `code`: three letters that this cabin's numbers begin with; `heard_at`: when the hub was last heard, None
    when not since the node started; `clock`: monotonic seconds."""

    def __init__(
        self,
        buffer: Buffer,
        directory: Callable[[], Directory | None],
        *,
        area: AreaId,
        code: str,
        heard_at: Callable[[], datetime | None],
        clock: Callable[[], float],
    ) -> None:
        self._buffer = buffer
        self._area = area
        self._heard_at = heard_at
        self._allowance = Allowance(clock)
        self.directory = directory
        self.code = code

    @property
    def choices(self) -> tuple[Concern, ...]:
        """What people come for; last what to do for whoever does not know."""
        directory = self.directory()
        if directory is None:
            return ()
        dispatcher = unknown(directory)
        return (*concerns(directory, self._area), *((dispatcher,) if dispatcher is not None else ()))

    @property
    def errands(self) -> tuple[Concern, ...]:
        """For what it is known what to bring."""
        directory = self.directory()
        return errands(directory, self._area) if directory is not None else ()

    def counted(self) -> object:
        """What buttons count that choose by number: equal as long as each of them means the same."""
        directory = self.directory()
        agencies = [agency.id for agency in directory.agencies] if directory is not None else []
        return [choice.chosen for choice in self.choices], [errand.chosen for errand in self.errands], agencies

    def document(self, receipt: str) -> Document | None:
        """What became of the papers with this number; None: there are none here."""
        return self._buffer.document(receipt)

    def look_up(self, digits: str) -> Found | None:
        """For somebody who typed these digits. None: too many numbers were asked for here."""
        try:
            number = receipt_number(f"{self.code}-{digits}")
        except Refused:
            return Found(f"{self.code}-{digits}", None)
        if not self._allowance.take():
            log.warning("number.not-answered")
            return None
        return Found(number, self.document(number))

    def as_of(self, document: Document, now: datetime, *, connected: bool) -> datetime:
        """Since when the state of these papers may have become another one: what still lies here is known now, the rest is the hub's word."""
        if connected or document.state in (State.WAITING, State.DAMAGED):
            return now
        return self._heard_at() or document.changed_at
