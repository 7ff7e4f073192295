from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.errors import Mistake, Refused, Unavailable
from protocol.runtime import folder
from protocol.runtime.folder import NodeFolder

REPOSITORY = Path(__file__).parents[3]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- create and open ----------------------------------------------------------------------------------------------
def test_a_new_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    with NodeFolder.create(tmp_path / "deep" / "hub", "hub") as made:
        assert mode(made.path) == 0o700
    with NodeFolder.open(tmp_path / "deep" / "hub", "hub") as opened:
        assert opened.kind == "hub"


def test_an_empty_folder_may_be_used_and_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "node").mkdir(mode=0o755)
    NodeFolder.create(tmp_path / "node", "edge").close()
    assert mode(tmp_path / "node") == 0o700


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(Refused, match=r"is not empty\. Name a folder"):
        NodeFolder.create(tmp_path, "edge")
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_node_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    with NodeFolder.create(tmp_path / "a", "edge") as made:
        made.write_file("keys/signing", b"secret")
    with pytest.raises(Refused, match="There is a node of kind “edge” in"):
        NodeFolder.create(tmp_path / "a", "edge")


def test_a_folder_made_and_never_filled_is_taken_up_again_by_the_same_kind_only(tmp_path: Path) -> None:
    NodeFolder.create(tmp_path / "a", "edge").close()
    NodeFolder.create(tmp_path / "a", "edge").close()
    with pytest.raises(Refused, match="of kind “edge”"):
        NodeFolder.create(tmp_path / "a", "hub")


def test_a_node_that_was_cut_off_while_it_was_made_is_begun_anew_and_used_by_nobody(tmp_path: Path) -> None:
    """Half a hub could be neither used nor made again: „There is a node of kind “hub” already“."""
    path = tmp_path / "hub"
    with NodeFolder.create(path, "hub", whole=True) as made:
        made.write_file("signing.key", b"nobody has seen it yet")
        made.write_file("blobs/1", b"")
        (path / "outside").symlink_to(tmp_path)
    (tmp_path / "kept").touch()
    with pytest.raises(Refused, match=r"There is no hub node in .*, but one of kind “hub, begun”"):
        NodeFolder.open(path, "hub")
    with pytest.raises(Refused, match="hub, begun"):
        NodeFolder.create(path, "inbox", whole=True)
    with pytest.raises(Refused, match="hub, begun"):
        NodeFolder.create(path, "hub")
    with NodeFolder.create(path, "hub", whole=True) as made:
        assert sorted(each.name for each in path.iterdir()) == ["kabine-node", "lock"]
        made.write_file("signing.key", b"whole")
        made.finished()
    assert (tmp_path / "kept").exists()
    with pytest.raises(Refused, match="already"):
        NodeFolder.create(path, "hub", whole=True)
    with NodeFolder.open(path, "hub") as there:
        assert there.read_file("signing.key") == b"whole"


@pytest.mark.parametrize("name", ["missing", "file", "other"])
def test_what_is_no_node_of_this_kind_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    NodeFolder.create(tmp_path / "other", "inbox").close()
    with pytest.raises(Refused, match=r"There is no hub node in .* Name the folder of a hub .* `kabine hub init DIR`"):
        NodeFolder.open(tmp_path / name, "hub")


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "hub"):
        with pytest.raises(Unavailable, match="a file of this name is in the way"):
            NodeFolder.create(path, "hub")
    with pytest.raises(Unavailable, match="is not there"):
        NodeFolder.create("/proc/kabine-hub", "hub")  # the kernel makes nothing there, for root neither


@pytest.mark.parametrize("name", ["kabine-node", "lock", "edge.toml", "blobs/000001.segment"])
def test_what_would_keep_a_reader_waiting_is_refused_at_once(tmp_path: Path, name: str) -> None:
    """A pipe in a file's place: whoever opens it waits for a writer that never comes."""
    NodeFolder.create(tmp_path / "a", "edge").close()
    place = tmp_path / "a" / name
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    for exclusive in (True, False):
        with pytest.raises(Refused) as caught:
            NodeFolder.open(tmp_path / "a", "edge", exclusive)
        assert caught.value.what == f"{place} is a pipe, no file."
        assert caught.value.remedy.startswith("Move it away")
    with pytest.raises(Refused, match="is a pipe"):
        NodeFolder.create(tmp_path / "a", "edge")


