"""Faults of our own, planted to see whether the simulation notices. Each slips a subclass with the fault under a real part of a node.

A new one is one class and one row. What the fault would do to people stands in its docstring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cloud.awaited import Awaited
from cloud.delivery import Delivery
from cloud.hub import TURN_BYTES_MAX, TURN_MESSAGES_MAX, Hub
from cloud.hub import Connection as HubConnection
from cloud.ledger import Ledger
from cloud.site_log import Place, SiteLog
from cloud.storage.blobs.segments import Segments
from cloud.storage.blobs.sums import Sums
from cloud.turn import Turn, Wanted
from edge.buffer import Buffer
from edge.connection import Connection, Message
from edge.storage.inlet import Inlet, News
from edge.storage.numbers import Numbers
from edge.storage.outbox import AgencyRow, Facts, Outbox, Put, Staging
from protocol import frames
from protocol.entries import Entry, Mark
from protocol.errors import Unavailable
from protocol.ids import Digest, SiteId
from protocol.link import Link
from protocol.manifest import Manifest
from protocol.runtime.wires import Message as Hearing
from tools.simulator.cabin_node import CabinNode
from tools.simulator.hub_node import HubNode

if TYPE_CHECKING:
    from tools.simulator.simulation import Simulation

T = TypeVar("T")
Plant = Callable[["Simulation"], None]


def slip(part: object, fault: type) -> None:
    """From now on this part has the fault: `fault` is a subclass of its class."""
    assert issubclass(fault, type(part)), f"{fault.__name__} is no {type(part).__name__}"
    part.__class__ = fault


# --- at the hub ---------------------------------------------------------------------------------------------------
class AckBeforeCommit(Hub):
    """A cabin forgets an entry that a power cut then takes from the hub."""

    def _hear_cabin(self, *args: Any) -> HubConnection | None:
        connection = super()._hear_cabin(*args)
        if connection is not None:
            connection.pump.settled()
        return connection


class AnswerBeforeSettle(Hub):
    """An agency is told „done“, and the visitor never learns that the document was accepted."""

    def _hear_counter(self, *args: Any) -> None:
        super()._hear_counter(*args)
        for route, answer in self._answers:
            self.listener.say(route, frames.encode(answer))
        self._answers.clear()


class HelloBeforeSettle(Hub):
    """As with an acknowledgement: a Hello says how far the hub holds the log."""

    def _messages(self, heard: dict[bytes, HubConnection]) -> Iterator[Hearing]:
        """All at once."""
        return self.listener.receive(TURN_MESSAGES_MAX, TURN_BYTES_MAX)


class OlderStays(Hub):
    """A connection that was given up goes on beside its successor."""

    def _open(self, *args: Any) -> HubConnection:
        by_site, self._by_site = self._by_site, {}
        try:
            return super()._open(*args)
        finally:
            self._by_site = {**by_site, **self._by_site}


class NoBlobSync(Segments):
    """A document is secured whose bytes are still in memory."""

    def sync(self) -> None:
        """Nothing."""


class NoDigestCheck(Delivery):
    """Altered bytes lie in an inbox."""

    def consider(self, turn: Turn, place: Place, awaited: Awaited, sums: Sums) -> bool:
        """Believe them."""
        believed = Sums()
        believed.__class__ = type("Believed", (Sums,), {"__slots__": (), "digest": lambda _sums: awaited.digest})
        believed.size_bytes = sums.size_bytes
        believed.header_sha256, believed.payload_bytes = awaited.header_sha256, awaited.length_bytes
        believed._payload = type("Payload", (), {"digest": lambda _self: awaited.payload_sha256})()
        return super().consider(turn, place, awaited, believed)


class SkipPlace(Delivery):
    """A connector that counts places believes that a document was withheld."""

    def consider(self, turn: Turn, place: Place, awaited: Awaited, sums: Sums) -> bool:
        """Take two places."""
        if sums.size_bytes == awaited.size_bytes and awaited.digest[0] < 64:
            self._known.next_place(turn.connection, awaited.agency)
        return super().consider(turn, place, awaited, sums)


class ReceiptWithoutInbox(Delivery):
    """„Gesichert“ on the screen, and nothing in the inbox."""

    def consider(self, turn: Turn, place: Place, awaited: Awaited, sums: Sums) -> bool:
        """Forget the row."""
        done = super().consider(turn, place, awaited, sums)
        if done:
            turn._stored.clear()
        return done


class SkipEntry(Ledger):
    """An entry is acknowledged and held nowhere."""

    def _arrive(self, place: Place, before: Mark, entry: Entry) -> None:
        if entry.number % 11:
            super()._arrive(place, before, entry)


class NeverAskedAgain(Ledger):
    """What was under way when the line was cut stays in the cabin for ever."""

    def wanted(self, site: SiteId) -> list[Wanted]:
        """Nothing."""
        super().wanted(site)
        return []


class ForgetWhenSent(SiteLog):
    """A receipt that a cut swallowed is never sent again."""

    sent: dict[Place, int]

    def first(self) -> int:
        """What was sent is no longer here."""
        return max(super().first(), self.sent.get(self._place, 0) + 1)

    def read(self, after: int, bytes_max: int, count_max: int) -> Sequence[Entry]:
        """And let go."""
        found = super().read(after, bytes_max, count_max)
        if found:
            self.sent[self._place] = found[-1].number
        return found


class ForgetfulLedger(Ledger):
    """Gives out logs that forget."""

    def log(self, site: SiteId) -> SiteLog:
        """One of them."""
        log = super().log(site)
        slip(log, ForgetWhenSent)
        assert isinstance(log, ForgetWhenSent)
        log.sent = self.__dict__.setdefault("sent", {})
        return log


class FreeWhenFetched(Ledger):
    """A document is let go of before its agency has accepted it."""

    def settle(self, *, everything: bool = False) -> Any:
        """Free what lies in an inbox."""
        for told in self._told:
            with self.database.reading() as connection:
                row = connection.exec_driver_sql(
                    "SELECT digest FROM document WHERE envelope = ?", (told.envelope,)
                ).first()
            if row is not None:
                self.blobs.forget(row.digest)
        return super().settle(everything=everything)


# --- in the cabin -------------------------------------------------------------------------------------------------
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


class ForgetBeforeReceipt(Inlet):
    """A document is let go of when the hub holds its entry, before it holds its bytes."""

    def settle(self) -> News:
        """Free what is announced."""
        for row in self._documents.rows.where("WHERE state = 'waiting' AND entry <= ?", (self._log.told,)):
            self._blobs.free(Digest(row.digest))
        return super().settle()


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
        self.deadline = self._beat_at


class NumberGivenTwice(Numbers):
    """Two visitors go home with one number."""

    def issue(self, random: Callable[[int], bytes]) -> Any:
        """Always from the same luck."""
        return super().issue(bytes)


def _hub(fault: type, part: Callable[[HubNode], object]) -> Plant:
    def plant(simulation: Simulation) -> None:
        simulation.hub.plant = lambda node: slip(part(node), fault)

    return plant


def _cabin(fault: type, part: Callable[[CabinNode], object]) -> Plant:
    def plant(simulation: Simulation) -> None:
        for cabin in simulation.cabins:
            cabin.plant = lambda node: slip(part(node), fault)

    return plant


def _connection(fault: type, part: Callable[[Connection], object]) -> Plant:
    def plant(simulation: Simulation) -> None:
        for cabin in simulation.cabins:
            cabin.plant_connection = lambda connection: slip(part(connection), fault)

    return plant


def _accept_when_full(simulation: Simulation) -> None:
    class Stages(Buffer):
        def stage(self) -> Staging:
            staging = super().stage()
            slip(staging, AcceptWhenFull)
            return staging

    _cabin(Stages, _buffer)(simulation)


def _running_hub(node: HubNode) -> Hub:
    assert node.hub is not None
    return node.hub


def _ledger(node: HubNode) -> Ledger:
    assert node.ledger is not None
    return node.ledger


def _buffer(node: CabinNode) -> Buffer:
    assert node.buffer is not None
    return node.buffer


@dataclass(frozen=True)
class Planted:
    """`plant` puts it in; `provoked_by` are the faults of the world that bring it to light, which then happen more often."""

    plant: Plant
    provoked_by: tuple[str, ...] = ()


_SILENT: Final = ("silent-cut", "silent-up", "silent-down")
PLANTED: Final[dict[str, Planted]] = {
    "ack-before-commit": Planted(_hub(AckBeforeCommit, _running_hub)),
    "answer-before-settle": Planted(_hub(AnswerBeforeSettle, _running_hub)),
    "hello-before-settle": Planted(_hub(HelloBeforeSettle, _running_hub), ("slow-disk",)),
    "older-connection-stays": Planted(_hub(OlderStays, _running_hub), ("half-open",)),
    "no-blob-sync": Planted(_hub(NoBlobSync, lambda node: _ledger(node).blobs), ("hub-power-cut",)),
    "no-digest-check": Planted(_hub(NoDigestCheck, lambda node: _ledger(node)._delivery), ("altered-byte",)),
    "skip-place": Planted(_hub(SkipPlace, lambda node: _ledger(node)._delivery)),
    "receipt-without-inbox": Planted(_hub(ReceiptWithoutInbox, lambda node: _ledger(node)._delivery)),
    "skip-entry": Planted(_hub(SkipEntry, _ledger)),
    "never-asked-again": Planted(_hub(NeverAskedAgain, _ledger), ("reset", "flap")),
    "forget-when-sent": Planted(_hub(ForgetfulLedger, _ledger), _SILENT),
    "free-when-fetched": Planted(_hub(FreeWhenFetched, _ledger), ("hub-killed",)),
    "ack-before-sync": Planted(_connection(AckBeforeSync, lambda connection: connection)),
    "deaf-to-silence": Planted(_connection(DeafToSilence, lambda connection: connection._pump.link), _SILENT),
    "forget-before-receipt": Planted(_cabin(ForgetBeforeReceipt, lambda node: _buffer(node)._inlet)),
    "counter-sticks": Planted(_cabin(CounterSticks, lambda node: _buffer(node)._outbox)),
    "accept-when-full": Planted(_accept_when_full, ("cabin-disk-full",)),
    "number-given-twice": Planted(_cabin(NumberGivenTwice, lambda node: _buffer(node)._numbers)),
}
