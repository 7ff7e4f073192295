"""Faults of our own in a cabin's parts. What each would do to people stands in its docstring; planted.py says where they go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from edge.buffer import Buffer
from edge.connection import Connection, Message
from edge.storage.blobs import Blobs
from edge.storage.documents import DocumentRow
from edge.storage.inlet import Inlet, News
from edge.storage.kept import Kept
from edge.storage.numbers import Numbers
from edge.storage.outbox import AgencyRow, Facts, Outbox, Put, Staging
from protocol.effects import Effect
from protocol.errors import Code, Refused, Unavailable
from protocol.frames import Hello
from protocol.ids import Digest
from protocol.link import Link
from protocol.manifest import Manifest
from tools.simulator.slip import slip


class AckBeforeSync(Connection):
    """A receipt is acknowledged, the power fails, and the screen says „angenommen“ for ever."""

    def turn(self, messages: Iterable[Message], grown: bool) -> None:
        """Settled before it is."""
        real, self._buffer = self._buffer, _Late(self._buffer)  # type: ignore[assignment]
        try:
            super().turn(messages, grown)
        finally:
            self._buffer = real
        real.sync()


class _Late:
    """A buffer that syncs later than it says."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._buffer, name)

    def sync(self, *, quiet: bool = True) -> News:
        """Not yet."""
        return News()


class ParkedForEver(Inlet):
    """An agency has accepted with its new keys; the cabin's screen never says so."""

    def unpark(self, news: News) -> News:
        """The directory that names them is here, and nobody looks again."""
        return news


class KeepsTheOvertaken(Inlet):
    """A directory that nobody wants any more ends the cabin's uplink, or stays on its disk for ever."""

    def wants(self, digest: Digest) -> bool:
        """Whatever comes."""
        return True


class ForgetBeforeReceipt(Inlet):
    """A document is let go of when the hub holds its entry, before it holds its bytes."""

    def settle(self) -> News:
        """Free what is announced."""
        for row in self._receipts._documents.rows.where("WHERE state = 'waiting' AND entry <= ?", (self._log.told,)):
            self._blobs.free(Digest(row.digest))
        return super().settle()


class FreeWhenSecured(Kept):
    """A hub comes back from last night's copy, and what was handed in today is nowhere."""

    def keep(self, row: DocumentRow) -> None:
        """Not for a moment."""
        self._blobs.free(Digest(row.digest))


class FreeEarly(Kept):
    """As above, for whoever came in the evening."""

    def _over(self, secured: int) -> bool:
        return self._database.place.touch_seconds + self._unwritten_seconds - secured > self._keep_seconds / 10


class KeptForEver(Kept):
    """A cabin's disk fills with what everybody has long had."""

    def in_touch(self, seconds: float) -> None:
        """Time stands still."""


class SweptUnderTheCarpet(Blobs):
    """What one visitor broke off lies on the cabin's disk for ever."""

    def sweep(self, but: Collection[int] = (), chunks_max: int = 0) -> bool:
        """Done, it says."""
        for row in list(self.leaving.where("ORDER BY id")):
            if row.id not in but:
                self.leaving.drop(row.id)
        return False


class CounterSticks(Outbox):
    """The agency believes that a document was withheld."""

    def _manifest(self, facts: Facts, row: AgencyRow) -> Manifest:
        return super()._manifest(facts, AgencyRow(row.id, min(row.counter, 3), row.previous))


class AcceptWhenFull(Staging):
    """„Angenommen“ on the screen, and nothing on the disk."""

    def put(self, facts: Facts) -> Put:
        """Never fails."""
        try:
            return super().put(facts)
        except Unavailable:
            return Put(facts.receipt, facts.envelope, 0, Digest(self._hasher.digest()), self.size_bytes)


class DeafToSilence(Link):
    """A line that has gone silent is believed in for ever."""

    def _silence(self, now: float) -> str:
        return ""

    def _arm(self) -> None:
        super()._arm()
        self.deadline = self.beats.due_at


class NumberGivenTwice(Numbers):
    """Two visitors go home with one number."""

    def issue(self, random: Callable[[int], bytes]) -> Any:
        """Always from the same luck."""
        return super().issue(bytes)


class AckWhenHeard(Link):
    """As soon as an entry is heard, the other end is told that it is held."""

    def _speak(self, now: float, effects: list[Effect]) -> None:
        self.peer_log.committed = self.peer_log.heard.number
        super()._speak(now, effects)


def fork_believed(examine: Callable[[Link, Hello], None]) -> object:
    """A clone speaks, its entries are taken for known ones, and its visitors wait for ever."""

    def believed(self: Link, hello: Hello) -> None:
        try:
            examine(self, hello)
        except Refused as refused:
            if refused.code is not Code.LOG_FORK:
                raise

    return believed


class StagesWhenFull(Buffer):
    """Gives out stagings that accept on a full disk."""

    def stage(self) -> Staging:
        """One of them."""
        staging = super().stage()
        slip(staging, AcceptWhenFull)
        return staging
