"""Secured documents stay for a while: how long, how many, what lets them go early, and that no clock on the wall has a say in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from edge.buffer import Buffer, Put, State
from edge.offline import look
from protocol import limits
from protocol.entries import VisitEnded
from protocol.errors import Unavailable
from protocol.manifest import Happening
from tests.edge.cabin import BEGAN, NO_BALLAST, Cabin, directory, journal_of, manifest_of, receipt
from tests.edge.test_buffer_restored_hub import restored

KEEP_SECONDS = 100
SIZE_BYTES = 30_000
VISIT = VisitEnded(bytes(16), BEGAN, BEGAN, "left", 0, "de")


def opened(cabin: Cabin, **settings: int) -> Buffer:
    """With room to keep something, wherever these tests run."""
    buffer = cabin.open(**{"disk_free_bytes_min": -(1 << 60), "keep_seconds": KEEP_SECONDS, **settings})
    buffer.set_directory(directory(1)) if not buffer.directory_version() else None
    return buffer


def secured(cabin: Cabin, buffer: Buffer, count: int = 1) -> list[Put]:
    """Handed in, and the hub's receipt is here."""
    puts = [cabin.hand_in(buffer, cabin.envelope(SIZE_BYTES)) for _ in range(count)]
    for put in puts:
        cabin.told(buffer, receipt(manifest_of(buffer, put.entry), Happening.STORED))
        assert buffer.document(put.receipt).state is State.SECURED  # type: ignore[union-attr]
    return puts


def quiet(buffer: Buffer, seconds: float = 0.0) -> None:
    """So long in touch with the hub, a word every few seconds; then a turn with nothing to do."""
    while seconds > 0:
        buffer.in_touch(min(seconds, limits.BEAT_SECONDS))
        seconds -= limits.BEAT_SECONDS
    while buffer.leaving() or buffer._let_go_due():
        buffer.sync()


def here(buffer: Buffer, puts: list[Put]) -> list[bool]:
    return [buffer.have(put.digest) == put.size_bytes for put in puts]


def test_what_is_secured_stays_whole_and_is_given_out_again_to_the_byte(cabin: Cabin) -> None:
    buffer = opened(cabin)
    envelope = cabin.envelope(1_200_000)
    put = cabin.hand_in(buffer, envelope)
    cabin.told(buffer, receipt(manifest_of(buffer, put.entry), Happening.STORED))
    quiet(buffer, KEEP_SECONDS - 10)
    assert buffer.read(put.digest, 0, 1 << 30) == envelope
    assert buffer.kept() == (1, len(envelope))
    assert buffer.waiting().documents == 0
    buffer.close()
    buffer = opened(cabin)
    assert buffer.troubles == ()
    assert buffer.read(put.digest, 0, 1 << 30) == envelope
    assert buffer.kept() == (1, len(envelope))


def test_it_is_let_go_of_after_its_time_and_overwritten(cabin: Cabin) -> None:
    buffer = opened(cabin)
    envelope = cabin.envelope(SIZE_BYTES)
    put = cabin.hand_in(buffer, envelope)
    cabin.told(buffer, receipt(manifest_of(buffer, put.entry), Happening.STORED))
    quiet(buffer, KEEP_SECONDS / 2)
    [later] = secured(cabin, buffer)
    quiet(buffer, KEEP_SECONDS / 2 + 5)
    assert here(buffer, [put, later]) == [False, True]
    assert buffer.kept() == (1, SIZE_BYTES)
    buffer.close()
    assert envelope[1000:1100] not in (cabin.folder / "buffer.sqlite").read_bytes()
    buffer = opened(cabin)
    quiet(buffer, KEEP_SECONDS)
    assert here(buffer, [put, later]) == [False, False]
    assert buffer.kept() == (0, 0)


