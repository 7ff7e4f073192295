"""One flipped bit: noticed before anything altered is used, and what was damaged is never deleted."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from random import Random as Dice

import msgspec
import pytest

from edge.buffer import Buffer, Document, Put, State
from edge.offline import look
from edge.storage.opening import set_aside
from protocol.entries import DocumentSealed, EpochOpened, Mark, VisitEnded
from protocol.errors import Unavailable
from protocol.ids import AgencyId, Digest
from protocol.manifest import Happening, Manifest, unverified
from tests.edge.cabin import AGENCY, BEGAN, Cabin, directory, journal_of, manifest_of, receipt

VISIT = VisitEnded(bytes(16), BEGAN, BEGAN, "left", 0, "de")
FILES = ("buffer.sqlite", "buffer.sqlite-wal", "high-water")
FLIPS = 60


class Seen(msgspec.Struct):
    """Everything a buffer can be asked. A document's bytes are None where they are refused."""

    last: Mark
    theirs: Mark
    events: list[object]
    documents: list[Document]
    version: int
    blobs: dict[bytes, bytes | None]


def seen(buffer: Buffer, entries: int) -> Seen:
    events = [
        event for event in journal_of(buffer, buffer.log.first() - 1)[:entries] if not isinstance(event, EpochOpened)
    ]
    digests = [event.digest for event in events if isinstance(event, DocumentSealed)]
    rows = buffer.log.read(buffer.log.first() - 1, 1 << 30, 1 << 20)[:entries]
    last = Mark(rows[-1].epoch, rows[-1].number, rows[-1].hash)
    blobs = {digest: buffer.read(digest, 0, 1 << 30) for digest in digests}
    return Seen(last, buffer.log.theirs(), list(events), buffer.documents(), buffer.directory_version(), blobs)


def flipped(source: Path, into: Path, name: str, bit: int) -> Cabin:
    into.mkdir()
    for file in FILES:
        if (source / file).exists():
            shutil.copyfile(source / file, into / file)
    raw = bytearray((into / name).read_bytes())
    raw[bit // 8] ^= 1 << (bit % 8)
    (into / name).write_bytes(raw)
    return Cabin(into, bit)


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Seen, int]:
    """A cabin's folder after some work, with everything in the file and some of it free again; what is in it; how many entries."""
    cabin = Cabin(tmp_path_factory.mktemp("worked") / "cabin")
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    puts = [cabin.hand_in(buffer, cabin.envelope(size)) for size in (500, 90_000, 300_000, 400_000)]
    buffer.append(VISIT)
    for put in puts[::2]:
        cabin.told(buffer, receipt(manifest_of(buffer, put.entry), Happening.STORED))
    entries = buffer.log.last().number
    known = seen(buffer, entries)
    buffer.close()
    return cabin.folder, known, entries


def check_one_flip(cabin: Cabin, known: Seen, entries: int) -> str:
    """Open after a flip: the file lies aside, or a document is refused, or nothing at all has changed."""
    before = (cabin.folder / "buffer.sqlite").stat().st_size
    buffer = cabin.open()
    cabin.hand_in(buffer, cabin.envelope(200_000))  # a damaged list of free pages would show now
    aside = set_aside(cabin.folder)
    if aside:
        assert buffer.troubles
        assert (cabin.folder / aside[0]).stat().st_size >= before
        assert buffer.log.first() == known.last.number + 1
        buffer.close()
        return "aside"
    found = seen(buffer, entries)
    troubles = buffer.troubles
    buffer.close()
    refused = [digest for digest, raw in found.blobs.items() if raw is None and known.blobs[digest] is not None]
    assert bool(refused) == any("altered on this cabin's disk" in trouble for trouble in troubles)
    assert [raw for digest, raw in found.blobs.items() if digest not in refused] == [
        raw for digest, raw in known.blobs.items() if digest not in refused
    ]
    assert (found.last, found.events) == (known.last, known.events)
    if not any("directory" in trouble for trouble in troubles):
        assert found.version == known.version
    if not refused:
        assert found.documents[1:] == known.documents
        assert found.theirs == known.theirs
    return "refused" if refused else "told" if troubles else "harmless"


