"""Peers through the cuts of W3: their files are looked at by digest, and a receiver that is not there at first costs nothing but time."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.bench.peers import across

FILES = {"00000.age": bytes(range(256)) * 500, "00001.age": b"short"}


def files(folder: Path) -> Path:
    """What is to be carried."""
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.timeout(1200)  # it gives up by itself before
@pytest.mark.parametrize("peer", across.PEERS, ids=lambda peer: peer.name)
def test_a_peer_carries_files_and_says_how_long_it_took(peer: across.Across, tmp_path: Path) -> None:
    if peer.missing():
        assert not shutil.which("rsync")
        return
    sent, into = files(tmp_path / "sent"), tmp_path / "into"
    into.mkdir()
    with peer.receiving(into, tmp_path, "127.0.0.1") as order:
        command = [sys.executable, "-m", "tools.bench.peers.across", order[0], str(sent), *order[1:]]
        done = subprocess.run(command, input="\n", capture_output=True, text=True, check=True)
    ready, seconds = done.stdout.split()
    assert ready == "ready"
    assert float(seconds) > 0
    assert across.wrong(sent, into) == 0


def test_what_is_missing_or_cut_short_is_wrong(tmp_path: Path) -> None:
    sent, into = files(tmp_path / "sent"), tmp_path / "into"
    into.mkdir()
    (into / "00000.age").write_bytes(FILES["00000.age"][:-1])
    assert across.wrong(sent, into) == len(FILES)
    shutil.copytree(sent, into, dirs_exist_ok=True)
    assert across.wrong(sent, into) == 0
