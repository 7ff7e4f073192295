"""What the hub's loop has told its ledger since the last turn was settled: to be made durable and applied together, then forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from cloud.ingest import Run
from cloud.lost import Recalled
from cloud.site_log import Place
from protocol import entries
from protocol.frames import Hello
from protocol.ids import Digest, EnvelopeId, SiteId
from protocol.manifest import Receipt, Signed


class Told(NamedTuple):
    """An agency's event about one envelope: `document` is its number in the tables, `number` in its chain, 2, 3 … (1 is the hub's own)."""

    site: SiteId
    document: int
    envelope: EnvelopeId
    number: int
    signed: Signed
    receipt: Receipt


@dataclass
class Gathered:
    """True when there is anything in it. `since`: when it was first asked whether bytes of incomplete documents should wait any longer."""

    arrived: list[Run] = field(default_factory=list)
    appending: list[tuple[Place, entries.Event]] = field(default_factory=list)
    announcing: set[Place] = field(default_factory=set)  # cabins that do not know the directory in force
    told: list[Told] = field(default_factory=list)
    recalled: dict[EnvelopeId, Recalled] = field(default_factory=dict)
    alarms: list[tuple[SiteId | None, str, str]] = field(default_factory=list)
    freed: list[int] = field(default_factory=list)
    reopening: dict[SiteId, Hello] = field(default_factory=dict)  # cabins for which the hub's log begins a new epoch
    gone: dict[Digest, SiteId] = field(default_factory=dict)
    recheck: set[Digest] = field(default_factory=set)  # documents that are complete and were not delivered
    spoiled: set[Digest] = field(default_factory=set)  # in inboxes, and the disk gives other bytes of them, or none
    hidden: set[SiteId] = field(default_factory=set)  # of which documents are hidden by an index of the database
    reconsider: bool = False  # what was set aside may be sound now
    alive: bool = False
    since: datetime | None = None

    def __bool__(self) -> bool:
        return bool(
            self.arrived
            or self.told
            or self.recalled
            or self.appending
            or self.announcing
            or self.alarms
            or self.reopening
            or self.gone
            or self.recheck
            or self.spoiled
            or self.hidden
            or self.reconsider
            or self.alive
        )
