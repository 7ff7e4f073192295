"""Examine one cabin: every line says how something is and what to do about it. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.config import FILE, EdgeConfig
from edge.doctor import belongings, equipment, front, line, stock
from edge.doctor.finding import Finding, Severity, critical
from edge.knock import knock_or_open
from edge.offline import Look, look
from edge.orders import ShowStatus, Status
from edge.storage.documents import State
from protocol.errors import Trouble, Unavailable
from protocol.runtime.config import read_config
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import World

ANSWER_SECONDS: Final = 10.0  # a node that answers later is of no use to a visitor either


def examine(path: Path, world: World) -> Iterator[Finding]:
    """Finding by finding. Ends early when nothing further could be said."""
    try:
        folder = NodeFolder.open(path, "edge", exclusive=False)
        config = read_config(folder.path / FILE, EdgeConfig)
    except Trouble as trouble:
        yield critical("config", trouble)
        return
    yield belongings.folder(folder.path)
    yield Finding("config", Severity.OK, f"{FILE} is in order; this is {config.cabin.name} ({config.cabin.site}).")
    yield from belongings.trust(folder, config, world)
    try:
        life = _life(folder.path)
    except Trouble as trouble:
        yield critical("node", trouble)
        return
    if isinstance(life, Status):
        yield from _running(life, folder.path, config, world)
    else:
        yield from _resting(life, folder.path, config, world)


def _life(folder: Path) -> Status | Look:
    """What the running node says, else what lies in the folder. Raises Trouble."""
    told = knock_or_open(folder, ShowStatus(), ANSWER_SECONDS)
    if isinstance(told, NodeFolder):
        with told:
            return look(folder)
    for each in told:
        if isinstance(each, Status):
            return each
    raise Unavailable("The node gave no answer.", "Look at its log.")


def _running(status: Status, folder: Path, config: EdgeConfig, world: World) -> Iterator[Finding]:
    yield Finding("node", Severity.OK, f"The node runs (process {status.process}).")
    yield line.link(status.link, config, world)
    yield from line.clock(status.link, world)
    yield stock.buffer(status.troubles)
    yield stock.waiting(status.waiting_documents, status.oldest_seconds, status.site, connected=status.link.connected)
    yield from stock.lost([(row.receipt, row.at) for row in status.documents if row.state == State.LOST], world)
    yield stock.disk(status.disk_free_bytes, config)
    yield from equipment.devices(status.devices, config, folder)
    yield from front.reception(status, config, folder)


def _resting(found: Look, folder: Path, config: EdgeConfig, world: World) -> Iterator[Finding]:
    yield Finding(
        "node",
        Severity.WARNING,
        "The node does not run; nothing is sent.",
        f"Run `systemctl start kabine-edge`, or `kabine edge run {folder}` where there is no unit.",
    )
    faults = [found.fault] if found.fault else []
    yield stock.buffer((*faults, *(f"A damaged buffer lies aside as {name}." for name in found.set_aside)))
    oldest = found.waiting.oldest_at
    oldest_seconds = max(0.0, (world.utc() - oldest).total_seconds()) if oldest else 0.0
    yield stock.waiting(found.waiting.documents, oldest_seconds, config.cabin.site, connected=False)
    yield from stock.lost([(row.receipt, row.changed_at) for row in found.documents if row.state is State.LOST], world)
    yield stock.disk(found.disk_free_bytes, config)
    yield from equipment.devices(equipment.states_at_rest(config, folder, world), config, folder)
