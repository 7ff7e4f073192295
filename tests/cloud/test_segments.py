"""Segment files: what the disk holds, what is given back, what a damaged folder does."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloud.storage.blobs import files
from cloud.storage.blobs.segments import Segments
from cloud.storage.database import Database, sqlite_url
from protocol.errors import Unavailable
from protocol.ids import Digest
from tests.edge.disks import nothing_can_be_opened

SEGMENT = 1 << 20


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(sqlite_url(tmp_path / "hub.sqlite"))
    yield found
    found.close()


def blob(seed: int, size: int) -> tuple[Digest, bytes]:
    made = random.Random(seed).randbytes(size)
    return Digest(hashlib.sha256(made).digest()), made


def settle(segments: Segments, database: Database) -> None:
    segments.sync()
    with database.turn() as connection:
        segments.record(connection)
    segments.committed()


def fill(segments: Segments, database: Database, count: int, size: int = 300_000) -> list[tuple[Digest, bytes]]:
    blobs = [blob(seed, size) for seed in range(count)]
    for digest, made in blobs:
        segments.keep(digest, 0, made[: size // 2])
        segments.keep(digest, size // 2, made[size // 2 :])
        settle(segments, database)
        segments.finished(digest)
    return blobs


@contextmanager
def opened(path: Path, folder: Path) -> Iterator[tuple[Segments, Database]]:
    """A hub that begins with this database, and ends."""
    database = Database(sqlite_url(path))
    segments = Segments(folder, database, SEGMENT)
    yield segments, database
    segments.close()
    database.close()


def allocated(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.glob("*.segment"))


def test_segments_stay_below_their_size_and_read_back(tmp_path: Path, database: Database) -> None:
    segments = Segments(tmp_path / "blobs", database, SEGMENT)
    blobs = fill(segments, database, 10)
    assert [path.name for path in sorted((tmp_path / "blobs").glob("*.segment"))] == [
        "000001.segment", "000002.segment", "000003.segment", "000004.segment",
    ]  # fmt: skip
    assert all(path.stat().st_size <= SEGMENT for path in (tmp_path / "blobs").glob("*.segment"))
    for digest, made in blobs:
        assert segments.read(digest, 0, len(made) + 1) == made
        assert segments.read(digest, 149_000, 2000) == made[149_000:151_000]
    segments.close()


def test_where_nothing_more_can_be_opened_another_segment_is_read_in_place_of_one(
    tmp_path: Path, database: Database
) -> None:
    segments = Segments(tmp_path / "blobs", database, SEGMENT)
    blobs = fill(segments, database, 10)
    assert segments.read(*blobs[0][:1], 0, 10) == blobs[0][1][:10]
    with nothing_can_be_opened():
        for digest, made in blobs:
            assert segments.read(digest, 0, len(made)) == made
    segments.close()


def test_neighbouring_chunks_are_one_row(tmp_path: Path, database: Database) -> None:
    segments = Segments(tmp_path / "blobs", database)
    (digest, made), (other, _) = blob(1, 4000), blob(2, 10)
    for offset in range(0, 3000, 1000):
        segments.keep(digest, offset, made[offset : offset + 1000])
    segments.keep(other, 0, b"between")
    segments.keep(digest, 3000, made[3000:])
    settle(segments, database)
    with database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT offset_bytes, length_bytes FROM piece ORDER BY position_bytes").all()
    assert rows == [(0, 3000), (0, 7), (3000, 1000)]
    assert segments.read(digest, 2500, 1000) == made[2500:3500]
    segments.close()


def test_space_is_given_back(tmp_path: Path, database: Database) -> None:
    segments = Segments(tmp_path / "blobs", database, SEGMENT)
    blobs = fill(segments, database, 10)
    before = allocated(tmp_path / "blobs")
    for digest, _ in blobs[:3]:
        segments.forget(digest)
    assert allocated(tmp_path / "blobs") == before  # not before it is committed
    settle(segments, database)
    assert not (tmp_path / "blobs" / "000001.segment").exists()
    segments.forget(blobs[4][0])
    settle(segments, database)
    assert allocated(tmp_path / "blobs") < before - 3 * 300_000 - 250_000
    assert segments.read(blobs[4][0], 0, 10) is None
    for digest, made in (*blobs[3:4], *blobs[5:]):
        assert segments.read(digest, 0, len(made)) == made
    segments.close()


def test_space_that_a_killed_process_had_let_go_is_found(tmp_path: Path, database: Database) -> None:
    segments = Segments(tmp_path / "blobs", database, 64 * SEGMENT)
    blobs = fill(segments, database, 20)
    segments.forget(blobs[0][0])
    for digest, _ in blobs[3:19]:
        segments.forget(digest)
    with database.turn() as connection:
        segments.record(connection)
    segments.close()  # killed before `committed`
    before = allocated(tmp_path / "blobs")
    segments = Segments(tmp_path / "blobs", database, 64 * SEGMENT)
    assert allocated(tmp_path / "blobs") < before - 16 * 300_000
    for digest, made in (*blobs[1:3], blobs[19]):
        assert segments.read(digest, 0, len(made)) == made
    segments.close()


def test_a_tail_that_no_row_speaks_of_is_cut_off(tmp_path: Path, database: Database) -> None:
    segments = Segments(tmp_path / "blobs", database, SEGMENT)
    ((digest, made),) = fill(segments, database, 1)
    segments.keep(blob(7, 1)[0], 0, bytes(100_000))
    segments.sync()
    segments.close()
    (tmp_path / "blobs" / "000009.segment").write_bytes(b"never recorded")
    segments = Segments(tmp_path / "blobs", database, SEGMENT)
    assert [path.stat().st_size for path in (tmp_path / "blobs").glob("*.segment")] == [300_000]
    assert segments.have(blob(7, 1)[0]) == 0
    segments.keep(blob(7, 1)[0], 0, b"again")
    settle(segments, database)
    assert segments.read(digest, 0, 300_000) == made
    segments.close()


def test_an_unfinished_blob_goes_on_in_another_process(tmp_path: Path, database: Database) -> None:
    digest, made = blob(1, 3_000_000)
    for end in (1_300_000, 2_900_000, 3_000_000):
        segments = Segments(tmp_path / "blobs", database, SEGMENT)
        for offset in range(segments.have(digest), end, 250_000):
            segments.keep(digest, offset, made[offset : min(end, offset + 250_000)])
        settle(segments, database)
        assert segments.sums(digest).size_bytes == end
        assert segments.digest(digest) == hashlib.sha256(made[:end]).digest()
        segments.close()
    segments = Segments(tmp_path / "blobs", database, SEGMENT)
    assert segments.read(digest, 0, 3_000_000) == made
    segments.close()


def test_a_full_disk_keeps_what_was_settled(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = Segments(tmp_path / "blobs", database, SEGMENT)
    ((digest, made),) = fill(segments, database, 1)
    write = os.pwrite

    def half(descriptor: int, data: memoryview, position: int) -> int:
        if position >= 301_000:
            raise OSError(28, os.strerror(28))
        return write(descriptor, data[:1000], position)

    monkeypatch.setattr(files.os, "pwrite", half)
    with pytest.raises(Unavailable, match="No space left"):
        segments.keep(blob(2, 1)[0], 0, bytes(5000))
    monkeypatch.undo()
    with pytest.raises(Unavailable, match="No space left"):
        segments.keep(blob(3, 1)[0], 0, b"one more")
    with pytest.raises(Unavailable, match="No space left"):
        segments.sync()
    segments.close()
    segments = Segments(tmp_path / "blobs", database, SEGMENT)
    assert segments.read(digest, 0, 300_000) == made
    assert segments.have(blob(2, 1)[0]) == 0
    segments.close()


def test_a_damaged_file_does_not_stop_the_others(tmp_path: Path, database: Database) -> None:
    segments = Segments(tmp_path / "blobs", database, SEGMENT)
    blobs = fill(segments, database, 7)
    segments.close()
    (tmp_path / "blobs" / "000001.segment").unlink()
    os.truncate(tmp_path / "blobs" / "000002.segment", 350_000)
    segments = Segments(tmp_path / "blobs", database, SEGMENT)
    assert sorted(path.name for path in segments.damaged) == ["000001.segment", "000002.segment"]
    whole = [segments.read(digest, 0, len(made)) == made for digest, made in blobs]
    assert whole == [False, False, False, True, False, False, True]
    segments.close()


def test_a_folder_that_cannot_be_written(tmp_path: Path, database: Database) -> None:
    (tmp_path / "blobs").write_bytes(b"a file")
    with pytest.raises(Unavailable, match="cannot be made"):
        Segments(tmp_path / "blobs", database)


def test_many_files_need_few_descriptors(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_OPEN_MAX", 3)
    segments = Segments(tmp_path / "blobs", database, 1000)
    blobs = fill(segments, database, 12, 900)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        for digest, made in blobs:
            assert segments.read(digest, 0, 900) == made
    assert len(os.listdir("/proc/self/fd")) <= before + 4
    segments.close()


def older(tmp_path: Path, count: int, then: int) -> tuple[list[tuple[Digest, bytes]], Path, Path]:
    """`count` blobs, a copy of the database, `then` more: the blobs, the copy and the newer database."""
    path = tmp_path / "hub.sqlite"
    database = Database(sqlite_url(path))
    segments = Segments(tmp_path / "blobs", database, SEGMENT)
    blobs = fill(segments, database, count)
    segments.close()
    database.close()
    copy = tmp_path / "copy.sqlite"
    shutil.copy(path, copy)
    database = Database(sqlite_url(path))
    segments = Segments(tmp_path / "blobs", database, SEGMENT)
    for seed in range(count, count + then):
        digest, made = blob(seed, 300_000)
        segments.keep(digest, 0, made)
        settle(segments, database)
        blobs.append((digest, made))
    segments.close()
    database.close()
    return blobs, copy, path


def readable(path: Path, folder: Path, blobs: list[tuple[Digest, bytes]], seed: int) -> tuple[list[bool], list[str]]:
    """Which of these blobs a hub reads that begins with this database, and what it keeps aside; it takes one more."""
    database = Database(sqlite_url(path))
    segments = Segments(folder, database, SEGMENT)
    found = [segments.read(digest, 0, len(made)) == made for digest, made in blobs]
    fresh, made = blob(seed, 5000)
    segments.keep(fresh, 0, made)
    settle(segments, database)
    assert segments.read(fresh, 0, 5000) == made
    aside = [path.name for path in segments.aside]
    segments.close()
    database.close()
    return found, aside


@pytest.mark.parametrize("then", [1, 7])
def test_what_an_older_database_does_not_know_is_kept_aside(tmp_path: Path, then: int) -> None:
    """`cp hub.sqlite` without its WAL, or last night's copy of it: the documents of today had been secured, and were cut off."""
    blobs, copy, newer = older(tmp_path, 5, then)
    folder = tmp_path / "blobs"
    for again in range(3):
        found, aside = readable(copy, folder, blobs, 1000 + again)
        assert found == [True] * 5 + [False] * then
        assert bool(aside) is (again == 0)  # the next start knows what it is
        held = b"".join(path.read_bytes() for path in sorted(folder.glob("*.aside")))
        assert all(made in held for _, made in blobs[5:])
    found, _ = readable(newer, folder, blobs, 2000)
    assert all(found)


