"""Peers through the cuts of W3: their files are looked at by digest, and a receiver that is not there at first costs nothing but time."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.bench.across import line_up
from tools.bench.across.peer import Across, wrong_files
from tools.bench.crossing import PeerCrossing, median_peer

FILES = {"00000.age": bytes(range(256)) * 500, "00001.age": b"short"}


def files(folder: Path) -> Path:
    """What is to be carried."""
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.timeout(1200)  # it gives up by itself before
@pytest.mark.parametrize("peer", line_up.PEERS, ids=lambda peer: peer.name)
def test_a_peer_carries_files_and_says_how_long_it_took(peer: Across, tmp_path: Path) -> None:
    if why := peer.missing():
        assert not shutil.which(why.removesuffix(" is not installed"))
        return
    sent, into = files(tmp_path / "sent"), tmp_path / "into"
    into.mkdir()
    with peer.receiving(into, tmp_path, "127.0.0.1") as told:
        command = [sys.executable, "-m", "tools.bench.across", peer.name, str(sent), "900", *told]
        done = subprocess.run(command, input="\n", capture_output=True, text=True, check=True)
    ready, seconds = done.stdout.split()
    assert ready == "ready"
    assert float(seconds) > 0
    assert wrong_files(sent, into) == 0


def test_what_is_missing_or_cut_short_is_wrong(tmp_path: Path) -> None:
    sent, into = files(tmp_path / "sent"), tmp_path / "into"
    into.mkdir()
    (into / "00000.age").write_bytes(FILES["00000.age"][:-1])
    assert wrong_files(sent, into) == len(FILES)
    shutil.copytree(sent, into, dirs_exist_ok=True)
    assert wrong_files(sent, into) == 0


def test_who_never_got_through_is_slower_than_all_others() -> None:
    done, never = PeerCrossing(30.0, 1.2, 1.0, 0), PeerCrossing(None, None, 2.0, 40, never=1)
    assert median_peer([done, never, done]) == PeerCrossing(30.0, 1.2, 1.0, 40, never=1)
    assert median_peer([never, done, never]) == PeerCrossing(None, None, 2.0, 80, never=2)
