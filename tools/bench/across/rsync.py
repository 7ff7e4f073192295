"""rsync through cuts: a daemon, and a script that calls rsync again until it has said that all is there."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tools.bench.across.peer import PATIENCE_SECONDS, PAUSE_SECONDS
from tools.bench.peers import rsync
from tools.bench.peers.peer import daemon
from tools.rig import kept_port


class RsyncAcross:
    """It keeps what had arrived of a file."""

    name = "rsync, again until done"

    def missing(self) -> str:
        """Debian's rsync."""
        return rsync.Rsync().missing()

    @contextlib.contextmanager
    def receiving(self, into: Path, scratch: Path, host: str) -> Iterator[Sequence[str]]:
        """Into a module of the daemon."""
        config = scratch / "rsyncd.conf"
        command = ["rsync", "--daemon", "--no-detach", f"--config={config}"]
        with kept_port() as port:
            config.write_text(rsync.configured(into, port, host))
            with daemon(command, port, scratch / "rsync.log", host=host):
                yield (f"rsync://{host}:{port}/into/",)

    @contextlib.contextmanager
    def sending(self, folder: Path, told: Sequence[str]) -> Iterator[Callable[[], None]]:
        """One run after the other."""
        options = ["-r", "--partial", "--fsync", f"--timeout={PATIENCE_SECONDS}", f"--contimeout={PATIENCE_SECONDS}"]
        command = ["rsync", *options, f"{folder}/", *told]

        def carry() -> None:
            quiet = subprocess.DEVNULL
            while subprocess.run(command, stdout=quiet, stderr=quiet, check=False).returncode:
                time.sleep(PAUSE_SECONDS)

        yield carry
