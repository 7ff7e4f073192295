"""A disk that is full, fails, or is stolen."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading

import pytest

from edge.buffer import State
from edge.storage import disk
from edge.vitals import vitals
from protocol import limits
from protocol.entries import VisitEnded
from protocol.errors import Unavailable
from protocol.manifest import Happening
from tests.edge.cabin import BEGAN, Cabin, directory, journal_of, manifest_of, receipt
from tests.edge.disks import no_file_may_grow_beyond

VISIT = VisitEnded(bytes(16), BEGAN, BEGAN, "left", 0, "de")
MIB = limits.MIB


# --- full
def test_a_document_is_refused_before_pages_are_taken_when_the_disk_is_nearly_full(cabin: Cabin) -> None:
    buffer = cabin.open()
    with pytest.raises(Unavailable) as full:
        buffer.room_for(1000)
    assert "no room" in full.value.what
    assert "Connect the cabin" in full.value.remedy
    assert not (cabin.folder / "ballast").exists()


def test_there_is_room_while_there_is(cabin: Cabin) -> None:
    buffer = cabin.open(disk_free_bytes_min=0)
    buffer.room_for(limits.ENVELOPE_BYTES_MAX)
    assert (cabin.folder / "ballast").stat().st_size == limits.BALLAST_BYTES


def test_a_full_buffer_refuses_and_nothing_half_is_left(cabin: Cabin) -> None:
    buffer = cabin.open(bytes_max=2 * MIB, disk_free_bytes_min=0)
    put = cabin.hand_in(buffer, cabin.envelope(300_000))
    with pytest.raises(Unavailable):
        buffer.room_for(2 * MIB)
    envelope = cabin.envelope(1_900_000)
    staging = buffer.stage()
    staging.write(envelope[:1_000_000])
    facts = cabin.facts(buffer, envelope)
    before = buffer.log.last()
    staging.write(envelope[1_000_000:1_048_000])
    staging._waiting += envelope[1_048_000:]  # all that is left goes into the one transaction of `put`
    staging._hasher.update(envelope[1_048_000:])
    staging.size_bytes = len(envelope)
    with pytest.raises(Unavailable) as full:
        staging.put(facts)
    assert full.value.what == disk.FULL
    staging.discard()
    assert buffer.log.last() == before
    assert buffer.waiting().documents == 1
    cabin.hand_in(buffer, cabin.envelope(500_000))  # there is room again
    buffer.close()
    buffer = cabin.open()
    assert buffer.troubles == ()
    assert buffer.have(put.digest) == 300_000


def test_what_was_collected_is_kept_for_the_next_sync_when_the_disk_is_full(cabin: Cabin) -> None:
    buffer = cabin.open(bytes_max=2 * MIB, disk_free_bytes_min=0)
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer, cabin.envelope(300_000))
    event, raw = cabin.published(directory(2, b"?" * 32))
    cabin.told(buffer, event)
    buffer.keep(event.digest, 0, raw + bytes(3 * MIB))
    stored = cabin.from_hub(receipt(manifest_of(buffer, put.entry), Happening.STORED))
    buffer.log.commit([stored])
    with pytest.raises(Unavailable):
        buffer.sync()
    assert buffer.documents()[0].state is State.WAITING
    buffer.forget(event.digest)
    assert buffer.sync().secured == (put.receipt,)


def test_the_ballast_goes_first(cabin: Cabin) -> None:
    buffer = cabin.open(bytes_max=1 * MIB, disk_free_bytes_min=0)
    ballast = cabin.folder / "ballast"
    assert ballast.exists()
    with pytest.raises(Unavailable):
        cabin.hand_in(buffer, cabin.envelope(1_000_000))
    assert not ballast.exists()
    assert buffer.append(VISIT) > 0


# --- failing
def test_after_an_io_error_nothing_is_written_until_it_is_opened_anew(cabin: Cabin) -> None:
    buffer = cabin.open(disk_free_bytes_min=0)
    put = cabin.hand_in(buffer, cabin.envelope(50_000))
    wal_bytes = (cabin.folder / "buffer.sqlite-wal").stat().st_size
    with no_file_may_grow_beyond(wal_bytes + 20_000), pytest.raises(Unavailable) as failed:
        cabin.hand_in(buffer, cabin.envelope(300_000))
    assert "start the cabin again" in failed.value.remedy
    for refused in (
        lambda: buffer.append(VISIT),
        buffer.sync,
        buffer.issue_number,
        lambda: buffer.room_for(1),
        lambda: buffer.stage().write(cabin.envelope(2 * MIB)),
    ):
        with pytest.raises(Unavailable):
            refused()
    assert buffer.troubles
    buffer.close()
    buffer = cabin.open()
    assert [row.receipt for row in buffer.documents()] == [put.receipt]
    assert buffer.troubles == ()
    cabin.hand_in(buffer)


def test_a_high_water_mark_that_cannot_be_written_stops_the_cabin(cabin: Cabin) -> None:
    buffer = cabin.open()
    last = buffer.log.last().number
    os.close(buffer._high_water._descriptor)
    with pytest.raises(Unavailable):
        buffer.append(VISIT)
    with pytest.raises(Unavailable):
        buffer.append(VISIT)
    buffer._high_water._descriptor = os.open("/dev/null", os.O_RDONLY)
    buffer.close()
    buffer = cabin.open()
    assert buffer.log.last().number == last + 2  # it was committed, though nobody was told


def test_a_folder_without_permission_is_told_in_words(cabin: Cabin) -> None:
    (cabin.folder / "high-water").mkdir()
    with pytest.raises(Unavailable) as failed:
        cabin.open()
    assert failed.value.remedy


def test_a_file_of_a_later_release_is_left_alone(cabin: Cabin) -> None:
    cabin.open().close()
    connection = sqlite3.connect(cabin.folder / "buffer.sqlite")
    connection.execute("UPDATE _sqlite_migrations SET name = 'm999_flying_carpets' WHERE name = 'm001_tables'")
    connection.commit()
    connection.close()
    with pytest.raises(Unavailable, match="later release"):
        cabin.open()
    assert [path.name for path in cabin.folder.glob("buffer.damaged*")] == []


# --- stolen
def test_a_stolen_disk_tells_nothing_of_what_was_handed_in(cabin: Cabin) -> None:
    marks = (b"Erika Mustermann", b"99107023017000--", b"Wohngeldantrag")
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    put = cabin.hand_in(buffer)
    buffer.append(VisitEnded(marks[1], BEGAN, BEGAN, "Wohngeldantrag", 1, "Erika Mustermann"))
    returned = receipt(manifest_of(buffer, put.entry), Happening.STORED)
    cabin.told(buffer, returned)
    assert any(
        isinstance(event, VisitEnded) and event.visit == marks[1] for event in journal_of(buffer)
    )  # it is in there
    for path in cabin.folder.iterdir():
        raw = path.read_bytes()
        assert not any(mark in raw for mark in marks), path.name
    buffer.close()
    for path in cabin.folder.iterdir():
        raw = path.read_bytes()
        assert not any(mark in raw for mark in marks), path.name


def test_what_was_freed_is_zeroed(cabin: Cabin) -> None:
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    envelope = b"sealed, and yet not to be kept " * 10_000
    put = cabin.hand_in(buffer, envelope)
    cabin.told(buffer, receipt(manifest_of(buffer, put.entry), Happening.STORED))
    buffer.sync()  # a quiet turn
    buffer.close()
    assert b"not to be kept" not in (cabin.folder / "buffer.sqlite").read_bytes()


# --- two threads
def test_two_threads_hand_in_and_read_at_the_same_time(cabin: Cabin) -> None:
    buffer = cabin.open()
    found: list[bool] = []
    failed: list[BaseException] = []

    def uplink() -> None:
        after = 0
        try:
            while len(found) < 20:
                for entry in buffer.log.read(after, 1 << 20, 100):
                    after = entry.number
                for row in buffer.documents(1000)[len(found) :]:
                    found.append(row.state is State.WAITING)
                buffer.sync()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=uplink)
    thread.start()
    for _ in range(20):
        cabin.hand_in(buffer, cabin.envelope(30_000))
    thread.join(240)
    assert failed == []
    assert len(found) == 20


# --- vitals
def test_vitals_tell_what_waits_and_what_is_wrong(cabin: Cabin) -> None:
    buffer = cabin.open()
    quiet = vitals(buffer, devices={"scanner": "ready"}, visitor=False, now=BEGAN)
    assert (quiet.waiting_documents, quiet.waiting_bytes, quiet.oldest_seconds) == (0, 0, 0.0)
    put = cabin.hand_in(buffer, cabin.envelope(5000))
    buffer.trouble("The scanner's lid is open.")
    now = cabin.clock()
    told = vitals(buffer, devices={"scanner": "ready"}, visitor=True, now=now)
    accepted_at = next(row.accepted_at for row in buffer.documents() if row.receipt == put.receipt)
    assert told.oldest_seconds == (now - accepted_at).total_seconds() > 0
    assert (told.waiting_documents, told.waiting_bytes, told.visitor) == (1, 5000, True)
    assert told.devices == {"scanner": "ready"}
    assert told.troubles == ("The scanner's lid is open.",)
    assert told.disk_free_bytes > 0
    assert vitals(buffer, devices={}, visitor=False, now=BEGAN).oldest_seconds == 0.0


def test_troubles_are_bounded_and_told_once(cabin: Cabin) -> None:
    buffer = cabin.open()
    for number in range(limits.TROUBLES_MAX + 5):
        buffer.trouble(f"trouble {number}")
        buffer.trouble(f"trouble {number}")
    assert len(buffer.troubles) == limits.TROUBLES_MAX
    assert buffer.troubles[-1] == f"trouble {limits.TROUBLES_MAX + 4}"


def test_a_folder_that_root_has_copied_is_given_back_not_mended() -> None:
    """As `cp -r` leaves it, or a command given as root."""
    refused = disk.unavailable(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    assert "chown" in refused.remedy
    assert "dmesg" in disk.unavailable(OSError(errno.EIO, os.strerror(errno.EIO))).remedy