@pytest.mark.parametrize("at", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2106, 2, 7, 6, 28, 15, tzinfo=UTC)])
def test_no_clock_on_the_wall_lets_anything_go_nor_keeps_it_for_ever(cabin: Cabin, at: datetime) -> None:
    buffer = opened(cabin)
    puts = secured(cabin, buffer)
    cabin.clock.at = at
    quiet(buffer, KEEP_SECONDS / 2)
    puts += secured(cabin, buffer)
    assert here(buffer, puts) == [True, True]
    buffer.close()
    cabin.clock.at = BEGAN
    buffer = opened(cabin)
    quiet(buffer)
    assert here(buffer, puts) == [True, True]
    cabin.clock.at = at
    quiet(buffer, KEEP_SECONDS / 2 + 5)
    assert here(buffer, puts) == [False, True]
    quiet(buffer, KEEP_SECONDS / 2 + 5)
    assert here(buffer, puts) == [False, False]


def test_hours_without_a_line_make_nothing_older_and_neither_does_one_long_silence(cabin: Cabin) -> None:
    buffer = opened(cabin)
    puts = secured(cabin, buffer)
    buffer.in_touch(1e9)
    quiet(buffer)
    assert here(buffer, puts) == [True]


def test_a_restart_forgets_no_more_than_an_hour_of_it(cabin: Cabin) -> None:
    days = 3 * 86_400
    buffer = opened(cabin, keep_seconds=days)
    puts = secured(cabin, buffer)
    for _ in range(4):
        quiet(buffer, days / 4)
        buffer.close()
        buffer = opened(cabin, keep_seconds=days)
    assert here(buffer, puts) == [True]
    quiet(buffer, 4 * 3700)
    assert here(buffer, puts) == [False]


def test_with_no_time_given_it_is_let_go_of_at_once(cabin: Cabin) -> None:
    buffer = opened(cabin, keep_seconds=0)
    puts = secured(cabin, buffer)
    assert here(buffer, puts) == [False]
    assert buffer.leaving()


def test_there_is_a_bound_to_their_bytes_and_the_oldest_go_first(cabin: Cabin) -> None:
    buffer = opened(cabin, keep_bytes_max=3 * SIZE_BYTES)
    puts = secured(cabin, buffer, 5)
    assert here(buffer, puts) == [False, False, True, True, True]
    assert buffer.kept() == (3, 3 * SIZE_BYTES)


def test_there_is_a_bound_to_their_number(cabin: Cabin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "KEPT_DOCUMENTS_MAX", 2)
    buffer = opened(cabin)
    assert here(buffer, secured(cabin, buffer, 4)) == [False, False, True, True]


def test_where_the_disk_gets_short_nothing_is_kept(cabin: Cabin) -> None:
    buffer = cabin.open(disk_free_bytes_min=NO_BALLAST)
    buffer.set_directory(directory(1))
    assert here(buffer, secured(cabin, buffer)) == [False]


def test_what_is_kept_makes_room_in_time_when_the_disk_gets_short(cabin: Cabin) -> None:
    buffer = opened(cabin)
    puts = secured(cabin, buffer, 3)
    buffer.close()
    buffer = opened(cabin, disk_free_bytes_min=NO_BALLAST)
    quiet(buffer, 10)
    assert here(buffer, puts) == [False, False, False]
    assert buffer.kept() == (0, 0)


def test_nobody_is_refused_for_what_is_only_kept(cabin: Cabin) -> None:
    buffer = opened(cabin)
    puts = secured(cabin, buffer, 8)
    full_bytes = buffer._database.size_bytes()
    buffer.close()
    buffer = opened(cabin, bytes_max=full_bytes + 5 * SIZE_BYTES, disk_free_bytes_min=0)
    free_bytes = 5 * SIZE_BYTES + buffer._database.free_bytes()
    buffer.room_for(free_bytes - SIZE_BYTES)
    assert here(buffer, puts) == [True] * 8
    buffer.room_for(free_bytes + SIZE_BYTES)
    gone = here(buffer, puts).count(False)
    assert gone in (1, 2)
    assert here(buffer, puts) == [False] * gone + [True] * (8 - gone)
    with pytest.raises(Unavailable, match="no room"):
        buffer.room_for(free_bytes + 20 * SIZE_BYTES)
    assert cabin.hand_in(buffer, cabin.envelope(6 * SIZE_BYTES))


