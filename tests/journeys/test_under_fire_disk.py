"""Disks that are full in every phase, that fail to fsync, that nobody may write, that were put back;
clocks set to 1970 and to 2106; a name that no server knows.

The full disk is a real one (a small tmpfs, mounted as root), the failing fsync comes from a real file system (FUSE).
"""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from cloud.config import DiskConfig as HubDisk
from cloud.config import HubConfig
from edge.buffer import State
from protocol import limits
from protocol.errors import Unavailable
from protocol.manifest import Happening
from protocol.runtime.config import read_config, write_default
from protocol.runtime.folder import write_file
from tests.edge.cabin import Cabin, directory, manifest_of, receipt
from tests.edge.disks import full, small_disk
from tests.journeys.stage import Stage
from tests.journeys.waiting import until
from tools.room import room
from tools.torture.pair import Keys, Pair
from tools.torture.promises import Stored
from tools.torture.recorder import Refusal
from tools.torture.recording import recorded

SMALL_KIB = 2600
HUB_KIB = 96 * 1024


# --- full -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, SMALL_KIB) as mount:
        yield mount


@pytest.mark.parametrize("phase", ["opening", "number", "staging", "putting", "hearing", "acknowledging"])
@pytest.mark.parametrize("spare_kib", [0, 20, 120])
def test_a_full_disk_in_any_phase_loses_nothing_and_says_so(small: Path, phase: str, spare_kib: int) -> None:
    cabin = Cabin(small / "cabin")
    buffer = cabin.open()
    buffer.set_directory(directory(1))
    kept = [cabin.hand_in(buffer, cabin.envelope(30_000)) for _ in range(3)]
    facts, envelope = cabin.facts(buffer, cabin.envelope(400_000)), cabin.envelope(400_000)
    stored = receipt(manifest_of(buffer, kept[0].entry), Happening.STORED)
    if phase == "opening":
        buffer.close()
    refused = False
    with full(small, spare_kib * 1024):
        try:
            match phase:
                case "opening":
                    buffer = cabin.open()
                case "number":
                    buffer.issue_number()
                case "staging" | "putting":
                    staging = buffer.stage()
                    staging.write(envelope)
                    staging.put(facts)
                case "hearing":
                    cabin.told(buffer, stored)
                case "acknowledging":
                    buffer.log.acknowledge(buffer.log.last().number)
                    buffer.sync()
        except Unavailable as trouble:
            refused = bool(trouble.remedy)
    if phase == "putting" and spare_kib == 0:
        assert refused, "there was room on a full disk"
    if not (phase == "opening" and refused):
        buffer.close()
    buffer = cabin.open()
    assert buffer.troubles == ()
    states = {row.receipt: row.state for row in buffer.documents()}
    for put in kept:
        assert states[put.receipt] in (State.WAITING, State.SECURED)
        assert buffer.read(put.digest, 0, 1 << 20) is not None or states[put.receipt] is State.SECURED
    cabin.hand_in(buffer, cabin.envelope(10_000))
    buffer.close()


@pytest.mark.parametrize("spare_kib", [0, 60, 300])
def test_a_full_disk_at_the_hub_acknowledges_nothing_that_is_not_there(
    tmp_path: Path, small: Path, spare_kib: int
) -> None:
    said: list[object] = []
    pair = Pair(Keys(tmp_path / "founded", "full"), small, "full", said.append)
    pair.hand_in(20_000)
    pair.announce()
    pair.send()
    pair.hand_in(40_000)
    before, refused = len(said), False
    held = pair.ledger.log(pair.keys.site).theirs().number
    with full(small, spare_kib * 1024):
        try:
            pair.announce()
            pair.send()
        except Unavailable:
            refused = True
    assert not (refused and any(isinstance(each, Stored) for each in said[before:]))
    try:
        pair.restart_hub()
    except Unavailable:
        pair.ledger = pair._open_ledger()
    assert pair.ledger.log(pair.keys.site).theirs().number >= held
    assert not pair.ledger.blobs.damaged
    pair.announce()
    pair.send()
    pair.answer()
    assert pair.buffer.waiting().documents == 0
    pair.close()


