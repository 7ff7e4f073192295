"""What every Log promises: order, no gaps, nothing twice, nothing acknowledged lost."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from protocol import entries, limits
from protocol.entries import Entry, Mark
from protocol.errors import Mistake

if TYPE_CHECKING:
    from tests.contracts.conftest import Disk, Store

PLENTY = 1 << 24


def append(store: Store, count: int) -> None:
    for _ in range(count):
        store.append()
    store.sync()


def heard(store: Store, count: int, after: Mark | None = None) -> list[Entry]:
    mark = after or store.log.theirs()
    found = []
    for _ in range(count):
        entry = entries.following(mark, 1, store.heard(mark.number + 1))
        mark = Mark(entry.epoch, entry.number, entry.hash)
        found.append(entry)
    return found


def check_chain(store: Store, after: int, found: list[Entry]) -> None:
    """Numbers without gap, every hash over the one before, the last one at the log's end."""
    assert [entry.number for entry in found] == list(range(after + 1, store.log.last().number + 1))
    for before, entry in itertools.pairwise(found):
        assert entry.hash == entries.chain(before.hash, entry.epoch, entry.number, entry.payload)
    assert found[-1].hash == store.log.last().hash


def test_own_entries_are_numbered_chained_and_read_back(disk: Disk) -> None:
    store = disk.store
    start = store.log.last().number
    append(store, 5)
    found = list(store.log.read(start, PLENTY, 1000))
    assert store.log.last().number == start + 5
    check_chain(store, start, found)
    assert list(store.log.read(start + 3, PLENTY, 1000)) == found[3:]
    assert list(store.log.read(start + 5, PLENTY, 1000)) == []
    store = disk.reopen()
    assert list(store.log.read(start, PLENTY, 1000))[:5] == found


def test_reading_is_bounded_in_bytes_and_in_entries(disk: Disk) -> None:
    store = disk.store
    start = store.log.last().number
    append(store, 40)  # more than any implementation keeps in memory
    found = list(store.log.read(start, PLENTY, 1000))
    sizes = [len(entry.payload) for entry in found]
    assert [entry.number for entry in store.log.read(start, 1, 1000)] == [start + 1]
    assert [entry.number for entry in store.log.read(start, sizes[0] + sizes[1], 1000)] == [start + 1, start + 2]
    assert [entry.number for entry in store.log.read(start, sizes[0] + sizes[1] - 1, 1000)] == [start + 1]
    assert [entry.number for entry in store.log.read(start + 30, PLENTY, 4)] == list(range(start + 31, start + 35))
    gathered: list[Entry] = []
    while more := store.log.read(start + len(gathered), 3 * max(sizes), limits.ENTRIES_PER_FRAME_MAX):
        assert sum(len(entry.payload) for entry in more) <= 3 * max(sizes)
        gathered += more
    assert gathered == found


def test_acknowledging_only_goes_forward(disk: Disk) -> None:
    store = disk.store
    append(store, 6)
    last = store.log.last().number
    store.log.acknowledge(last - 2)
    store.log.acknowledge(last - 4)
    assert store.log.acknowledged() == last - 2
    store.sync()
    assert 1 <= store.log.first() <= last - 1
    with pytest.raises(Mistake):
        store.log.acknowledge(last + 1)
    for again in (disk.power_cut, disk.reopen):
        store = again()
        assert store.log.acknowledged() == last - 2
        assert 1 <= store.log.first() <= last - 1
        assert [entry.number for entry in store.log.read(last - 2, PLENTY, 1000)][:2] == [last - 1, last]


def test_numbers_go_on_after_everything_was_acknowledged(disk: Disk) -> None:
    store = disk.store
    append(store, 2)
    end = store.log.last()
    store.log.acknowledge(end.number)
    store.sync()
    store = disk.power_cut()
    append(store, 1)
    (entry, *_) = store.log.read(end.number, PLENTY, 1000)
    assert entry.number == end.number + 1
    assert entry.hash == entries.chain(end.hash, entry.epoch, entry.number, entry.payload)


def test_the_peers_entries_are_held_once_and_in_order(disk: Disk) -> None:
    store = disk.store
    assert store.log.theirs() == Mark()
    first = heard(store, 4)
    store.log.commit(first)
    store.sync()
    end = Mark(1, 4, first[-1].hash)
    assert store.log.theirs() == end
    store.log.commit(first)
    store.log.commit(first[2:])
    store.sync()
    assert store.log.theirs() == end
    more = heard(store, 2)
    store.log.commit([first[-1], *more])
    store.sync()
    assert store.log.theirs() == Mark(1, 6, more[-1].hash)


def test_a_gap_is_never_skipped(disk: Disk) -> None:
    store = disk.store
    found = heard(store, 3)
    with pytest.raises(Mistake):
        store.log.commit(found[1:])
    store.log.commit(found[:1])
    with pytest.raises(Mistake):
        store.log.commit(found[2:])


def test_an_entry_that_does_not_continue_is_refused(disk: Disk) -> None:
    store = disk.store
    (entry,) = heard(store, 1)
    with pytest.raises(Mistake):
        store.log.commit([Entry(entry.epoch, 1, entry.payload + b"!", entry.hash)])


def test_what_was_synced_survives_and_what_was_not_can_come_again(disk: Disk) -> None:
    found = heard(disk.store, 10)
    synced = 0
    for upto in (3, 4, 10):
        store = disk.store
        assert store.log.theirs().number == synced
        store.log.commit(found[synced:upto])
        store = disk.power_cut()  # before the sync: nothing was acknowledged
        assert store.log.theirs().number == synced
        store.log.commit(found[synced:upto])
        store.sync()
        synced = upto
        store = disk.power_cut()
        assert store.log.theirs() == Mark(1, upto, found[upto - 1].hash)