def test_neither_a_device_is_read_nor_a_link_to_one(tmp_path: Path) -> None:
    """/dev/zero never ends."""
    NodeFolder.create(tmp_path / "a", "edge").close()
    (tmp_path / "a" / "directory").symlink_to("/dev/zero")
    with pytest.raises(Refused, match="directory is a device, no file"):
        NodeFolder.open(tmp_path / "a", "edge")


def test_a_socket_and_a_link_to_nothing_are_no_hindrance(tmp_path: Path) -> None:
    """A node that was killed leaves its hatch; browsers leave links that lead nowhere."""
    NodeFolder.create(tmp_path / "a", "edge").close()
    with socket.socket(socket.AF_UNIX) as hatch:
        hatch.bind(str(tmp_path / "a" / "edge.sock"))
    (tmp_path / "a" / "gone").symlink_to(tmp_path / "nothing")
    NodeFolder.open(tmp_path / "a", "edge").close()


# --- one process at a time ----------------------------------------------------------------------------------------
def test_a_second_node_on_the_same_folder_is_told_who_works_there(tmp_path: Path) -> None:
    with NodeFolder.create(tmp_path / "a", "edge"):
        with pytest.raises(Unavailable) as caught:
            NodeFolder.open(tmp_path / "a", "edge")
        assert caught.value.what == f"Another edge node (process {os.getpid()}) works on {tmp_path / 'a'}."
        with NodeFolder.open(tmp_path / "a", "edge", exclusive=False) as looked:
            assert looked.has("kabine-node")
    NodeFolder.open(tmp_path / "a", "edge").close()