def test_a_hub_on_a_full_disk_starts_and_does_what_makes_room(templin: Stage, tmp_path: Path) -> None:
    """Somebody else has filled its disk to the last byte: what lies in its inboxes is pulled, a cabin is invited, and none is asked for more; with
    room again the rest comes by itself."""
    house = templin.house
    with small_disk(tmp_path, HUB_KIB) as disk:
        first = templin.hand_in("templin", templin.page(1), secured=True)
        house.stop("hub")
        shutil.move(house.hub, disk / "hub")
        house.hub.symlink_to(disk / "hub")
        config = read_config(house.hub / "hub.toml", HubConfig)
        write_file(
            house.hub / "hub.toml",
            write_default(
                msgspec.structs.replace(config, disk=HubDisk(free_bytes_min=limits.BALLAST_BYTES + 8 * limits.MIB))
            ).encode(),
        )
        ballast = house.hub / "ballast"
        house.start_hub()
        until(ballast.exists, "the hub lays by")
        house.stop("hub")
        with full(disk):
            house.start_hub()
            assert not ballast.exists()
            until(lambda: templin.connected("templin"), "the cabin is connected")
            waits = templin.hand_in("templin", templin.page(2))
            assert templin.pull().returncode == 0
            assert set(templin.opened()) == {first}
            invited = templin.kabine("cabin", "invite", "gartz", "--hub", house.hub, "--json")
            assert invited.returncode == 0, invited.stderr
            assert templin.waiting("templin") == 1
            told = templin.kabine("fleet", "status", "--hub", house.hub)
            assert told.returncode == 2
            assert "Der Speicher des Hubs ist voll" in told.stdout
        templin.drained("templin")
        until(ballast.exists, "the hub lays by again")
        assert templin.pull().returncode == 0
        assert set(templin.opened()) == {first, waits}
        house.stop("hub")


# --- fsync ----------------------------------------------------------------------------------------------------------
READ_ONLY = Refusal("write", "", errno.EROFS)  # what a kernel says that has found an error on its disk


@pytest.mark.parametrize(
    "refusal",
    [Refusal("fsync", "buffer.sqlite-wal", errno.EIO), Refusal("fsync", "high-water", errno.EIO), READ_ONLY],
    ids=["wal", "high-water", "read-only"],
)
def test_after_a_failed_fsync_the_cabin_accepts_nothing_until_it_is_opened_anew(refusal: Refusal) -> None:
    with room() as place:
        cabin = Cabin(place / "unused")
        with recorded(place / _made(place, "disk")) as recording:
            folder = recording.folder / "cabin"
            folder.mkdir()
            buffer = cabin.open(folder)
            kept = cabin.hand_in(buffer)
            recording.refuse(refusal)
            with pytest.raises(Unavailable) as first:
                cabin.hand_in(buffer)
            assert "dmesg" in first.value.remedy
            recording.refuse(Refusal("", "", 0))  # the disk is well again, and nobody knows what it holds
            with pytest.raises(Unavailable):
                cabin.hand_in(buffer)
            buffer.close()
            buffer = cabin.open(folder)
            assert buffer.troubles == ()
            assert kept.receipt in {row.receipt for row in buffer.documents()}
            cabin.hand_in(buffer)
            buffer.close()


@pytest.mark.parametrize(
    "refusal",
    [Refusal("fsync", ".segment", errno.EIO), Refusal("fsync", "hub.sqlite-wal", errno.EIO), READ_ONLY],
    ids=["segment", "wal", "read-only"],
)
def test_after_a_failed_fsync_the_hub_acknowledges_nothing_until_it_is_opened_anew(refusal: Refusal) -> None:
    with room() as place:
        said: list[object] = []
        with recorded(place / _made(place, "disk")) as recording:
            pair = Pair(Keys(place / "founded", "fsync"), recording.folder, "fsync", said.append)
            pair.hand_in(20_000)
            pair.announce()
            recording.refuse(refusal)
            before = len(said)
            with pytest.raises(Unavailable):
                pair.send()
            assert said[before:] == []
            recording.refuse(Refusal("", "", 0))
            if refusal is not READ_ONLY:  # what was not even written leaves no doubt about the disk
                with pytest.raises(Unavailable):
                    pair.ledger.settle(everything=True)
            pair.restart_hub()
            pair.send()
            pair.answer()
            assert pair.buffer.waiting().documents == 0
            pair.close()


def _made(place: Path, name: str) -> str:
    (place / name).mkdir()
    return name


