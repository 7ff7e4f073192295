"""A cabin's node from its first moment: what takes no time stands before what does, so that its browser need not wait for either."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Final

from edge import hygiene
from edge.config import FILE, EdgeConfig
from edge.kiosk import doorstep
from protocol.runtime import logs
from protocol.runtime.config import read_config
from protocol.runtime.folder import NodeFolder, Occupied
from protocol.runtime.world import REAL

FREE_SECONDS: Final = 20.0  # a command that hands in some pages without a node is done with the folder by then
_LOOK_SECONDS: Final = 0.1  # between two looks whether it is free


def when_free(path: Path, seconds: float = FREE_SECONDS) -> NodeFolder:
    """The cabin's folder, as soon as no command holds it any more. Raises Occupied where somebody does for `seconds`: another node."""
    until = time.monotonic() + seconds
    while True:
        try:
            return NodeFolder.open(path, "edge")
        except Occupied:
            if time.monotonic() >= until:
                raise
        time.sleep(_LOOK_SECONDS)


def run(path: Path) -> None:
    """Run the cabin in `path` until SIGTERM or SIGINT. Raises Trouble when it cannot start or must not go on; whoever started it starts it anew."""
    hygiene.no_core_dumps()
    hygiene.overwrite_freed()
    with when_free(path) as folder, contextlib.ExitStack() as stack:
        config = read_config(folder.path / FILE, EdgeConfig)
        logs.to_file(folder.path / config.log.file if config.log.file else None, site=config.cabin.site)
        screen = stack.enter_context(doorstep.laid(folder, config.kiosk.port, REAL.random)) if config.kiosk.on else None
        from edge.app import running

        asyncio.run(running(folder, config, REAL, screen))