def test_a_flipped_bit_in_the_file_is_never_used(tmp_path: Path, worked: tuple[Path, Seen, int]) -> None:
    folder, known, entries = worked
    size_bits = (folder / "buffer.sqlite").stat().st_size * 8
    dice = Dice(11)
    outcomes = [
        check_one_flip(
            flipped(folder, tmp_path / f"{number}", "buffer.sqlite", dice.randrange(size_bits)), known, entries
        )
        for number in range(FLIPS)
    ]
    assert {"refused", "harmless"} <= set(outcomes)  # most of the file is documents, and pages that are free


@pytest.mark.parametrize("table", ["place", "entry", "document", "agency", "number", "blob", "receipt"])
def test_a_flipped_bit_in_a_row_puts_the_file_aside(tmp_path: Path, worked: tuple[Path, Seen, int], table: str) -> None:
    folder, known, entries = worked
    raw = (folder / "buffer.sqlite").read_bytes()
    needle = {
        "place": b"document\x92",  # in the tallies
        "entry": known.last.hash,
        "document": b"waiting",
        "agency": AGENCY.encode() + b"\x04",
        "number": known.documents[0].receipt.encode(),
        "blob": next(iter(known.blobs)),
        "receipt": b"kabine",
    }[table]
    at = raw.rfind(needle)
    if table == "receipt":
        at = raw.find(b"stored")
    if table == "blob":
        at = raw.find(next(digest for digest, blob in known.blobs.items() if blob is not None))
    assert at > 0
    assert check_one_flip(flipped(folder, tmp_path / table, "buffer.sqlite", at * 8 + 3), known, entries) == "aside"


def test_a_row_that_is_no_text_any_more_takes_no_other_with_it(tmp_path: Path) -> None:
    """The counters to all other agencies go on in the new file, and the cabin starts."""
    cabin, other = Cabin(tmp_path / "cabin"), AgencyId("wohngeldstelle-uckermark")
    buffer = cabin.open()
    for agency in (AGENCY, other, AGENCY, other):
        cabin.hand_in(buffer, agency=agency)
    buffer.close()
    at = (cabin.folder / "buffer.sqlite").read_bytes().rfind(AGENCY.encode() + b"\x02")
    assert at > 0
    cabin = flipped(cabin.folder, tmp_path / "flipped", "buffer.sqlite", at * 8 + 7)
    buffer = cabin.open()
    assert set_aside(cabin.folder)
    counters = [
        unverified(Manifest, manifest_of(buffer, cabin.hand_in(buffer, agency=agency).entry)).counter
        for agency in (AGENCY, other)
    ]
    buffer.close()
    assert counters == [1, 3]