# --- put back -------------------------------------------------------------------------------------------------------
def test_a_file_that_was_replaced_by_an_older_copy_is_noticed_at_once(tmp_path: Path) -> None:
    """Somebody „repairs“ a cabin with yesterday's copy of its database: the mark beside it knows better."""
    cabin = Cabin(tmp_path / "cabin")
    buffer = cabin.open()
    cabin.hand_in(buffer)
    buffer.close()
    shutil.copyfile(cabin.folder / "buffer.sqlite", tmp_path / "older")
    buffer = cabin.open()
    number = cabin.hand_in(buffer).receipt
    last = buffer.log.last()
    buffer.close()
    shutil.copyfile(tmp_path / "older", cabin.folder / "buffer.sqlite")
    buffer = cabin.open()
    assert any("damaged" in trouble for trouble in buffer.troubles)
    assert buffer.log.last().number > last.number, "it goes on behind what it had told"
    assert number not in {buffer.issue_number() for _ in range(200)}
    buffer.close()


# --- clocks ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("year", [1970, 2106])
def test_a_clock_that_jumps_by_a_lifetime_changes_no_order(tmp_path: Path, year: int) -> None:
    """Documents are handed in before, at and after a jump of both clocks; all arrive in the order of their numbers, signed and believed."""
    pair = Pair(Keys(tmp_path / "founded", "clock"), _folder(tmp_path), "clock", lambda _promise: None)
    right = pair.now
    wrong = datetime(year, 1, 1, 0, 0, 1, tzinfo=UTC) if year == 1970 else datetime(year, 2, 7, 6, 28, 15, tzinfo=UTC)
    for at in (right, lambda: wrong, right):
        pair.now = at  # type: ignore[method-assign]
        pair.buffer._now = pair.buffer._outbox._now = at
        pair.ledger._now = at
        pair.hand_in(5000)
        pair.visit()
        pair.announce()
        pair.send()
        pair.answer()
        pair.take()
        pair.answer()
    assert pair.buffer.waiting().documents == 0
    assert {row.state for row in pair.buffer.documents()} == {State.ACCEPTED}
    pair.restart_cabin()
    pair.restart_hub()
    assert pair.buffer.troubles == ()
    pair.close()


def _folder(tmp_path: Path) -> Path:
    (tmp_path / "pair").mkdir()
    return tmp_path / "pair"


# --- names ----------------------------------------------------------------------------------------------------------
def test_a_cabin_goes_wherever_its_hubs_name_leads(templin: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS is gone; then it names an address of IPv6 too, to which there is no way from here; the hub moves to another one, and DNS is gone again:
    papers are taken all the same, and go on by themselves."""
    house = templin.house
    house.stop("cabin-templin")
    names = house.folder / "hosts"
    names.write_text("127.0.0.1 localhost\n")
    settings = house.cabin("templin") / "edge.toml"
    settings.write_text(re.sub("tcp://127.0.0.1:[0-9]+", f"tcp://hub.kabine.test:{house.port}", settings.read_text()))
    plain = house.command
    with monkeypatch.context() as patch:
        patch.setattr(house, "command", lambda *words: [*_WHERE_NAMES_ARE, str(names), *plain(*words)])
        house.start_cabin("templin")
    numbers = [templin.hand_in("templin", templin.page(1))]
    until(lambda: _reason(templin), "the cabin says why it has no line")
    assert templin.waiting("templin") == 1
    names.write_text("2001:db8::7 hub.kabine.test\n127.0.0.1 hub.kabine.test\n")
    templin.drained("templin")

    house.stop("hub")
    numbers.append(templin.hand_in("templin", templin.page(2)))
    config = read_config(house.hub / "hub.toml", HubConfig)
    moved = msgspec.structs.replace(config, listen=f"tcp://127.0.0.2:{house.port}")
    write_file(house.hub / "hub.toml", write_default(moved).encode())
    house.host = "127.0.0.2"
    house.start_hub()
    names.write_text("2001:db8::7 hub.kabine.test\n127.0.0.2 hub.kabine.test\n")
    templin.drained("templin")
    names.write_text("")  # gone again: where the hub was last, it still is
    house.stop("hub")
    numbers.append(templin.hand_in("templin", templin.page(3)))
    house.start_hub()
    templin.drained("templin")
    assert templin.ask("SELECT receipt FROM document ORDER BY place") == [(each,) for each in numbers]


# A process for which /etc/hosts is another file.
_WHERE_NAMES_ARE = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"']


def _reason(stage: Stage) -> str:
    status = stage.house.status("templin")
    return status.link.reason if status and not status.link.connected else ""
