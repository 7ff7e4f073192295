"""One document from the pages in the worker to the outbox: plaintext ends here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final, ParamSpec, TypeVar

from edge.addressee import Addressee
from edge.buffer import Buffer
from edge.capture import dialogue
from edge.capture.workshop import Workshop
from edge.storage.outbox import Facts, Put, Staging
from protocol.errors import Mistake
from protocol.ids import EnvelopeId, ReceiptNumber
from protocol.randomness import Random, draw

ENVELOPE_ID_BYTES: Final = 16
P = ParamSpec("P")
T = TypeVar("T")


class Sealing:
    """Owns one staging. `seal`, then `store`; `discard` in any case. The buffer's waits for the disk happen outside the event loop."""

    def __init__(self, buffer: Buffer, workshop: Workshop, random: Random) -> None:
        self._buffer = buffer
        self._workshop = workshop
        self._random = random
        self._staging: Staging | None = None
        self._facts: Facts | None = None

    async def seal(
        self, to: Addressee, pages: tuple[int, ...], captured_at: datetime, language: str
    ) -> tuple[ReceiptNumber, dialogue.SealedUp]:
        """Seal these pages of the worker to `to` and write the envelope into the buffer, where nothing of it counts yet.

        Raises Refused, PagesGone, and Unavailable when the disk is full."""
        receipt = await undisturbed(self._buffer.issue_number)
        envelope = EnvelopeId(draw(self._random, ENVELOPE_ID_BYTES))
        order = dialogue.Seal(
            recipient=to.inbox.recipient,
            envelope=envelope,
            receipt=receipt,
            agency=to.agency.id,
            epoch=to.inbox.epoch,
            captured_at=captured_at,
            service=to.service or "",
            title=to.title,
            language=language,
            pages=pages,
        )
        staging = self._staging = self._buffer.stage()
        summary, sealed = b"", None
        async for report in self._workshop.seal(order):
            match report:
                case dialogue.SummarySealed():
                    summary = report.sealed
                case dialogue.Part():
                    await undisturbed(staging.write, report.piece)
                case dialogue.SealedUp():
                    sealed = report
        if sealed is None:
            raise Mistake("The capture worker sealed nothing and did not say so.")
        self._facts = Facts(
            envelope=envelope,
            receipt=receipt,
            agency=to.agency.id,
            epoch=to.inbox.epoch,
            captured_at=captured_at,
            length_bytes=sealed.payload_bytes,
            header_sha256=sealed.header_sha256,
            payload_sha256=sealed.payload_sha256,
            summary=summary,
        )
        return receipt, sealed

    async def store(self) -> Put:
        """Accept it: durable on return. Raises Unavailable; then nothing of it is there."""
        if self._staging is None or self._facts is None:
            raise Mistake("A document was to be stored that has not been sealed.")
        return await undisturbed(self._staging.put, self._facts)

    def discard(self) -> None:
        """Forget what was not stored; twice is no error."""
        if self._staging is not None:
            self._staging.discard()


async def undisturbed(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Wait for `work` in a thread, and when this task is cancelled wait all the same: a thread goes on writing, and what it writes must not be
    discarded under its hands."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        task.exception()  # seen; whoever cancelled does not care
        raise
