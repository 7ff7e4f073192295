"""rsync to a daemon that fsyncs every file before it is named."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from protocol.errors import Mistake
from tools.bench.peers.peer import Load, daemon
from tools.rig import free_port


class Rsync:
    """One run for all files."""

    name = "rsync"

    def missing(self) -> str:
        """Debian's rsync."""
        return "" if shutil.which("rsync") else "rsync is not installed"

    def carry(self, load: Load, scratch: Path) -> float:
        """The files of the load."""
        if load.folder is None:
            raise Mistake("rsync carries files.")
        into, port, config = scratch / "mirror", free_port(), scratch / "rsyncd.conf"
        into.mkdir()
        config.write_text(configured(into, port))
        with daemon(["rsync", "--daemon", "--no-detach", f"--config={config}"], port, scratch / "rsync.log"):
            began = time.perf_counter()
            command = ["rsync", "-r", "--whole-file", "--fsync", f"{load.folder}/", f"rsync://127.0.0.1:{port}/into/"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            return time.perf_counter() - began


def configured(into: Path, port: int, host: str = "127.0.0.1") -> str:
    """A daemon with one module."""
    who = f"uid = {os.getuid()}\ngid = {os.getgid()}"
    return f"address = {host}\nport = {port}\nuse chroot = no\n{who}\n[into]\npath = {into}\nread only = no\n"