def test_what_an_older_database_lets_go_of_a_newer_one_finds_again(tmp_path: Path) -> None:
    """Of a document that was still on its way when the copy was made the hub that began with it let go, and of others. A newer database knows the
    whole of it."""
    folder, path, copy = tmp_path / "blobs", tmp_path / "hub.sqlite", tmp_path / "copy.sqlite"
    late, made = blob(77, 200_000)
    with opened(path, folder) as (segments, database):
        blobs = fill(segments, database, 5)
        segments.keep(late, 0, made[:100_000])
        settle(segments, database)
    shutil.copy(path, copy)
    with opened(path, folder) as (segments, database):
        segments.keep(late, 100_000, made[100_000:])
        settle(segments, database)
    for seed in (500, 501, 502):
        with opened(copy, folder) as (segments, database):
            for digest, _ in (*blobs, (late, made)):
                segments.forget(digest)
            settle(segments, database)
            fresh, other = blob(seed, 5000)
            segments.keep(fresh, 0, other)
            settle(segments, database)
            assert segments.have(late) == 0
    with opened(path, folder) as (segments, database):
        assert all(segments.read(digest, 0, len(whole)) == whole for digest, whole in (*blobs, (late, made)))


def test_a_newer_database_that_is_back_gives_space_back_again(tmp_path: Path) -> None:
    blobs, copy, newer = older(tmp_path, 5, 1)
    folder = tmp_path / "blobs"
    with opened(copy, folder):
        assert [path.name for path in folder.glob("*.aside")]
    with opened(newer, folder):
        pass
    assert not list(folder.glob("*.aside"))
    with opened(newer, folder) as (segments, database):
        before = allocated(folder)
        segments.forget(blobs[0][0])
        settle(segments, database)
        assert allocated(folder) <= before - 290_000


