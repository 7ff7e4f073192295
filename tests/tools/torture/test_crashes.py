"""What a power cut may leave, on a disk of three operations."""

from __future__ import annotations

import random

import pytest

from tools.torture.crashes import Disk, PowerCut, torn
from tools.torture.operations import Cut, FolderMade, FolderSynced, Made, Moved, Removed, Synced, Wrote
from tools.torture.power import Pick

DICE = random.Random(1)


def disk(*operations: object) -> Disk:
    made = Disk()
    for operation in operations:
        made.happens(operation)  # type: ignore[arg-type]
    return made


def left(made: Disk, *cut: object) -> dict[str, bytes]:
    return made.left(made.choice(PowerCut(*cut), DICE))  # type: ignore[arg-type]


def test_what_was_fsynced_with_its_name_is_there_whatever_comes() -> None:
    made = disk(Made(1, "/a"), Wrote(1, 0, b"kept"), Synced(1), FolderSynced("/"), Wrote(1, 0, b"lost"))
    assert left(made, "nothing") == {"/a": b"kept"}
    assert left(made, "all") == {"/a": b"lost"}
    assert {left(made, cut.kind, cut.place)["/a"] for cut in made.cuts()} == {b"kept", b"lost"}


def test_a_file_that_was_fsynced_without_its_folder_may_have_no_name() -> None:
    made = disk(Made(1, "/a"), Wrote(1, 0, b"kept"), Synced(1))
    assert left(made, "nothing") == {}
    assert left(made, "names-lost", 0, None, "/") == {}
    assert left(made, "all") == {"/a": b"kept"}


def test_a_folder_whose_own_name_is_not_on_the_disk_takes_its_files_with_it() -> None:
    made = disk(FolderMade("/new"), Made(1, "/new/a"), Wrote(1, 0, b"kept"), Synced(1), FolderSynced("/new"))
    assert left(made, "nothing") == {}
    assert left(made, "all") == {"/new/a": b"kept"}
    made.happens(FolderSynced("/"))
    assert left(made, "nothing") == {"/new/a": b"kept"}


def test_writes_may_come_in_any_order() -> None:
    made = disk(Made(1, "/a"), FolderSynced("/"), Wrote(1, 0, b"ab"), Wrote(1, 2, b"cd"))
    assert left(made, "reordered", 1) == {"/a": b"\0\0cd"}
    assert left(made, "dropped", 0) == {"/a": b"\0\0cd"}
    assert left(made, "prefix", 1) == {"/a": b"ab"}


def test_a_write_is_torn_at_the_borders_of_sectors_of_the_file() -> None:
    assert list(torn(Wrote(1, 500, bytes(600)))) == [((0, 12),), ((12, 600),), ((0, 524),), ((524, 600),)]
    assert list(torn(Wrote(1, 512, bytes(512)))) == []
    assert list(torn(Cut(1, 3))) == []


def test_every_way_is_counted_and_made_once() -> None:
    """Two files, of one a part is on the disk already; names in two folders."""
    made = disk(
        *(Made(1, "/a"), Made(2, "/deep/b"), Wrote(1, 0, bytes(2000)), Wrote(2, 100, bytes(1000)), Synced(1)),
        *(Wrote(1, 0, bytes(600)), Cut(1, 30), Wrote(2, 0, bytes(100))),
    )
    cuts = list(made.cuts())
    assert len(set(cuts)) == len(cuts) == sum(made.ways().values())
    pending = [write for writes in made.writes.values() for write in writes]
    torn_here = {
        (place, ranges) for place, write in enumerate([*made.writes[2], *made.writes[1]]) for ranges in torn(write)
    }
    assert {(cut.place, cut.ranges) for cut in cuts if cut.kind == "torn"} == torn_here
    for kind in ("dropped", "reordered", "prefix"):
        assert [cut.place for cut in cuts if cut.kind == kind] == list(range(len(pending))) == [0, 1, 2, 3]
    for kind in ("names-lost", "names-and-bytes-lost"):
        assert {(cut.folder, cut.place) for cut in cuts if cut.kind == kind} == {("/", 0), ("/deep", 0)}
    assert disk().ways() == {"nothing": 1}


def test_a_share_of_many_is_picked_evenly_and_none_twice() -> None:
    picks = Pick(0.01, random.Random(1))
    groups = [list(picks.of(50)) for _ in range(4000)]
    assert sum(map(len, groups)) == pytest.approx(2000, rel=0.1)
    assert all(group == sorted(set(group)) and all(0 <= number < 50 for number in group) for group in groups)
    assert {number for group in groups for number in group} == set(range(50))
    assert list(Pick(1.0, random.Random(1)).of(5)) == [0, 1, 2, 3, 4]


def test_names_come_in_the_order_in_which_they_were_given() -> None:
    made = disk(Made(1, "/a"), FolderSynced("/"), Moved("/a", "/b"), Made(2, "/a"), Removed("/b"))
    names = [set(left(made, "names-lost", count, None, "/")) for count in range(3)]
    assert names == [{"/a"}, {"/b"}, {"/a", "/b"}]
    assert set(left(made, "all")) == {"/a"}
