"""What the hub has looked up in its own tables and need not look up again: keys, addressees, ends of chains.

Everything here can be forgotten at any time; `reload` forgets what another process may have changed.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from sqlalchemy import Connection, func, select

from cloud.storage import runs
from cloud.storage.database import stored
from cloud.storage.schema import cabin, document, epoch, published
from protocol import entries, limits
from protocol.directory import Directory
from protocol.entries import EpochOpened
from protocol.errors import Refused
from protocol.ids import AgencyId, Digest, SiteId
from protocol.manifest import NO_MANIFEST, Signed, digest_of, unverified
from protocol.recipients import HybridIdentity, unwrap_key

_KEPT_MAX: Final = 30_000  # of each kind: 10,000 cabins with three agencies each

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Things looked up; `trim` forgets all but the last `_KEPT_MAX`."""

    def __init__(self) -> None:
        self._kept: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        return self._kept.get(key)

    def put(self, key: K, found: V) -> None:
        self._kept[key] = found
        self._kept.move_to_end(key)

    def trim(self) -> None:
        while len(self._kept) > _KEPT_MAX:
            self._kept.popitem(last=False)


@dataclass(frozen=True)
class Addressee:
    """An agency as the directory in force has it. `epochs`: of its inbox keys. Without a `signing_key` it can tell nothing; `former_keys` are
    what it signed with before."""

    epochs: frozenset[int]
    signing_key: bytes | None
    former_keys: tuple[bytes, ...]


@dataclass(frozen=True)
class Current:
    """The directory in force: blob `digest` with these bytes. Version 0 when none was published yet."""

    version: int = 0
    digest: Digest | None = None
    raw: bytes = b""


class Known:
    """Asked inside a turn, with its connection."""

    def __init__(self, journal: HybridIdentity) -> None:
        self._journal = journal
        self.current = Current()
        self._addressees: dict[AgencyId, Addressee] = {}
        self._signing_keys: dict[SiteId, bytes | None] = {}
        self._journal_keys: Recent[tuple[SiteId, int, int], bytes] = Recent()
        self._chains: Recent[tuple[SiteId, int, AgencyId], tuple[int, bytes]] = Recent()
        self._places: dict[AgencyId, int] = {}

    def reload(self, connection: Connection) -> bool:
        """Look again at what the operator's commands change. True when another directory is in force."""
        keys = connection.execute(select(cabin.c.site, cabin.c.signing_key)).all()
        self._signing_keys = {SiteId(row.site): row.signing_key for row in keys}
        row = connection.execute(select(published).order_by(published.c.version.desc()).limit(1)).first()
        if row is None or row.version == self.current.version:
            return False
        directory = unverified(
            Directory, stored(Signed, row.signed, limits.DIRECTORY_BYTES_MAX), limits.DIRECTORY_BYTES_MAX
        )
        self.current = Current(row.version, Digest(row.digest), row.signed)
        self._addressees = {
            agency.id: Addressee(
                frozenset(key.epoch for key in agency.inboxes),
                agency.signing_key,
                tuple(former.signing_key for former in directory.former_keys if former.agency == agency.id),
            )
            for agency in directory.agencies
        }
        return True

    def committed(self) -> None:
        """What this turn has said is in the database, where it is found again: until now nothing of it could be forgotten."""
        self._journal_keys.trim()
        self._chains.trim()

    def addressee(self, agency: AgencyId) -> Addressee | None:
        """None when the directory in force does not know it."""
        return self._addressees.get(agency)

    def signing_key(self, connection: Connection, site: SiteId) -> bytes | None:
        """Key of the confirmed machine; None while there is none."""
        if site not in self._signing_keys:
            key = connection.execute(select(cabin.c.signing_key).where(cabin.c.site == site)).scalar()
            self._signing_keys[site] = key
        return self._signing_keys[site]

    def open_epoch(self, site: SiteId, machine: int, number: int, event: EpochOpened) -> None:
        """Unwrap the journal key of the epoch `number`. Raises Refused when it was not wrapped for this hub."""
        self._journal_keys.put((site, machine, number), unwrap_key(event.wrapped_key, self._journal))

    def journal_key(self, connection: Connection, site: SiteId, machine: int, number: int) -> bytes | None:
        """Key of the epoch `number`; None when it was never opened, or not for this hub."""
        found = self._journal_keys.get((site, machine, number))
        if found is not None:
            return found
        where = (epoch.c.site == site, epoch.c.machine == machine, epoch.c.epoch == number)
        opens = connection.execute(select(epoch.c.number).where(*where)).scalar()
        entry = None if opens is None else runs.entry(connection, site, machine, opens)
        if entry is None:
            return None
        try:
            event = entries.read(entry.payload, None, number, entry.number)
            if not isinstance(event, EpochOpened):
                return None
            self.open_epoch(site, machine, number, event)
        except Refused:
            return None
        return self._journal_keys.get((site, machine, number))

    def chain(self, connection: Connection, site: SiteId, machine: int, agency: AgencyId) -> tuple[int, bytes]:
        """Counter and digest of the last manifest of this machine to this agency; (0, NO_MANIFEST) before the first."""
        found = self._chains.get((site, machine, agency))
        if found is None:
            row = connection.execute(
                select(document.c.counter, document.c.manifest_body)
                .where(document.c.site == site, document.c.machine == machine, document.c.agency == agency)
                .order_by(document.c.counter.desc())
                .limit(1)
            ).first()
            found = (0, NO_MANIFEST) if row is None else (row.counter, digest_of(Signed(row.manifest_body, b"")))
            self._chains.put((site, machine, agency), found)
        return found

    def chained(self, site: SiteId, machine: int, agency: AgencyId, counter: int, digest: bytes) -> None:
        """This manifest is the last one now."""
        self._chains.put((site, machine, agency), (counter, digest))

    def next_place(self, connection: Connection, agency: AgencyId) -> int:
        """Take the next place in this agency's inbox."""
        if agency not in self._places:
            last = connection.execute(select(func.max(document.c.place)).where(document.c.agency == agency)).scalar()
            self._places[agency] = last or 0
        self._places[agency] += 1
        return self._places[agency]