def test_a_mark_that_a_crash_has_left_behind_is_made_good_by_the_next_start(tmp_path: Path) -> None:
    """It is written after the transaction, and never fsynced. A hub that only slept then looked as old as the copy beside it."""
    blobs, copy, newer = older(tmp_path, 5, 1)
    folder = tmp_path / "blobs"
    (folder / "recorded").write_bytes(b"")
    database = Database(sqlite_url(newer))
    segments = Segments(folder, database, SEGMENT)
    settle(segments, database)  # a turn without documents
    segments.close()
    database.close()
    found, aside = readable(copy, folder, blobs, 1000)
    assert found == [True] * 5 + [False]
    assert aside == ["000002.aside"]


def test_a_database_of_before_marks_cuts_off_as_ever(tmp_path: Path, database: Database) -> None:
    segments = Segments(tmp_path / "blobs", database, SEGMENT)
    ((digest, made),) = fill(segments, database, 1)
    segments.keep(blob(7, 1)[0], 0, bytes(100_000))
    segments.sync()
    segments.close()
    mark = tmp_path / "blobs" / "recorded"
    for damaged in (b"", b"000000000009 000000000000 " + b"0" * 64 + b"\n", b"\xff" * 91, b"a b c"):
        mark.write_bytes(damaged)
        segments = Segments(tmp_path / "blobs", database, SEGMENT)
        assert not segments.aside
        assert segments.read(digest, 0, 300_000) == made
        segments.close()


def test_where_everything_was_let_go_positions_go_on(tmp_path: Path, database: Database) -> None:
    """Or a database would look older than its files because it has nothing left to speak of."""
    segments = Segments(tmp_path / "blobs", database, SEGMENT)
    for digest, _ in fill(segments, database, 7):
        segments.forget(digest)
    settle(segments, database)
    segments.close()
    for seed in (20, 21):
        segments = Segments(tmp_path / "blobs", database, SEGMENT)
        assert not segments.aside
        digest, made = blob(seed, 300_000)
        segments.keep(digest, 0, made)
        settle(segments, database)
        assert segments.read(digest, 0, 300_000) == made
        segments.close()
    assert allocated(tmp_path / "blobs") < 4 * 300_000
