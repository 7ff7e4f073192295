"""One TOML file per hub, `hub.toml` in its folder. `kabine hub init` writes it; the operator may edit it, and restarts the hub."""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from cloud.storage.database import sqlite_url
from protocol import hours, limits, soundness
from protocol.runtime.config import checked, read_config

FILE: Final = "hub.toml"
PORT: Final = 7400
DATABASE_FILE: Final = "hub.sqlite"
_SQLITE = re.compile(r"sqlite:///[^?#]+")
_LISTEN = re.compile(r"tcp://(?:\*|[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(?:\*|([1-9][0-9]{0,4}))")


def _listen(value: str) -> Iterator[str]:
    fitting = _LISTEN.fullmatch(value)
    if fitting is None or int(fitting[1] or 0) > 65_535:
        yield f"“{value[:80]}” is no address as in tcp://*:{PORT}"


def _database(value: str) -> Iterator[str]:
    if value and not _SQLITE.fullmatch(value):
        yield f"“{value[:80]}” is no SQLite file as in sqlite:////srv/hub.sqlite (PostgreSQL is not there yet)"


class DiskConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How much room there is, and for how long."""

    free_bytes_min: Annotated[
        int,
        Meta(ge=16 * limits.MIB, description="Below this much free space the hub asks cabins for no more documents."),
    ] = limits.DISK_FREE_BYTES_MIN
    retention_days: Annotated[
        int, Meta(ge=1, le=3650, description="A document stays so long after the agency accepted or returned it.")
    ] = 30


class LogConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the hub writes what it does: identifiers only, never about people."""

    file: Annotated[str, Meta(description="A file name in this folder; empty: to stderr.")] = ""


class HubConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A hub of Kabine. After a change: restart the hub; after a change of name, address or holidays also `kabine directory publish`."""

    name: Annotated[
        str,
        Meta(min_length=1, max_length=limits.TITLE_CHARS_MAX, description="What the hub is called in the directory."),
    ]
    address: Annotated[
        str,
        Meta(
            description="Where cabins and agencies reach the hub, as in tcp://hub.example:7400; stands in every invitation.",
            extra=checked(soundness.address),
        ),
    ] = f"tcp://127.0.0.1:{PORT}"
    listen: Annotated[
        str,
        Meta(
            description="Where the hub listens: tcp://127.0.0.1:PORT for this machine only, tcp://*:PORT for all; PORT may be * for any free one.",
            extra=checked(_listen),
        ),
    ] = f"tcp://127.0.0.1:{PORT}"
    database: Annotated[
        str,
        Meta(
            description="Another SQLite file, as in sqlite:////srv/hub.sqlite; empty: hub.sqlite in this folder. PostgreSQL is not there yet.",
            extra=checked(_database),
        ),
    ] = ""
    blobs: Annotated[
        str,
        Meta(min_length=1, description="Folder of the sealed documents; relative to this file, or an absolute path."),
    ] = "blobs"
    holidays_region: Annotated[
        str,
        Meta(
            description="Whose public holidays close agencies, as in DE-BB.",
            extra=checked(functools.partial(soundness.refused, hours.holidays_of)),
        ),
    ] = "DE-BB"
    disk: DiskConfig = DiskConfig()
    log: LogConfig = LogConfig()


def read(folder: Path) -> HubConfig:
    """The configuration in a hub's folder. Raises Refused that names every mistake, Unavailable when there is none."""
    return read_config(folder / FILE, HubConfig)


def database_url(config: HubConfig, folder: Path) -> str:
    """What `Database` takes."""
    return config.database or sqlite_url(folder.absolute() / DATABASE_FILE)


def database_file(config: HubConfig, folder: Path) -> Path:
    """The same, as a path."""
    return Path(database_url(config, folder).removeprefix("sqlite:///"))


def blobs_folder(config: HubConfig, folder: Path) -> Path:
    """Where `Segments` keeps its files."""
    return folder.absolute() / config.blobs


def free_bytes(config: HubConfig, folder: Path) -> int:
    """What may still be written, on the fullest of its disks."""
    places = (folder, blobs_folder(config, folder), database_file(config, folder).parent)
    return min(shutil.disk_usage(place).free for place in places if place.exists())
