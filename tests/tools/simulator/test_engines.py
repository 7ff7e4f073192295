"""An engine outlives the process that it served, its connections do not."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from cloud.storage import database
from cloud.storage.database import Database, sqlite_url
from tools.simulator import engines


def test_whoever_opens_the_file_next_gets_the_engine_and_a_connection_of_their_own(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "hub.sqlite")
    real = database._engine
    with engines.kept():
        first = Database(url)
        with first.turn() as connection:
            connection.execute(text("CREATE TEMP TABLE mine (a)"))  # seen by one connection only
        beside = Database(url)
        assert beside._engine is not first._engine
        first.close()
        second = Database(url)
        assert second._engine is first._engine
        with second.reading() as connection:
            assert connection.execute(text("SELECT count(*) FROM sqlite_temp_master")).scalar() == 0
        second.close()
        beside.close()
    assert database._engine is real