def test_a_flipped_bit_in_the_wal_is_noticed_though_sqlite_says_nothing(tmp_path: Path) -> None:
    cabin = Cabin(tmp_path / "cabin")
    buffer = cabin.open()
    for size_bytes in (500, 60_000, 500):
        cabin.hand_in(buffer, cabin.envelope(size_bytes))
    entries = buffer.log.last().number
    known = seen(buffer, entries)
    wal = cabin.folder / "buffer.sqlite-wal"
    dice = Dice(12)
    outcomes = []
    for number in range(FLIPS // 2):
        there = flipped(
            cabin.folder, tmp_path / f"{number}", "buffer.sqlite-wal", dice.randrange(wal.stat().st_size * 8)
        )
        evidence = (there.folder / "buffer.sqlite-wal").read_bytes()
        outcomes.append(check_one_flip(there, known, entries))
        if outcomes[-1] == "aside":
            assert (there.folder / f"{set_aside(there.folder)[0]}-wal").read_bytes() == evidence
    assert outcomes.count("aside") > FLIPS // 4


def test_a_flipped_bit_in_the_high_water_mark_costs_nothing(tmp_path: Path, worked: tuple[Path, Seen, int]) -> None:
    folder, known, entries = worked
    dice = Dice(13)
    for number in range(FLIPS // 3):
        bit = dice.choice((0, 4096)) * 8 + dice.randrange(250 * 8)
        assert check_one_flip(flipped(folder, tmp_path / f"{number}", "high-water", bit), known, entries) == "harmless"


def test_a_high_water_mark_that_is_gone_is_told_and_written_anew(
    tmp_path: Path, worked: tuple[Path, Seen, int]
) -> None:
    folder, known, entries = worked
    shutil.copytree(folder, tmp_path / "cabin")
    (tmp_path / "cabin" / "high-water").unlink()
    cabin = Cabin(tmp_path / "cabin")
    buffer = cabin.open()
    assert "high-water" in buffer.troubles[0]
    assert seen(buffer, entries).events == known.events
    buffer.close()
    assert cabin.open().troubles == ()


def test_after_damage_the_cabin_goes_on_behind_the_last_entry_known(
    tmp_path: Path, worked: tuple[Path, Seen, int]
) -> None:
    folder, known, entries = worked
    at = (folder / "buffer.sqlite").read_bytes().rfind(known.last.hash)
    cabin = flipped(folder, tmp_path / "cabin", "buffer.sqlite", at * 8)
    buffer = cabin.open()
    first = journal_of(buffer, entries)[0]
    assert isinstance(first, EpochOpened)
    assert first.follows == known.last
    assert (buffer.log.first(), buffer.log.last().epoch) == (entries + 1, known.last.epoch + 1)
    assert buffer.log.theirs() == Mark() or buffer.log.theirs().number <= known.theirs.number
    assert len(buffer.issue_number()) == len(known.documents[0].receipt) + 1  # never one that was given out before
    assert buffer.directory_version() == known.version
    put = cabin.hand_in(buffer)
    manifest = unverified(Manifest, manifest_of(buffer, put.entry))
    assert manifest.counter == 5  # four went to this agency before
    buffer.close()
    buffer = cabin.open()
    assert [row.receipt for row in buffer.documents()] == [put.receipt]
    assert any("lies aside" in trouble for trouble in buffer.troubles)
    assert len(set_aside(cabin.folder)) == 1


def test_a_buffer_that_is_gone_is_damage_too(tmp_path: Path, worked: tuple[Path, Seen, int]) -> None:
    folder, known, entries = worked
    shutil.copytree(folder, tmp_path / "cabin")
    (tmp_path / "cabin" / "buffer.sqlite").unlink()
    buffer = Cabin(tmp_path / "cabin").open()
    assert "gone" in buffer.troubles[0]
    assert buffer.log.first() == entries + 1
    assert known.documents


@pytest.mark.parametrize("left", ["a folder", "a link to nothing"])
def test_what_is_no_file_is_neither_used_nor_moved(tmp_path: Path, left: str) -> None:
    """A disk that is not mounted; there is no file to put aside, and what is brought back must find its place."""
    cabin = Cabin(tmp_path)
    cabin.open().close()
    there = tmp_path / "buffer.sqlite"
    there.unlink()
    there.mkdir() if left == "a folder" else there.symlink_to(tmp_path / "another" / "disk")
    with pytest.raises(Unavailable, match=r"buffer\.sqlite cannot be opened") as told:
        cabin.open()
    assert "a link to a disk that is not there" in told.value.remedy
    assert "buffer.sqlite" in look(tmp_path).fault
    assert there.is_dir() or there.is_symlink()


def one_of_two_altered(folder: Path) -> tuple[Buffer, Put, Put]:
    """A buffer with two documents, opened anew: the first as it was, one bit of the second's bytes flipped."""
    cabin = Cabin(folder)
    buffer = cabin.open()
    good, bad = (cabin.hand_in(buffer, cabin.envelope(700_000)) for _ in range(2))
    buffer._database.checkpoint()
    raw = bytearray((folder / "buffer.sqlite").read_bytes())
    piece = buffer.read(bad.digest, 300_000, 40)
    assert piece is not None
    buffer.close()
    raw[raw.find(piece) + 20] ^= 4
    (folder / "buffer.sqlite").write_bytes(raw)
    return cabin.open(), good, bad


def test_a_document_that_was_altered_while_the_cabin_runs_is_not_given_out(cabin_folder: Path) -> None:
    buffer, good, bad = one_of_two_altered(cabin_folder)
    assert buffer.read(bad.digest, 300_000, 40) is None
    assert buffer.read(good.digest, 300_000, 40) is not None
    assert {row.receipt: row.state for row in buffer.documents()} == {
        good.receipt: State.WAITING,
        bad.receipt: State.DAMAGED,
    }
    assert bad.receipt in buffer.troubles[0]


def test_who_checks_the_whole_reads_unchecked_once_and_what_it_asks_for_again_is_checked(cabin_folder: Path) -> None:
    buffer, good, bad = one_of_two_altered(cabin_folder)
    for start in range(0, 700_000, 100_000):  # in order, as a hub asks
        altered = buffer.read(bad.digest, start, 100_000, checked_later=True)
        assert altered is not None
    assert buffer.documents()[0].state is State.WAITING
    assert buffer.read(bad.digest, 0, 100_000, checked_later=True) is None  # it did not fit the manifest
    assert {row.receipt: row.state for row in buffer.documents()}[bad.receipt] is State.DAMAGED
    for _ in range(2):
        assert buffer.read(good.digest, 0, 700_000, checked_later=True) is not None
    assert len(buffer.troubles) == 1


def test_an_entry_that_was_altered_while_the_cabin_runs_stops_it(cabin_folder: Path) -> None:
    cabin = Cabin(cabin_folder)
    buffer = cabin.open()
    buffer.append(VISIT)
    with buffer._database.turn():
        buffer._database.execute("UPDATE entry SET payload = substr(payload, 1, length(payload) - 1) WHERE number = 2")
    with pytest.raises(Unavailable, match="entry 2"):
        buffer.log.read(0, 1 << 20, 10)
    with pytest.raises(Unavailable):
        buffer.append(VISIT)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM document WHERE state = 'waiting'",
        "DELETE FROM number WHERE receipt = (SELECT min(receipt) FROM number)",
        "UPDATE document SET state = 'secured'",
        "DELETE FROM entry WHERE number = (SELECT max(number) FROM entry)",
        "DELETE FROM entry WHERE number = 1",
        "DELETE FROM place",
        "UPDATE agency SET counter = counter - 1",
        "DELETE FROM blob",
    ],
)
def test_a_row_that_vanished_or_changed_puts_the_file_aside(
    tmp_path: Path, worked: tuple[Path, Seen, int], sql: str
) -> None:
    folder, _, _ = worked
    shutil.copytree(folder, tmp_path / "cabin")
    connection = sqlite3.connect(tmp_path / "cabin" / "buffer.sqlite")
    connection.execute(sql)
    connection.commit()
    connection.close()
    cabin = Cabin(tmp_path / "cabin")
    assert "damaged" in cabin.open().troubles[0]
    assert set_aside(cabin.folder)


def test_a_directory_that_was_altered_on_the_disk_is_fetched_again(
    tmp_path: Path, worked: tuple[Path, Seen, int]
) -> None:
    folder, _, _ = worked
    at = (folder / "buffer.sqlite").read_bytes().find(b"Sozialamt Uckermark")
    cabin = flipped(folder, tmp_path / "cabin", "buffer.sqlite", at * 8)
    buffer = cabin.open()
    assert "directory" in buffer.troubles[0]
    _, raw = cabin.published(directory(1))
    ((digest, size_bytes, have_bytes),) = buffer.wanted()
    assert (size_bytes, have_bytes) == (len(raw), 0)
    buffer.keep(Digest(digest), 0, raw)
    assert buffer.sync().directory == 1


@pytest.fixture
def cabin_folder(tmp_path: Path) -> Path:
    return tmp_path / "cabin"
