"""What the witness remembers: of each cabin's machine what it has accepted, of the hub what it has committed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from protocol.entries import Mark
from protocol.ids import SiteId
from protocol.manifest import Receipt
from tools.simulator.cabin_node import CabinNode
from tools.simulator.paper import Document

Machine = tuple[SiteId, int]  # as the hub counts them
Piece = tuple[int, ...]  # of a blob: segment, position, length


@dataclass
class Custody:
    """Of one machine. `accepted`: digest → what a visitor was told „angenommen“ for; `freed`: digests that it has let go.

    `spoiled`: why documents may be missing here, empty as long as nothing explains that; such a loss must be told. `short`: its disk was. `retired`:
    the machine is off for good, what waited in it stays there. `secured`: envelope → when the cabin heard so, by the machines' clock."""

    cabin: CabinNode
    accepted: dict[bytes, Document] = field(default_factory=dict)
    freed: set[bytes] = field(default_factory=set)
    spoiled: str = ""
    short: bool = False
    secured: dict[bytes, float] = field(default_factory=dict)
    retired: bool = False

    def waiting(self) -> dict[bytes, Document]:
        """What must be here."""
        return {digest: document for digest, document in self.accepted.items() if digest not in self.freed}


@dataclass
class Record:
    """Of the hub's files. `stored`: envelope → digest, in an inbox. `told`: agencies' receipts that the hub has answered with Done. `final`: machines
    that were revoked, and the last entry that may be held of them; `finished`: that were revoked, and the hub has not been seen since. `sent_for`:
    envelope → digest of what lay in an inbox until the hub found that its disk had altered it."""

    stored: dict[bytes, bytes] = field(default_factory=dict)
    told: list[Receipt] = field(default_factory=list)
    marks: dict[Machine, Mark] = field(default_factory=dict)
    announced: dict[Machine, int] = field(default_factory=dict)
    counters: Counter[tuple[Machine, str]] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    sent_for: dict[bytes, bytes] = field(default_factory=dict)
    final: dict[Machine, int] = field(default_factory=dict)
    finished: set[Machine] = field(default_factory=set)
    documents: int | None = None  # how many had come, of anybody

    def copy(self) -> Record:
        """As it is now, for a backup that is made now."""
        return Record(
            dict(self.stored),
            list(self.told),
            dict(self.marks),
            dict(self.announced),
            self.counters.copy(),
            self.places.copy(),
            dict(self.sent_for),
            documents=self.documents,
        )


class Copy(NamedTuple):
    """Of the hub's database: what the witness knew when it was made, and where what had ever lain in inboxes was."""

    record: Record
    lies: dict[bytes, list[Piece]]


@dataclass
class Notebook:
    """Of the whole simulation. `recoveries`: what went well after a fault, counted. `custody`: by the machine's name. `tried`: digest → whatever a
    visitor wanted to hand in. `excused`: sites for which the hub may call a person; `restored`: sites that have known a hub which came back from a
    backup since; `lost`: envelopes that went with such a hub, or with its disk. `at_agency`: envelopes that a connector was given whole. `rotten`:
    digests whose bytes were altered on the hub's disk; `asked_again`: sites whose documents the hub has found to be.
    `lacking`: those of `rotten` of which bytes are gone; `losses`: segments, behind which byte of each that is so. `freed`: digests that some
    database of the hub's calls let go of; `kept`: where those lie that only a newer database knows; `exchanged`: so often it got another one.
    `owed`: kinds of alarm that are due."""

    recoveries: Counter[str]
    record: Record = field(default_factory=Record)
    custody: dict[str, Custody] = field(default_factory=dict)
    tried: dict[bytes, Document] = field(default_factory=dict)
    excused: set[SiteId] = field(default_factory=set)
    restored: set[SiteId] = field(default_factory=set)
    lost: set[bytes] = field(default_factory=set)
    at_agency: set[bytes] = field(default_factory=set)
    rotten: set[bytes] = field(default_factory=set)
    asked_again: set[SiteId] = field(default_factory=set)
    lacking: set[bytes] = field(default_factory=set)
    losses: list[tuple[int, int]] = field(default_factory=list)
    freed: set[bytes] = field(default_factory=set)
    kept: dict[bytes, list[Piece]] = field(default_factory=dict)
    owed: set[str] = field(default_factory=set)
    exchanged: int = 0


def refuses_directory(trouble: str) -> bool:
    """Does a cabin say by it that a directory of the hub may not follow its own?"""
    return trouble.startswith("Directory ") and "was refused" in trouble
