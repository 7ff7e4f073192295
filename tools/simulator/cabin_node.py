"""One cabin in virtual time: the real buffer on a real disk, the real connection; dialling and waiting are events."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Final

from edge.buffer import Buffer, News
from edge.connection import Connection, pause_seconds
from edge.vitals import vitals
from protocol import frames, limits
from protocol.directory import agency, inbox
from protocol.entries import VisitEnded
from protocol.errors import Unavailable
from protocol.ids import Digest, SiteId
from protocol.manifest import Signed
from protocol.runtime.backoff import Backoff
from tools.simulator import district
from tools.simulator.agenda import NEVER, Agenda
from tools.simulator.disk import Disk
from tools.simulator.district import CabinKeys, District
from tools.simulator.kernel import Kernel
from tools.simulator.line import Line, Strand
from tools.simulator.node import Node
from tools.simulator.paper import Document

_REASONS: Final = {
    "beats missed": "silence",
    "no progress": "standstill",
    "no Hello came": "no-greeting",
    "the line was cut": "cut",
    "takes no more": "jam",
    "newer connection": "superseded",
}


class CabinNode(Node):
    """`accepted` is told of each document once the visitor was told „angenommen“, `tried` of each that may be there or not."""

    kind = "cabin"

    def __init__(
        self,
        name: str,
        keys: CabinKeys,
        place: District,
        directory: Signed,
        line: Line,
        kernel: Kernel,
        agenda: Agenda,
        disk: Disk,
        dice: random.Random,
        recoveries: Counter[str],
    ) -> None:
        super().__init__(name, kernel, agenda, disk, dice, recoveries)
        self.site: SiteId = keys.site.id
        self.keys = keys
        self.line = line
        self.buffer: Buffer | None = None
        self.connection: Connection | None = None
        self.keep_seconds = limits.KEPT_SECONDS  # of what the hub has secured, for as long as both are in touch
        self.plant: Callable[[CabinNode], None] = lambda _node: None
        self.plant_connection: Callable[[Connection], None] = lambda _connection: None
        self.tried: Callable[[CabinNode, Document], None] = lambda _node, _document: None
        self.accepted: Callable[[CabinNode, Document], None] = lambda _node, _document: None
        self.secured: Callable[[CabinNode, News], None] = lambda _node, _news: None
        self.checked: Callable[[CabinNode], None] = lambda _node: None
        self.user = f"cabin:{self.site}:{keys.curve.public.hex()}"
        self._place = place
        self.directory = directory  # what it was enrolled with
        self._strand: Strand | None = None
        self._backoff = Backoff(self.dice.random)
        self._boot = b""
        self._grown = False

    # --- life ----------------------------------------------------------------------------------------------------
    def open(self) -> None:
        """The buffer, as edge/app.py opens it."""
        self._boot = self.dice.randbytes(16)
        self.buffer = Buffer(
            self.disk.folder,
            now=self.utc,
            random=self.dice.randbytes,
            site=self.site,
            code=self.keys.invitation.code,
            signing_key=self.keys.signing.private(),
            journal_recipient=str(self._place.journal.recipient()),
            authority_key=self._place.authority.public,
            keep_seconds=self.keep_seconds,
        )
        if not self.buffer.directory_version():
            self.buffer.set_directory(self.directory)
        self.plant(self)

    def opened(self) -> None:
        """Look at what is there, then dial."""
        self._backoff = Backoff(self.dice.random)
        self.checked(self)
        self.agenda.after(self.dice.random(), self._dial)

    def farewell(self) -> None:
        """It hangs up."""
        if self.connection is not None:
            self.connection.close("the cabin is being stopped")

    def close(self) -> None:
        """The process is gone."""
        self.connection = None
        strand, self._strand = self._strand, None
        if strand is not None:
            strand.hang_up()
        buffer, self.buffer = self.buffer, None
        if buffer is not None:
            buffer.close()

    # --- the line ------------------------------------------------------------------------------------------------
    def _dial(self) -> None:
        life = self._lives
        if self.runs and self.connection is None:
            self.line.dial(
                self.user, lambda: self.waker.by(self.agenda.clock), lambda s, why: self._answered(s, why, life), self
            )

    def _answered(self, strand: Strand | None, why: str, life: int) -> None:
        if life != self._lives or not self.runs:
            if strand is not None:
                strand.hang_up()
            return
        if strand is None:
            self._pause(None)
            return
        self._strand = strand
        buffer = self.buffer
        assert buffer is not None

        def say(first: bytes, data: bytes | None) -> None:
            self.tripwire.step()
            strand.say(first, data)

        self.connection = Connection(buffer, self, say, self.clock, self.utc)
        self.plant_connection(self.connection)
        if self.does(self.connection.begin):
            self.waker.by(self.agenda.clock)

    def turn(self) -> None:
        """As `Uplink._talk` does."""
        connection, strand = self.connection, self._strand
        if connection is None or strand is None:
            return
        if not strand.failure:
            grown, self._grown = self._grown, False
            heard = [strand.inbox.popleft() for _ in range(min(len(strand.inbox), limits.HIGH_WATER_MESSAGES))]
            connection.turn(heard, grown)
        if connection.over or strand.failure:
            connection.close(strand.failure or "stopped")
            self.recoveries[f"cabin-dialled-anew-after-{_why(connection.reason)}"] += 1
            strand.hang_up(lingering=connection.refused)
            self.connection = self._strand = None
            self._pause(connection)

    def _pause(self, connection: Connection | None) -> None:
        life = self._lives
        seconds = pause_seconds(connection, self._backoff) if connection else self._backoff.absent_seconds()
        self.agenda.after(seconds, lambda: self._dial() if life == self._lives else None)

    def due_at(self) -> float:
        """The link's own timer, or more that has come."""
        if self.connection is None or self._strand is None:
            return NEVER
        return self.agenda.clock if self._strand.inbox else self.connection.deadline

    # --- people --------------------------------------------------------------------------------------------------
    def hand_in(self, document: Document) -> None:
        """A visitor confirms a document."""
        self._writes(lambda buffer: self._hand_in(buffer, document))

    def _hand_in(self, buffer: Buffer, document: Document) -> None:
        known = buffer.directory_in_force()
        if known is None or all(each.id != document.agency for each in known.agencies):
            return  # the screen does not name it
        if (
            self.dice.random() < 0.5
        ):  # as reception asks before pages are taken; for the others the disk fills meanwhile
            buffer.room_for(len(document.raw))
        staging = buffer.stage()
        try:
            receipt = buffer.issue_number()
            raw = document.raw
            for start in range(0, len(raw), 65536):
                staging.write(raw[start : start + 65536])
            self.tried(self, document)
            staging.put(document.facts(receipt, self.utc(), inbox(agency(known, document.agency)).epoch))
            self.accepted(self, document)
        except Unavailable:
            staging.discard()
            raise

    def visit(self) -> None:
        """Somebody was there and left."""
        now = self.utc()
        self._writes(lambda b: b.append(VisitEnded(self.dice.randbytes(16), now, now, "left", 0, "de")))

    def _writes(self, act: Callable[[Buffer], object]) -> None:
        if self.buffer is None:
            return
        buffer = self.buffer

        def attempt() -> None:
            try:
                act(buffer)
            except Unavailable as trouble:
                self.recoveries["visitor-was-told-of-a-full-disk"] += 1
                if buffer.troubles and trouble.what in buffer.troubles:
                    raise

        if self.does(attempt):
            self._grown = True
            self.looked()
            self.waker.by(self.agenda.clock)

    # --- what a connection asks ----------------------------------------------------------------------------------
    def introduce(self) -> tuple[SiteId, bytes, str]:
        """Who calls."""
        return self.site, self._boot, district.SOFTWARE

    def vitals(self) -> frames.Vitals:
        """As the node tells them."""
        assert self.buffer is not None
        return vitals(self.buffer, devices={}, visitor=False, now=self.utc())

    def observe(self, frame: frames.Hello | frames.Beat, round_trip_seconds: float) -> None:
        """The hub lives."""

    def heard(self, whisper: frames.Whisper) -> None:
        """Nobody listens."""

    def brought(self, news: News) -> None:
        """A turn brought something."""
        self.recoveries["directory-came-into-force"] += news.directory is not None
        self.secured(self, news)

    def holds(self, digest: Digest) -> bytes | None:
        """The bytes of a document, as the buffer gives them out."""
        return self.buffer.read(digest, 0, limits.ENVELOPE_BYTES_MAX) if self.buffer else None


def _why(reason: str) -> str:
    """Reasons of one kind as one word."""
    return next((word for part, word in _REASONS.items() if part in reason), "refusal")