def test_the_entry_that_announces_it_stays_as_long(cabin: Cabin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EPOCH_ENTRIES_MAX", 150)
    buffer = opened(cabin)
    [put] = secured(cabin, buffer)
    for _ in range(2):
        for _ in range(limits.ENTRIES_KEPT + 450):
            buffer.append(VISIT)
        buffer.log.acknowledge(buffer.log.last().number)
        buffer.sync()
        assert buffer.log.first() <= put.entry
        assert journal_of(buffer, buffer.log.first() - 1)
    quiet(buffer, KEEP_SECONDS + 5)
    buffer.append(VISIT)
    buffer.log.acknowledge(buffer.log.last().number)
    buffer.sync()
    assert buffer.log.first() > put.entry


def test_a_hub_that_came_back_secures_it_anew_and_it_stays_as_long_again(cabin: Cabin) -> None:
    buffer = opened(cabin)
    [put] = secured(cabin, buffer)
    quiet(buffer, KEEP_SECONDS - 10)
    cabin.hub = buffer.log.theirs()
    buffer.log.commit([restored(cabin)])
    again = receipt(manifest_of(buffer, put.entry), Happening.STORED, text="once more")
    assert cabin.told(buffer, again).secured == (put.receipt,)
    quiet(buffer, KEEP_SECONDS - 10)
    assert here(buffer, [put]) == [True]
    quiet(buffer, 20)
    assert here(buffer, [put]) == [False]
    assert buffer.troubles == ()


def test_what_is_kept_is_remembered_as_long_and_then_forgotten(cabin: Cabin, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that came back may ask for it, and say again what happened to it."""
    monkeypatch.setattr(limits, "DOCUMENTS_REMEMBERED", 0)
    buffer = opened(cabin)
    put = cabin.hand_in(buffer, cabin.envelope(SIZE_BYTES))
    stored = receipt(manifest_of(buffer, put.entry), Happening.STORED)
    fetched = receipt(stored.receipt, Happening.FETCHED)
    cabin.told(buffer, stored, fetched, receipt(fetched.receipt, Happening.ACCEPTED))
    quiet(buffer, KEEP_SECONDS - 10)
    cabin.hub = buffer.log.theirs()
    buffer.log.commit([restored(cabin)])
    cabin.told(buffer, receipt(manifest_of(buffer, put.entry), Happening.STORED, text="once more"))
    quiet(buffer, KEEP_SECONDS - 10)
    assert here(buffer, [put]) == [True]
    assert [row.receipt for row in buffer.documents()] == [put.receipt]
    quiet(buffer, 20)
    [later] = secured(cabin, buffer)
    assert here(buffer, [put]) == [False]
    assert [row.receipt for row in buffer.documents()] == [later.receipt]


def test_an_altered_one_is_not_given_out(cabin: Cabin) -> None:
    buffer = opened(cabin)
    [put] = secured(cabin, buffer)
    buffer.close()
    raw = (cabin.folder / "buffer.sqlite").read_bytes()
    sealed = Cabin(cabin.folder.parent / "again").envelope(SIZE_BYTES)[100:200]
    where = raw.index(sealed)
    (cabin.folder / "buffer.sqlite").write_bytes(raw[:where] + bytes(100) + raw[where + 100 :])
    buffer = opened(cabin)
    assert buffer.read(put.digest, 0, 1 << 20) is None
    assert "altered" in buffer.troubles[0]
    assert buffer.document(put.receipt).state is State.SECURED  # type: ignore[union-attr]


def test_a_file_of_the_release_before_is_looked_at_and_goes_on(cabin: Cabin) -> None:
    buffer = opened(cabin, keep_seconds=0)
    put = cabin.hand_in(buffer)
    buffer.close()
    with closing(sqlite3.connect(cabin.folder / "buffer.sqlite")) as file, file:
        file.execute("DROP TABLE kept")
        file.execute("DELETE FROM _sqlite_migrations WHERE name = 'm002_kept'")
    assert look(cabin.folder).fault == ""
    buffer = opened(cabin)
    assert buffer.troubles == ()
    cabin.told(buffer, receipt(manifest_of(buffer, put.entry), Happening.STORED))
    assert here(buffer, [put]) == [True]
    buffer.close()
    assert (look(cabin.folder).kept.documents, look(cabin.folder).fault) == (1, "")
