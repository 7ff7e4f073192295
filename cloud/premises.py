"""What a hub's folder holds, opened: configuration, keys, database. The hub works on it alone; the operator's commands look in beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cloud import config as configs
from cloud import keys as hub_keys
from cloud.config import HubConfig
from cloud.directory import publish
from cloud.keys import HubKeys
from cloud.storage.database import Database
from protocol import limits
from protocol.contacts import HubCard
from protocol.directory import HubRow
from protocol.errors import Code, Refused, Unavailable
from protocol.keys import SigningPair
from protocol.randomness import Random
from protocol.runtime.ballast import Ballast
from protocol.runtime.config import write_default
from protocol.runtime.folder import NodeFolder


@dataclass(frozen=True)
class Premises:
    """An open hub folder."""

    folder: NodeFolder
    config: HubConfig
    keys: HubKeys
    database: Database
    ballast: Ballast

    @property
    def card(self) -> HubCard:
        """What agencies get."""
        return HubCard(self.config.address, self.keys.curve.public, self.keys.authority)

    @property
    def row(self) -> HubRow:
        """The hub in the directory."""
        return HubRow(
            self.config.name,
            self.config.address,
            self.keys.curve.public,
            self.keys.signing.public,
            self.keys.journal_recipient,
        )


@contextmanager
def made(
    path: Path, config: HubConfig, random: Random, passphrase: str, work_factor: int = limits.SCRYPT_WORK_FACTOR
) -> Iterator[tuple[Premises, SigningPair]]:
    """A new hub in an empty folder, configuration, keys and database, and the authority's pair, to sign the first directory with. It is a hub
    once the block has ended well; what was cut off before that is begun anew. Raises Refused when something is there, Unavailable when the
    folder cannot be written."""
    with NodeFolder.create(path, "hub", whole=True) as folder:
        folder.write_file(configs.FILE, write_default(config).encode(), 0o600)
        keys, authority = hub_keys.make_keys(folder, random, passphrase, work_factor)
        database = Database(configs.database_url(config, folder.path))
        try:
            yield (
                Premises(
                    folder, config, keys, database, Ballast(folder.path, free_bytes_min=config.disk.free_bytes_min)
                ),
                authority,
            )
        finally:
            database.close()
        folder.finished()


@contextmanager
def opened(path: Path, exclusive: bool = False) -> Iterator[Premises]:
    """The hub in `path`; `exclusive` for the hub process itself. Raises Refused for a folder that is no hub's
    or whose keys are others, Unavailable when another hub process works on it or something is missing, as its database."""
    with NodeFolder.open(path, "hub", exclusive) as folder:
        config = configs.read(folder.path)
        keys = hub_keys.read_keys(folder)
        _expect_database(configs.database_file(config, folder.path))
        ballast = Ballast(folder.path, free_bytes_min=config.disk.free_bytes_min)
        ballast.shed()  # even to open a database something is written
        database = Database(
            configs.database_url(config, folder.path), nullcontext if exclusive else partial(_alone, path)
        )
        try:
            _expect_keys(database, folder, keys)
            yield Premises(folder, config, keys, database, ballast)
        finally:
            database.close()


def _expect_database(file: Path) -> None:
    """A new one would know of nobody, and what lies in the segments would be nobody's and be cut off."""
    if not file.exists() or file.stat().st_size == 0:
        raise Unavailable(
            f"The hub's database {file} is {'empty' if file.exists() else 'not there'}.",
            "Bring the whole folder back from a copy (docs/install-hub.md, “Backup”); begin nothing new in it.",
        )


def _expect_keys(database: Database, folder: NodeFolder, keys: HubKeys) -> None:
    """One flipped bit makes another key, and nothing in it shows: cabins would call in vain, and the next directory would name it."""
    with database.reading() as connection:
        current = publish.current(connection)
    if current is None:
        return
    row = current.directory.hub
    for name, held, published in (
        (hub_keys.CURVE, keys.curve.public, row.curve_key),
        (hub_keys.SIGNING, keys.signing.public, row.signing_key),
        (hub_keys.JOURNAL, keys.journal_recipient, row.journal_recipient),
    ):
        if held != published:
            raise Refused(
                Code.BAD_KEY,
                f"{folder.path / name} is not the key that directory {current.version} names.",
                "Take it back from the backup of the hub's folder.",
            )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """No hub works here meanwhile: one of an earlier release would find its tables changed beneath it."""
    try:
        folder = NodeFolder.open(path, "hub", looking=True)
    except Unavailable as busy:
        raise Unavailable(
            f"In {path} works a hub of an earlier release of Kabine.",
            "Stop it and start it with this release, which carries its database over; then give this command again.",
        ) from busy
    with folder:
        yield
