"""A cabin's node from its first moment: what takes no time stands before what does, so that its browser need not wait for either."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from edge import hygiene
from edge.config import FILE, EdgeConfig
from edge.kiosk import doorstep
from protocol.runtime import logs
from protocol.runtime.config import read_config
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import REAL


def run(path: Path) -> None:
    """Run the cabin in `path` until SIGTERM or SIGINT. Raises Trouble when it cannot start or must not go on; whoever started it starts it anew."""
    hygiene.no_core_dumps()
    hygiene.overwrite_freed()
    with NodeFolder.open(path, "edge") as folder, contextlib.ExitStack() as stack:
        config = read_config(folder.path / FILE, EdgeConfig)
        logs.to_file(folder.path / config.log.file if config.log.file else None, site=config.cabin.site)
        screen = stack.enter_context(doorstep.laid(folder, config.kiosk.port, REAL.random)) if config.kiosk.on else None
        from edge.app import running

        asyncio.run(running(folder, config, REAL, screen))
