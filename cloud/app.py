"""The process of a hub: opens what it owns in the order in which it is needed, and closes it in the reverse. Only this file knows all of it."""

from __future__ import annotations

import resource
import signal
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import structlog

from cloud import config as configs
from cloud import enrolment, premises
from cloud.admission import Admission
from cloud.counter import Counter
from cloud.hub import Hub
from cloud.ledger import Ledger
from cloud.premises import Premises
from protocol.runtime import logs
from protocol.runtime.wires import Listener
from protocol.runtime.world import REAL, World

log = structlog.get_logger("app")
BOOT_BYTES: Final = 16
READY_FILE: Final = "listening"  # the address, for whoever started a hub on a port of the system's choice


def software() -> str:
    """What cabins are told about this hub."""
    return f"kabine {version('kabine')}"


def run(path: Path) -> None:
    """Run the hub in `path` until SIGTERM or SIGINT. Raises Trouble when it cannot start or must not go on; whoever started it starts it anew."""
    ended = False

    def end(*_: object) -> None:
        nonlocal ended
        ended = True

    # Every cabin's connection is a descriptor; the usual thousand is for programs that meet fewer.
    descriptors_max = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors_max, descriptors_max))
    with premises.opened(path, exclusive=True) as place:
        logs.to_file(place.folder.path / place.config.log.file if place.config.log.file else None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        _run(place, REAL, lambda: ended)


def _run(place: Premises, world: World, ended: Callable[[], bool]) -> None:
    folder, config, database = place.folder.path, place.config, place.database
    ledger = Ledger(
        database,
        configs.blobs_folder(config, folder),
        place.keys.signing.private(),
        place.keys.journal,
        world.utc,
        software(),
    )
    admission = Admission()

    def refresh() -> None:
        with database.reading() as connection:
            admission.replace(enrolment.admitted(connection, world.utc()))

    refresh()
    counter = Counter(ledger, place.keys.curve, world.utc, refresh)
    # The database is open before anybody can knock: a gate that cannot answer would turn cabins away for good.
    listener = Listener(config.listen, place.keys.curve.secret, admission.admit)
    hub = Hub(
        listener,
        ledger,
        admission,
        counter,
        boot=world.random(BOOT_BYTES),
        software=software(),
        disk_free_bytes_min=config.disk.free_bytes_min,
        retention_days=config.disk.retention_days,
        clock=world.clock,
        utc=world.utc,
        changed=database.changed,
        refresh=refresh,
        rest=time.sleep,
        free_bytes=partial(configs.free_bytes, config, folder),
        balance=place.ballast.balance,
    )
    try:
        place.folder.write_file(READY_FILE, f"{listener.address}\n".encode(), 0o644)
        log.info("hub.ready", address=listener.address, software=software(), directory=ledger.directory_version())
        hub.run(ended)
        log.info("hub.ended")
    finally:
        listener.close()
        ledger.close()
