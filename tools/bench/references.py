"""What a user would pick instead, on the same files, in the same run."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from protocol.errors import Unavailable


def rsync_daemon(source: Path, into: Path, scratch: Path) -> float:
    """Seconds of one rsync over loopback to a daemon that fsyncs every file before it is named. Raises Unavailable where there is no rsync."""
    if shutil.which("rsync") is None:
        raise Unavailable("rsync is not installed.", "sudo apt-get install rsync, or leave it out with --no-rsync.")
    into.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = scratch / "rsyncd.conf"
    config.write_text(
        f"address = 127.0.0.1\nport = {port}\nuse chroot = no\nuid = {os.getuid()}\ngid = {os.getgid()}\n[into]\npath = {into}\nread only = no\n"
    )
    daemon = subprocess.Popen(["rsync", "--daemon", "--no-detach", f"--config={config}"], stdin=subprocess.DEVNULL)
    try:
        _until_listening(port, daemon)
        began = time.perf_counter()
        command = ["rsync", "-r", "--whole-file", "--fsync", f"{source}/", f"rsync://127.0.0.1:{port}/into/"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began
    finally:
        daemon.terminate()
        daemon.wait()


def _until_listening(port: int, daemon: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and daemon.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise Unavailable("The rsync daemon did not start.", "Look at what it printed.")
