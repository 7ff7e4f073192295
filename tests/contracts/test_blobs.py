"""What every Blobs promises: written from the front, read anywhere, nothing synced lost."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

import pytest

from protocol.errors import Mistake
from protocol.ids import Digest

if TYPE_CHECKING:
    from tests.contracts.conftest import Disk, Store


def blob(seed: int, size: int = 20_000) -> tuple[Digest, bytes]:
    made = random.Random(seed).randbytes(size)
    return Digest(hashlib.sha256(made).digest()), made


def keep(store: Store, digest: Digest, made: bytes, end: int, chunk_bytes: int = 3000) -> None:
    for offset in range(store.blobs.have(digest), end, chunk_bytes):
        store.blobs.keep(digest, offset, memoryview(made)[offset : min(end, offset + chunk_bytes)])


def test_a_stranger(disk: Disk) -> None:
    digest, _ = blob(1)
    assert disk.store.blobs.have(digest) == 0
    assert disk.store.blobs.read(digest, 0, 10) is None
    disk.store.blobs.forget(digest)
    disk.store.sync()


def test_what_is_kept_can_be_read_at_once_and_later(disk: Disk) -> None:
    digest, made = blob(1)
    keep(disk.store, digest, made, len(made))
    for step in (lambda: disk.store, disk.store.sync, disk.power_cut, disk.reopen):
        step()
        assert disk.store.blobs.have(digest) == len(made)
        assert disk.store.blobs.read(digest, 0, len(made)) == made
        assert disk.store.blobs.read(digest, 2999, 3002) == made[2999:6001]
        assert disk.store.blobs.read(digest, 19_990, 500) == made[19_990:]
        assert disk.store.blobs.read(digest, 20_000, 500) == b""


@pytest.mark.parametrize("offset", [0, 2999, 3001, 6000])
def test_only_the_next_byte_is_kept(disk: Disk, offset: int) -> None:
    digest, made = blob(1)
    keep(disk.store, digest, made, 3000)
    with pytest.raises(Mistake):
        disk.store.blobs.keep(digest, offset, b"somewhere else")
    assert disk.store.blobs.have(digest) == 3000
    with pytest.raises(Mistake):
        disk.store.blobs.keep(blob(2)[0], 1, b"not from the front")


@pytest.mark.parametrize("seed", range(6))
def test_many_at_once_with_power_cuts(disk: Disk, seed: int) -> None:
    chance = random.Random(seed)
    blobs = dict(blob(100 * seed + number, chance.randrange(1, 40_000)) for number in range(6))
    synced = dict.fromkeys(blobs, 0)
    for _ in range(60):
        digest = chance.choice(list(blobs))
        made = blobs[digest]
        match chance.randrange(12):
            case 0:
                disk.power_cut()
            case 1:
                disk.store.sync()
                synced = {one: disk.store.blobs.have(one) for one in blobs}
            case 2:
                disk.store.blobs.forget(digest)
                assert disk.store.blobs.have(digest) == 0
                disk.store.sync()
                synced = {one: disk.store.blobs.have(one) for one in blobs}
            case _:
                end = min(len(made), disk.store.blobs.have(digest) + chance.randrange(1, 9000))
                keep(disk.store, digest, made, end, chance.randrange(1000, 9000))
        for one, whole in blobs.items():
            have = disk.store.blobs.have(one)
            assert have >= synced[one]
            assert (disk.store.blobs.read(one, 0, 50_000) or b"") == whole[:have]


def test_forgotten_and_begun_again_in_one_turn(disk: Disk) -> None:
    digest, made = blob(1)
    keep(disk.store, digest, bytes(20_000), 20_000)
    disk.store.sync()
    disk.store.blobs.forget(digest)
    keep(disk.store, digest, made, 5000)
    disk.store.blobs.forget(digest)
    keep(disk.store, digest, made, 10_000)
    disk.store.sync()
    store = disk.power_cut()
    assert store.blobs.have(digest) == 10_000
    keep(store, digest, made, 20_000)
    store.sync()
    assert store.blobs.read(digest, 0, 20_000) == made


def test_forgotten_is_forgotten(disk: Disk) -> None:
    (digest, made), (other, rest) = blob(1), blob(2)
    keep(disk.store, digest, made, len(made))
    keep(disk.store, other, rest, len(rest))
    disk.store.sync()
    disk.store.blobs.forget(digest)
    disk.store.sync()
    store = disk.power_cut()
    assert store.blobs.have(digest) == 0
    assert store.blobs.read(digest, 0, 10) is None
    assert store.blobs.read(other, 0, 20_000) == rest
