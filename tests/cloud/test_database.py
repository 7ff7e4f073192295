"""The hub's database: shape, transactions, bell, several processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, insert, select

from cloud.storage import database as module
from cloud.storage.database import HEAD, Database, sqlite_url, stored, upsert
from cloud.storage.schema import metadata, route
from cloud.storage.turnstile import Turnstile
from protocol import codec
from protocol.directory import Route
from protocol.errors import Unavailable

PAGE_BYTES = 4096
ROUTE = {"service": "99107023017000", "area": "12073", "agency": "wohngeldstelle-uckermark"}


def shape(path: Path) -> set[tuple[str, str]]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {(name, " ".join(sql.split())) for name, sql in rows if name != "alembic_version"}


def test_migrated_shape_is_the_schema(tmp_path: Path) -> None:
    Database(sqlite_url(tmp_path / "migrated.sqlite")).close()
    engine = create_engine(sqlite_url(tmp_path / "created.sqlite"))
    metadata.create_all(engine)
    engine.dispose()
    assert shape(tmp_path / "migrated.sqlite") == shape(tmp_path / "created.sqlite")


def test_head_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(module.__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_database_in_shape_opens_without_alembic(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "hub.sqlite")
    Database(url).close()
    script = (
        "import sys; from cloud.storage.database import Database; "
        f"Database({url!r}).close(); sys.exit('alembic' in sys.modules)"
    )
    root = Path(module.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", script], check=False, cwd=root).returncode == 0


@pytest.mark.parametrize("opens", [True, False])
def test_a_damaged_file_is_told_with_what_to_do(tmp_path: Path, opens: bool) -> None:
    path = tmp_path / "hub.sqlite"
    database = Database(sqlite_url(path))
    with database.turn() as connection:
        connection.execute(insert(route).values(ROUTE))
    database.close()
    with sqlite3.connect(path) as connection:
        pages = dict(connection.execute("SELECT name, rootpage FROM sqlite_master").fetchall())
    connection.close()
    with path.open("r+b") as file:
        file.seek((pages[route.name if opens else "alembic_version"] - 1) * PAGE_BYTES)
        file.write(b"\xff" * PAGE_BYTES)

    def use() -> None:
        damaged = Database(sqlite_url(path))
        try:
            with pytest.raises(Unavailable) as read, damaged.reading() as connection:
                connection.execute(select(route)).all()
            assert "bring it back from a copy" in read.value.remedy
            with damaged.turn() as connection:
                connection.execute(insert(route).values(ROUTE | {"area": "12"}))
        finally:
            damaged.close()

    with pytest.raises(Unavailable, match="is damaged") as told:
        use()
    assert "bring it back from a copy" in told.value.remedy


def test_a_bit_in_the_words_of_the_shape_is_damage(tmp_path: Path) -> None:
    """`NGT` for `NOT` is a kind of number for SQLite: the table reads, its key is another, and a hub of it had empty inboxes and told nobody."""
    path = tmp_path / "hub.sqlite"
    Database(sqlite_url(path)).close()
    sound = path.read_bytes()
    words = b"CREATE TABLE blob (\n\tid INTEGER NOT NULL"
    assert sound.count(words) == 1
    path.write_bytes(sound.replace(words, words.replace(b"NOT", b"NGT")))
    with pytest.raises(Unavailable, match="is damaged: its tables are not those that were made"):
        Database(sqlite_url(path))
    path.write_bytes(sound)
    Database(sqlite_url(path)).close()


def test_a_column_that_holds_something_else_is_damage_too() -> None:
    assert stored(Route, codec.encode(Route(**ROUTE)), 1000) == Route(**ROUTE)  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match="is damaged: Bytes that spell no route"):
        stored(Route, b"\xff", 1000)


def test_a_later_shape_is_refused_in_plain_words(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "hub.sqlite")
    database = Database(url)
    with database.turn() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(Unavailable, match="shape 9999"):
        Database(url)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hub.sqlite").write_bytes(b"no database at all, only words" * 100)
    with pytest.raises(Unavailable, match="is damaged: file is not a database"):
        Database(sqlite_url(tmp_path / "hub.sqlite"))
    with pytest.raises(Unavailable, match="cannot be opened"):
        Database(sqlite_url(tmp_path / "missing" / "hub.sqlite"))
    with pytest.raises(Unavailable, match="no database for a hub"):
        Database("mysql://somewhere/else")


def test_durability_settings_hold_on_every_connection(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "hub.sqlite"))
    for borrow in (database.turn, database.reading):
        with borrow() as connection:
            found = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    database.close()


def test_a_turn_is_all_or_nothing(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "hub.sqlite"))

    def interrupted() -> None:
        with database.turn() as connection:
            connection.execute(insert(route), [ROUTE])
            raise KeyError("power cut")

    with pytest.raises(KeyError):
        interrupted()
    with database.reading() as connection:
        assert connection.execute(select(route)).all() == []
    database.close()


def test_the_bell_rings_for_others_and_not_for_oneself(tmp_path: Path) -> None:
    hub, operator = (Database(sqlite_url(tmp_path / "hub.sqlite")) for _ in range(2))
    hub.changed()
    assert not hub.changed()
    with hub.turn() as connection:
        connection.execute(insert(route), [ROUTE])
    assert not hub.changed()
    with operator.turn() as connection:
        connection.execute(insert(route), [{**ROUTE, "area": "12"}])
    assert hub.changed()
    assert not hub.changed()
    hub.close()
    operator.close()


def test_a_second_writer_waits_and_then_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_MILLISECONDS", 20)
    one, two = (Database(sqlite_url(tmp_path / "hub.sqlite")) for _ in range(2))
    with one.turn(), pytest.raises(Unavailable, match="locked"), two.turn():
        raise AssertionError("two writers at once")
    one.close()
    two.close()


def test_an_operator_gets_in_between_two_turns_of_a_hub_that_never_pauses(tmp_path: Path) -> None:
    """On a slow disk the hub held the file nearly always; a revocation was refused after five seconds, "database is locked"."""
    hub, operator = (Database(sqlite_url(tmp_path / "hub.sqlite")) for _ in range(2))
    begun, ended, turns = threading.Event(), threading.Event(), 0

    def turn_after_turn() -> None:
        nonlocal turns
        while not ended.is_set():
            with hub.turn() as connection:
                connection.execute(insert(route), [{**ROUTE, "area": str(turns)}])
                turns += 1
                ended.wait(0.05)  # its disk
            begun.set()

    busy = threading.Thread(target=turn_after_turn)
    busy.start()
    try:
        begun.wait()
        before = turns
        with operator.turn() as connection:
            assert turns <= before + 2
            connection.execute(insert(route), [{**ROUTE, "agency": "eins"}])
    finally:
        ended.set()
        busy.join()
    hub.close()
    operator.close()


def test_whoever_stops_in_the_turnstile_keeps_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_MILLISECONDS", 20)
    database, stopped = Database(sqlite_url(tmp_path / "hub.sqlite")), Turnstile(tmp_path, 0.0)
    with stopped.passing(), database.turn() as connection:
        connection.execute(insert(route), [ROUTE])
    stopped.close()
    database.close()


def test_a_reader_sees_one_moment(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "hub.sqlite"))
    with database.reading() as reader:
        assert reader.execute(select(route)).all() == []
        with database.turn() as connection:
            connection.execute(insert(route), [ROUTE])
        assert reader.execute(select(route)).all() == []
    with database.reading() as reader:
        assert len(reader.execute(select(route)).all()) == 1
    database.close()


def test_upsert_replaces_what_is_there(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "hub.sqlite"))
    for agency in ("eins", "zwei"):
        with database.turn() as connection:
            upsert(connection, route, [{**ROUTE, "agency": agency}])
            upsert(connection, route, [])
    with database.reading() as connection:
        assert connection.execute(select(route.c.agency)).scalars().all() == ["zwei"]
    database.close()
