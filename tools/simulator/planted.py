"""Faults of our own, planted to see whether the simulation notices: the table of `kabine simulate --plant`.

A new one is a class (planted_at_hub.py, planted_in_cabin.py) and a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cloud import awaited, damage, ingest
from cloud.hub import Hub
from cloud.ledger import Ledger
from cloud.storage.blobs.files import SegmentFiles
from cloud.storage.database import Database as HubDatabase
from cloud.turn import Turn
from edge.buffer import Buffer
from edge.connection import Connection
from edge.storage import opening
from edge.storage.database import Database as CabinDatabase
from edge.storage.high_water import HighWaterFile
from protocol import limits
from protocol.entries import EpochOpened
from protocol.link import Link
from tools.simulator import planted_at_hub as at_hub
from tools.simulator import planted_in_cabin as in_cabin
from tools.simulator.cabin_node import CabinNode
from tools.simulator.hub_node import HubNode
from tools.simulator.slip import slip, swap

if TYPE_CHECKING:
    from tools.simulator.simulation import Simulation

Plant = Callable[["Simulation"], None]


def _hub(fault: type, part: Callable[[HubNode], object]) -> Plant:
    def plant(simulation: Simulation) -> None:
        simulation.hub.plant = lambda node: slip(part(node), fault)

    return plant


def _cabin(fault: type, part: Callable[[CabinNode], object]) -> Plant:
    def plant(simulation: Simulation) -> None:
        simulation.plant_cabin = lambda node: slip(part(node), fault)

    return plant


def _connection(fault: type, part: Callable[[Connection], object]) -> Plant:
    def plant(simulation: Simulation) -> None:
        simulation.plant_connection = lambda connection: slip(part(connection), fault)

    return plant


def _instead(owner: Any, name: str, other: object) -> Plant:
    """Another function in the place of a real one."""
    return lambda simulation: simulation.undo.append(swap(owner, name, other))


def _both_ends_believe_forks(simulation: Simulation) -> None:
    _instead(Link, "_examine", in_cabin.fork_believed(Link._examine))(simulation)


def _loss_untold(simulation: Simulation) -> None:
    simulation.keep_seconds = (0.0,)  # or else nothing is lost
    _hub(at_hub.LossUntold, _ledger)(simulation)


def _rot_called_lost(simulation: Simulation) -> None:
    simulation.keep_seconds = (limits.KEPT_SECONDS,)
    _instead(damage, "send_again", at_hub.rot_called_lost)(simulation)


def _lost_unasked(simulation: Simulation) -> None:
    simulation.keep_seconds = (0.0,)
    _hub(at_hub.LostUnasked, _ledger)(simulation)


def _clock_believed(simulation: Simulation) -> None:
    _instead(ingest, "check", at_hub.clock_believed(awaited.check, simulation.hub.utc))(simulation)


def _gap_untold(simulation: Simulation) -> None:
    rows: dict[Any, object] = {**ingest.APPLY, EpochOpened: at_hub.gap_untold}
    _instead(ingest, "APPLY", rows)(simulation)


def _hub_normal(simulation: Simulation) -> None:
    def plant(node: HubNode) -> None:
        cursor = _ledger(node).database._writer.connection.cursor()
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.close()

    simulation.hub.plant = plant


def _cabin_normal(simulation: Simulation) -> None:
    def plant(node: CabinNode) -> None:
        _buffer(node)._database._connection.execute("PRAGMA synchronous = NORMAL")

    simulation.plant_cabin = plant


def _nothing(*_args: object, **_more: object) -> None:
    """Not done."""


def _no_fault(*_args: object) -> str:
    return ""


def _running_hub(node: HubNode) -> Hub:
    assert node.hub is not None
    return node.hub


def _ledger(node: HubNode) -> Ledger:
    assert node.ledger is not None
    return node.ledger


def _files(node: HubNode) -> object:
    return _ledger(node).blobs._files


def _buffer(node: CabinNode) -> Buffer:
    assert node.buffer is not None
    return node.buffer


@dataclass(frozen=True)
class Planted:
    """`plant` puts it in; `provoked_by` are the faults of the world that bring it to light, which then happen more often."""

    plant: Plant
    provoked_by: tuple[str, ...] = ()


_SILENT: Final = ("silent-cut", "silent-up", "silent-down")
_POWER: Final = ("cabin-power-cut",)
_OLDER_DATABASE: Final = ("hub-older-database",)
_SEGMENT_LOST: Final = ("hub-segment-lost",)
_HUB_POWER: Final = ("hub-power-cut",)
PLANTED: Final[dict[str, Planted]] = {
    # at the hub
    "ack-before-commit": Planted(_hub(at_hub.AckBeforeCommit, _running_hub)),
    "answer-before-settle": Planted(_hub(at_hub.AnswerBeforeSettle, _running_hub)),
    "hello-before-settle": Planted(_hub(at_hub.HelloBeforeSettle, _running_hub), ("slow-disk",)),
    "older-connection-stays": Planted(_hub(at_hub.OlderStays, _running_hub), ("half-open",)),
    "revocation-unnoticed": Planted(
        _hub(at_hub.RevocationUnnoticed, lambda node: _running_hub(node)._admission), ("revoked",)
    ),
    "restore-unnoticed": Planted(_hub(at_hub.RestoreUnnoticed, _ledger), ("hub-restored",)),
    "loss-untold": Planted(_loss_untold, ("hub-restored",)),
    "lost-unasked": Planted(_lost_unasked, ("hub-restored",)),
    "rot-unread": Planted(_hub(at_hub.RotUnread, lambda node: _ledger(node)._proofreading), ("hub-bit-flip",)),
    "rot-unasked": Planted(_instead(damage, "send_again", at_hub.rot_unasked), ("hub-bit-flip",)),
    "rot-called-lost": Planted(_rot_called_lost, ("hub-bit-flip",)),
    "older-database-believed": Planted(_instead(SegmentFiles, "_marked", at_hub.unmarked), _OLDER_DATABASE),
    "aside-emptied": Planted(_instead(SegmentFiles, "_set_aside", at_hub.set_aside_empty), _OLDER_DATABASE),
    "aside-untold": Planted(
        _instead(Turn, "alarm", at_hub.untold(Turn.alarm, damage.SEGMENT_UNKNOWN)), _OLDER_DATABASE
    ),
    "damage-untold": Planted(_instead(Turn, "alarm", at_hub.untold(Turn.alarm, damage.SEGMENT_DAMAGED)), _SEGMENT_LOST),
    "damage-unasked": Planted(_instead(damage, "sent_for", at_hub.nothing_sent_for), _SEGMENT_LOST),
    "skip-entry": Planted(_hub(at_hub.SkipEntry, _ledger)),
    "never-asked-again": Planted(_hub(at_hub.NeverAskedAgain, _ledger), ("reset", "flap")),
    "forget-when-sent": Planted(_hub(at_hub.ForgetfulLedger, _ledger), _SILENT),
    "free-when-fetched": Planted(_hub(at_hub.FreeWhenFetched, _ledger), ("hub-killed",)),
    "hub-acknowledges-when-full": Planted(_hub(at_hub.AcknowledgesWhenFull, _ledger), ("hub-disk-full",)),
    "no-digest-check": Planted(_hub(at_hub.NoDigestCheck, lambda node: _ledger(node)._delivery), ("altered-byte",)),
    "skip-place": Planted(_hub(at_hub.SkipPlace, lambda node: _ledger(node)._delivery)),
    "receipt-without-inbox": Planted(_hub(at_hub.ReceiptWithoutInbox, lambda node: _ledger(node)._delivery)),
    "no-blob-sync": Planted(_hub(at_hub.NoBlobSync, lambda node: _ledger(node).blobs), _HUB_POWER),
    "no-folder-sync": Planted(_hub(at_hub.NoFolderSync, _files), _HUB_POWER),
    "fsync-asked-twice": Planted(_hub(at_hub.BelievesTheKernel, _files), ("hub-fsync-error",)),
    "fsync-error-ignored": Planted(_hub(at_hub.DeafToErrors, _files), ("hub-fsync-error",)),
    "hub-synchronous-normal": Planted(_hub_normal, _HUB_POWER),
    "hub-wal-believed": Planted(_instead(HubDatabase, "write_out", _nothing), ("hub-fsync-error",)),
    "clock-believed": Planted(_clock_believed, ("clock-jump",)),
    "held-back-for-ever": Planted(_instead(ingest.Ingest, "reconsider", _nothing), ("inbox-key-changed",)),
    "gap-untold": Planted(_gap_untold, ("cabin-older-file",)),
    "directory-told-once": Planted(_instead(Ledger, "_tell_again", _nothing), ("cabin-older-file", "cabin-bit-flip")),
    # in the cabin
    "ack-before-sync": Planted(_connection(in_cabin.AckBeforeSync, lambda connection: connection)),
    "ack-when-heard": Planted(_connection(in_cabin.AckWhenHeard, lambda connection: connection._pump.link)),
    "deaf-to-silence": Planted(_connection(in_cabin.DeafToSilence, lambda connection: connection._pump.link), _SILENT),
    "forget-before-receipt": Planted(_cabin(in_cabin.ForgetBeforeReceipt, lambda node: _buffer(node)._inlet)),
    "free-when-secured": Planted(_cabin(in_cabin.FreeWhenSecured, lambda node: _buffer(node)._kept)),
    "free-early": Planted(_cabin(in_cabin.FreeEarly, lambda node: _buffer(node)._kept)),
    "kept-for-ever": Planted(_cabin(in_cabin.KeptForEver, lambda node: _buffer(node)._kept)),
    "never-swept": Planted(_cabin(in_cabin.SweptUnderTheCarpet, lambda node: _buffer(node)._blobs)),
    "counter-sticks": Planted(_cabin(in_cabin.CounterSticks, lambda node: _buffer(node)._outbox)),
    "number-given-twice": Planted(_cabin(in_cabin.NumberGivenTwice, lambda node: _buffer(node)._numbers)),
    "parked-for-ever": Planted(
        _cabin(in_cabin.ParkedForEver, lambda node: _buffer(node)._inlet), ("inbox-key-changed",)
    ),
    "overtaken-directory-kept": Planted(
        _cabin(in_cabin.KeepsTheOvertaken, lambda node: _buffer(node)._inlet), ("inbox-key-changed",)
    ),
    "accept-when-full": Planted(_cabin(in_cabin.StagesWhenFull, _buffer), ("cabin-disk-full",)),
    "cabin-synchronous-normal": Planted(_cabin_normal, _POWER),
    "cabin-wal-believed": Planted(_instead(CabinDatabase, "write_out", _nothing), ("cabin-fsync-error",)),
    "no-high-water": Planted(_instead(HighWaterFile, "write", _nothing), ("cabin-older-file",)),
    "file-believed": Planted(_instead(opening, "fault", _no_fault), ("cabin-older-file", "cabin-bit-flip")),
    # at both ends
    "fork-believed": Planted(_both_ends_believe_forks, ("cabin-restored", "cabin-cloned")),
}
