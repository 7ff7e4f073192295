"""The hub in virtual time: the real loop, ledger and counter on a real disk, wired as cloud/app.py wires them."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from cloud import enrolment
from cloud.admission import Admission
from cloud.counter import Counter as AtTheCounter
from cloud.hub import Hub
from cloud.ledger import Ledger
from cloud.storage.database import Database, sqlite_url
from protocol import limits
from protocol.errors import Unavailable
from tools.simulator import district
from tools.simulator.agenda import Agenda
from tools.simulator.disk import Disk
from tools.simulator.district import HUB_FILE, District
from tools.simulator.kernel import Kernel
from tools.simulator.line import Port
from tools.simulator.node import Node
from tools.simulator.tripwire import Crash

RETENTION_DAYS = 2.0
ROUND_SECONDS = 30.0  # machines are awake for minutes in a day
BLOBS = "blobs"
_SEGMENT_BYTES = 1 << 20  # a world has several files of documents, as a hub of years
T = TypeVar("T")


class HubNode(Node):
    """The only one."""

    kind = "hub"

    def __init__(
        self,
        place: District,
        port: Port,
        kernel: Kernel,
        agenda: Agenda,
        disk: Disk,
        dice: random.Random,
        recoveries: Counter[str],
    ) -> None:
        super().__init__("hub", kernel, agenda, disk, dice, recoveries)
        self.port = port
        self.plant: Callable[[HubNode], None] = lambda _node: None
        self.checked: Callable[[HubNode], None] = lambda _node: None
        self.hub: Hub | None = None
        self.ledger: Ledger | None = None
        self._database: Database | None = None
        self._place = place
        self._bell_at = 0.0
        port.wake = lambda: self.waker.by(agenda.clock)
        port.step = lambda: self.tripwire.step()  # noqa: PLW0108 - the wire may be another later

    def open(self) -> None:
        """Database, ledger, admission, loop."""
        database = self._database = Database(sqlite_url(self.disk.folder / HUB_FILE))
        ledger = self.ledger = Ledger(
            database,
            self.disk.folder / BLOBS,
            self._place.signing.private(),
            self._place.journal,
            self.utc,
            district.SOFTWARE,
            round_seconds=ROUND_SECONDS,
        )
        ledger.blobs._segment_bytes = _SEGMENT_BYTES
        admission = Admission()

        def refresh() -> None:
            with database.reading() as connection:
                admission.replace(enrolment.admitted(connection, self.utc()))

        refresh()
        self.hub = Hub(
            self.port,
            ledger,
            admission,
            AtTheCounter(ledger, self._place.curve, self.utc, refresh),
            boot=self.dice.randbytes(16),
            software=district.SOFTWARE,
            disk_free_bytes_min=limits.DISK_FREE_BYTES_MIN,
            retention_days=RETENTION_DAYS,
            clock=self.clock,
            utc=self.utc,
            changed=database.changed,
            refresh=refresh,
            rest=lambda seconds: None,  # a turn takes no time here
            free_bytes=lambda: shutil.disk_usage(self.disk.folder).free,
            balance=lambda: None,  # a ballast would only put off what a full disk does
        )
        self.plant(self)
        ledger.started(self.utc())
        self.port.admits = lambda user: admission.guest(user) is not None

    def opened(self) -> None:
        """Only now may anybody knock."""
        self.port.open = True
        self.checked(self)

    def turn(self) -> None:
        """One turn of the loop."""
        assert self.hub is not None
        self.hub.turn(0.0)

    def due_at(self) -> float:
        """The links' timers, or more that has come. The bell rings with whatever comes; on a quiet hub nobody would hear it."""
        assert self.hub is not None
        return self.agenda.clock if self.port.wait(0.0) else self.hub.deadline

    def farewell(self) -> None:
        """The loop ends: connections are given up, everything heard is settled."""
        assert self.hub is not None
        self.hub.run(lambda: True)

    def close(self) -> None:
        """The process is gone."""
        self.port.close()
        ledger, self.ledger, self.hub = self.ledger, None, None
        database, self._database = self._database, None
        try:
            if ledger is not None:
                ledger.close()
        finally:
            if database is not None:
                database.close()

    # --- people --------------------------------------------------------------------------------------------------
    def beside(self, command: Callable[[Connection], T]) -> T | None:
        """An operator's command, in a process of its own beside the hub; None when it was refused, or the machine has died under it."""
        if not self.runs:
            return None
        done: T | None = None
        refused = False
        try:
            database = Database(sqlite_url(self.disk.folder / HUB_FILE))
            try:
                with database.turn() as connection:
                    done = command(connection)
            finally:
                database.close()
        except Crash:
            done = None
        except (Unavailable, DBAPIError):
            done, refused = None, True
        if self.tripwire.sprung:
            self.does(lambda: None)
            return None
        self.recoveries["operator-was-told-that-the-disk-refuses"] += refused
        self.agenda.after(0.25, lambda: self.waker.by(self.agenda.clock))
        return done

    def publish(self) -> None:
        """A new directory."""
        self.beside(lambda connection: self._place.publish(connection, district.at(self.agenda.now)))
