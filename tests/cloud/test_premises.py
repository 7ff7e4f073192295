"""A hub's folder and who may carry its database over to a new release."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from cloud import config as configs
from cloud import premises
from cloud.config import HubConfig
from cloud.storage.database import HEAD, sqlite_url
from protocol.errors import Unavailable
from protocol.runtime.folder import NodeFolder
from tests.cloud import earlier
from tests.edge.disks import small_disk

EARLIER = "0004"


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """A hub whose database an earlier release made."""
    folder = tmp_path / "hub"
    config = HubConfig(name="Uckermark", address="tcp://hub.example:4711")
    with premises.made(folder, config, random.Random(1).randbytes, "a passphrase", work_factor=4):
        pass
    path = folder / "hub.sqlite"
    path.unlink()
    engine = create_engine(sqlite_url(path))
    with engine.begin() as connection:
        earlier.build(connection, EARLIER)
    engine.dispose()
    return folder


def shape(hub: Path) -> str:
    with closing(sqlite3.connect(hub / "hub.sqlite")) as file:
        found: str = file.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        return found


def test_beneath_a_hub_that_runs_nothing_is_carried_over(hub: Path) -> None:
    with (
        NodeFolder.open(hub, "hub"),
        pytest.raises(Unavailable, match="works a hub of an earlier release") as told,
        premises.opened(hub),
    ):
        pass
    assert "Stop it and start it with this release" in told.value.remedy
    assert shape(hub) == EARLIER


@pytest.mark.parametrize("exclusive", [False, True])
def test_where_nobody_works_it_is(hub: Path, exclusive: bool) -> None:
    with premises.opened(hub, exclusive):
        assert shape(hub) == HEAD


def test_beside_a_hub_of_this_release_commands_look_in(hub: Path) -> None:
    with premises.opened(hub, exclusive=True), premises.opened(hub) as beside:
        assert beside.config.name == "Uckermark"


def test_the_fullest_of_its_disks_counts(hub: Path, tmp_path: Path) -> None:
    """Documents may lie on another disk than the rest."""
    config = HubConfig(name="Uckermark", blobs=str(tmp_path / "small"))
    with small_disk(tmp_path, 1024):
        assert configs.free_bytes(config, hub) <= 1024 * 1024
    assert configs.free_bytes(HubConfig(name="Uckermark"), hub) > 1024 * 1024


@pytest.mark.parametrize("left", [None, b""])
def test_a_folder_whose_database_is_gone_is_no_new_hub(hub: Path, left: bytes | None) -> None:
    """Half a copy was brought back: beside a new database the documents would be bytes of nobody, and be cut off."""
    segment = hub / "blobs" / "000003.segment"
    segment.parent.mkdir()
    segment.write_bytes(b"documents")
    (hub / "hub.sqlite").unlink()
    if left is not None:
        (hub / "hub.sqlite").write_bytes(left)
    for exclusive in (True, False):
        with pytest.raises(Unavailable, match="database") as told, premises.opened(hub, exclusive):
            pass
        assert "Bring the whole folder back" in told.value.remedy
    assert segment.read_bytes() == b"documents"