def test_whoever_does_not_own_the_folder_makes_nothing_in_it_and_may_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document handed in by root, before the node had ever run, left a buffer that the node could not open."""
    path = tmp_path / "a"
    NodeFolder.create(path, "edge").close()
    owner = folder.owner_of(path)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(Unavailable) as caught:
        NodeFolder.open(path, "edge")
    assert caught.value.what.startswith(f"{path} belongs to {owner}, ")
    assert f"`runuser -u {owner} -- kabine " in caught.value.remedy
    NodeFolder.open(path, "edge", looking=True).close()
    NodeFolder.open(path, "edge", exclusive=False).close()


def test_a_process_that_is_killed_lets_the_folder_go(tmp_path: Path) -> None:
    NodeFolder.create(tmp_path / "a", "edge").close()
    program = (
        "import sys; from protocol.runtime.folder import NodeFolder; "
        "held = NodeFolder.open(sys.argv[1], 'edge'); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "a")],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(Unavailable, match=rf"process {other.pid}\)"):
            NodeFolder.open(tmp_path / "a", "edge")
        other.send_signal(signal.SIGKILL)
        other.wait()
    NodeFolder.open(tmp_path / "a", "edge").close()


def test_a_program_started_by_the_node_does_not_keep_the_folder(tmp_path: Path) -> None:
    made = NodeFolder.create(tmp_path / "a", "edge")
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"here\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"here\n"  # only now has the kernel closed what it may not keep
        made.close()
        NodeFolder.open(tmp_path / "a", "edge").close()
        child.kill()


# --- files --------------------------------------------------------------------------------------------------------
def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    with NodeFolder.create(tmp_path / "a", "hub") as made:
        made.write_file("keys/signing", b"one")
        made.write_file("keys/signing", b"two")
        made.write_file("hub.toml", b"", 0o640)
        assert made.read_file("keys/signing") == made.read_secret("keys/signing") == b"two"
        assert [mode(made.path / name) for name in ("keys", "keys/signing", "hub.toml")] == [0o700, 0o600, 0o640]
        assert [path.name for path in (made.path / "keys").iterdir()] == ["signing"]


def test_what_a_killed_process_left_unfinished_is_cleared_away(tmp_path: Path) -> None:
    with NodeFolder.create(tmp_path / "a", "hub") as made:
        made.write_file("keys/signing", b"one")
    (tmp_path / "a" / "keys" / ".signing.x7.unfinished").write_bytes(b"half")
    with NodeFolder.open(tmp_path / "a", "hub") as opened:
        assert [path.name for path in (opened.path / "keys").iterdir()] == ["signing"]


def test_what_a_killed_writer_left_beside_a_file_goes_with_the_next_write(tmp_path: Path) -> None:
    (tmp_path / ".card.txt.x7.unfinished").write_bytes(b"half")
    (tmp_path / ".other.x7.unfinished").write_bytes(b"not of this file")
    folder.write_file(tmp_path / "card.txt", b"whole")
    assert {path.name for path in tmp_path.iterdir()} == {"card.txt", ".other.x7.unfinished"}


def test_what_somebody_is_writing_is_left_to_them(tmp_path: Path) -> None:
    NodeFolder.create(tmp_path / "a", "inbox").close()
    descriptor, name = folder.begun(tmp_path / "a" / "card.txt")
    with open(descriptor, "wb") as file:
        folder.write_file(tmp_path / "a" / "card.txt", b"mine")
        NodeFolder.open(tmp_path / "a", "inbox").close()
        assert Path(name).exists()
        file.write(b"theirs")
    folder.write_file(tmp_path / "a" / "card.txt", b"later")
    assert not Path(name).exists()


def test_what_was_cleared_away_before_it_was_locked_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks = 0
    flock = fcntl.flock

    def cleared_first(descriptor: int, operation: int) -> None:
        nonlocal locks
        locks += 1
        if locks == 1:  # in this moment somebody else clears away
            (left,) = tmp_path.glob(".card.txt.*.unfinished")
            left.unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(folder.fcntl, "flock", cleared_first)
    folder.write_file(tmp_path / "card.txt", b"whole")
    assert (locks, (tmp_path / "card.txt").read_bytes()) == (2, b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["card.txt"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(Unavailable):
        folder.write_file(tmp_path / "there", b"a file on a folder")
    with pytest.raises(Unavailable, match="is not there"):
        folder.write_file(tmp_path / "nowhere" / "file", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_secret_that_others_may_read_is_none(tmp_path: Path) -> None:
    with NodeFolder.create(tmp_path / "a", "hub") as made:
        made.write_file("signing", b"secret", 0o640)
        with pytest.raises(Refused, match="chmod 600"):
            made.read_secret("signing")


def test_a_secret_has_a_bound(tmp_path: Path) -> None:
    with NodeFolder.create(tmp_path / "a", "hub") as made:
        made.write_file("signing", bytes(folder.SECRET_BYTES_MAX + 1))
        with pytest.raises(Refused, match="too large"):
            made.read_secret("signing")


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with NodeFolder.create(tmp_path / "a", "hub") as made:
        assert not made.has("signing")
        for read in (made.read_file, made.read_secret):
            with pytest.raises(Unavailable, match="signing is not there"):
                read("signing")
        with pytest.raises(Unavailable) as lost:  # the folder is the right one: the path is not what went wrong
            made.read_secret("signing")
        assert "backup" in lost.value.remedy
        assert "docs/keys.md" in lost.value.remedy


@pytest.mark.parametrize("name", ["../other", "/etc/passwd", "", "keys/../../x"])
def test_names_outside_the_folder_are_our_mistake(tmp_path: Path, name: str) -> None:
    with NodeFolder.create(tmp_path / "a", "hub") as made, pytest.raises(Mistake):
        made.write_file(name, b"")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "The disk is full: .* Free some space"),
        (errno.EROFS, "The disk is read-only"),
        (errno.EACCES, "by this user"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_the_worlds_refusals_are_put_in_words(number: int, told: str) -> None:
    with pytest.raises(Unavailable, match=told) as caught:
        raise folder._unavailable(OSError(number, os.strerror(number)), Path("x"))
    assert caught.value.remedy


def test_a_new_folder_has_its_name_on_the_disk_and_those_above_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the power failed, the first documents that an agency fetched into a new folder went with it."""
    synced: list[Path] = []
    real = folder.sync_folder

    def seen(path: Path) -> None:
        synced.append(path)
        real(path)

    monkeypatch.setattr(folder, "sync_folder", seen)
    papers = tmp_path / "a" / "b" / "papers"
    folder.make_folder(papers)
    assert papers.is_dir()
    assert set(synced) == {tmp_path, tmp_path / "a", tmp_path / "a" / "b"}
    synced.clear()
    folder.make_folder(papers)  # whoever made it may have been killed before that
    assert synced == [papers.parent]
