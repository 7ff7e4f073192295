"""The next signed directory: drafts, confirmed cabins and the hub's own row, made whole, checked, signed, put in force.

The authority's key may lie elsewhere: `unsigned` goes there in a file, `sign` happens there, and `put_in_force` takes what comes back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, exists, func, insert, select

from cloud import enrolment
from cloud.directory import draft
from cloud.storage import schema
from cloud.storage.database import stored
from protocol import codec, limits, manifest
from protocol.directory import NO_DIRECTORY, CabinRow, Directory, HubRow
from protocol.errors import Code, Refused
from protocol.ids import Digest
from protocol.manifest import Signed, digest_of, unverified
from protocol.publication import validate, verify_first, verify_successor

_SKIPPED_MAX: Final = 1000  # versions; a cabin's word moves ours no further


@dataclass(frozen=True)
class Published:
    """A directory that was put in force. `digest` names the blob that cabins fetch: SHA-256 of the encoded `signed`."""

    version: int
    digest: Digest
    size_bytes: int
    signed: Signed
    published_at: datetime

    @property
    def directory(self) -> Directory:
        """What it says; its signature was checked when it was put in force."""
        return unverified(Directory, self.signed, limits.DIRECTORY_BYTES_MAX)


def current(connection: Connection) -> Published | None:
    """The directory in force; None before the first."""
    row = connection.execute(select(schema.published).order_by(schema.published.c.version.desc()).limit(1)).first()
    if row is None:
        return None
    signed = stored(Signed, row.signed, limits.DIRECTORY_BYTES_MAX + 1024)
    return Published(row.version, Digest(row.digest), len(row.signed), signed, row.published_at)


def build(connection: Connection, hub: HubRow, holidays_region: str, now: datetime) -> Directory:
    """The next version from the tables, checked. Raises Refused that names every mistake."""
    before = current(connection)
    cabins = enrolment.admitted_cabins(connection)
    directory = Directory(
        version=_due(connection, before.version, before.published_at) if before else 1,
        previous=digest_of(before.signed) if before else NO_DIRECTORY,
        published_at=now,
        hub=hub,
        agencies=draft.agencies(connection),
        services=draft.services(connection),
        routes=draft.routes(connection),
        cabins=cabins,
        holidays_region=holidays_region,
        former_cabins=_former(before.directory, cabins) if before else (),
        former_keys=draft.former_keys(connection),
    )
    validate(directory)
    return directory


def needed(connection: Connection) -> bool:
    """May cabins hold a directory that this hub, which came back from an older copy, does not know? Then one is to be published, whatever it says,
    with a number that all of them take."""
    published = schema.published.c
    newest = select(published.version, published.published_at).order_by(published.version.desc()).limit(1)
    row = connection.execute(newest).first()
    return row is not None and _due(connection, row.version, row.published_at) > row.version + 1


def _due(connection: Connection, version: int, published_at: datetime) -> int:
    """The version after the one in force. Where cabins hold a later one, this hub came back from an older copy: then it must come after theirs, and
    not as the very next, which would have to follow a directory that nobody here knows. Nor as the very next of the one in force where a cabin has
    shown since then that there are two histories, and that it may hold another one of this number, or of the one before, which this follows."""
    epoch = schema.down_epoch.c
    held, near = epoch.directory_version, epoch.directory_version <= version + _SKIPPED_MAX
    seen = connection.execute(select(func.max(held)).where(near)).scalar() or 0
    other = exists().where(near, held >= version - 1, epoch.opened_at > published_at)
    shown = connection.execute(select(other)).scalar()
    return max(seen, version) + 2 if shown or seen > version else version + 1


def _former(before: Directory, cabins: tuple[CabinRow, ...]) -> tuple[CabinRow, ...]:
    """Machines of earlier directories that are no longer there, newest first: what they signed stays verifiable."""
    present = {row.signing_key for row in cabins}
    return tuple(row for row in (*before.cabins, *before.former_cabins) if row.signing_key not in present)


def same(one: Directory, other: Directory) -> bool:
    """Do both say the same, apart from version, predecessor and time?"""
    return one == msgspec.structs.replace(
        other, version=one.version, previous=one.previous, published_at=one.published_at
    )


def nothing_new(before: Published | None, directory: Directory) -> bool:
    """Need nobody publish it? Where cabins hold a later one than this hub knows, or may have refused its own, it is new to them whatever it says.
    And one that is dated in a time to come, by a clock that was wrong, is to go."""
    return (
        before is not None
        and same(before.directory, directory)
        and directory.version == before.version + 1
        and before.directory.published_at <= directory.published_at
    )


def unsigned(directory: Directory) -> bytes:
    """What is carried to the machine with the authority's key."""
    return codec.encode(directory)


def sign(raw: bytes, key: Ed25519PrivateKey) -> tuple[Directory, Signed]:
    """Sign what `unsigned` gave. Raises Refused when it is no sound directory."""
    directory = codec.decode_canonical(Directory, raw, limits.DIRECTORY_BYTES_MAX)
    validate(directory)
    return directory, manifest.sign(directory, key)


def put_in_force(connection: Connection, signed: Signed, authority_key: bytes, now: datetime) -> Published:
    """Cabins and agencies get this directory from now on. Raises Refused when the authority (Ed25519, 32 bytes) did not sign it, it is
    not the very next version, or an agency is to leave whose inbox is not empty."""
    before = current(connection)
    directory = (
        verify_successor(before.signed, signed, authority_key) if before else verify_first(signed, authority_key)
    )
    due = _due(connection, before.version, before.published_at) if before else 1
    if directory.version != due:
        raise Refused(
            Code.OFF_CHAIN,
            f"This is directory {directory.version}; the next one here is {due}.",
            "Write the draft anew with `kabine directory publish --out FILE` and sign that.",
        )
    if before:
        draft.let_go(connection, before.directory, directory)
    raw = codec.encode(signed)
    digest = hashlib.sha256(raw).digest()
    connection.execute(
        insert(schema.published).values(version=directory.version, digest=digest, signed=raw, published_at=now)
    )
    return Published(directory.version, Digest(digest), len(raw), signed, now)


def verify_all(connection: Connection, authority_key: bytes) -> int:
    """Check every version there ever was: signature, digest, and that each follows the one before. How many; raises Refused at the first
    that is wrong."""
    before: Signed | None = None
    count = 0
    for row in connection.execute(select(schema.published).order_by(schema.published.c.version)):
        missing = Refused(
            Code.OFF_CHAIN,
            f"Directory {row.version} or the one before is missing or was altered in the hub's database.",
        )
        if hashlib.sha256(row.signed).digest() != row.digest:
            raise missing
        signed = read_signed(row.signed)
        directory = verify_successor(before, signed, authority_key) if before else verify_first(signed, authority_key)
        if directory.previous != (digest_of(before) if before else NO_DIRECTORY):
            raise missing
        if directory.version != row.version:
            raise Refused(
                Code.OFF_CHAIN, f"What is stored as directory {row.version} says that it is {directory.version}."
            )
        before = signed
        count += 1
    return count


def read_signed(raw: bytes) -> Signed:
    """The encoded form that is stored and sent. Raises Refused(MALFORMED)."""
    return codec.decode_canonical(Signed, raw, limits.DIRECTORY_BYTES_MAX + 1024)
