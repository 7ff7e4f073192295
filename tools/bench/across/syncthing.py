"""Syncthing through cuts: two devices, as they are; it cannot be told to give up a silent connection sooner than it does."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tools.bench.peers.peer import START_SECONDS
from tools.bench.peers.syncthing import Device, Syncthing, until

LOOK_SECONDS: Final = 0.05  # it is asked over HTTP: more often would cost it time that is measured


class SyncthingAcross:
    """From the scan of the folder, both connected already, until the other one has said that nothing is missing."""

    name = "Syncthing"

    def missing(self) -> str:
        """Debian's syncthing."""
        return Syncthing().missing()

    @contextlib.contextmanager
    def receiving(self, into: Path, scratch: Path, host: str) -> Iterator[Sequence[str]]:
        """Into its folder."""
        with Device.made(scratch / "giver") as giver, Device.made(scratch / "taker", host, files=into) as taker:
            giver.configure(taker, "sendonly")
            taker.configure(giver, "receiveonly")
            with taker.run():
                until(lambda: taker.state() == "idle", START_SECONDS, "begin")
                yield (str(giver.home), giver.id, str(giver.gui_port), taker.id)

    @contextlib.contextmanager
    def sending(self, folder: Path, told: Sequence[str]) -> Iterator[Callable[[], None]]:
        """The device that only sends."""
        home, own, gui_port, taker = told
        giver = Device(Path(home), own, Path(home) / "files", int(gui_port))
        files = sorted(folder.iterdir())

        def carry() -> None:
            for file in files:
                os.link(file, giver.files / file.name)
            giver.scan()
            while not giver.has(taker, len(files)):
                time.sleep(LOOK_SECONDS)

        with giver.run():
            until(lambda: giver.connected(taker) and giver.state() == "idle", START_SECONDS, "connect")
            yield carry
