"""What a visitor meets: the screen, and the door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge.config import EdgeConfig
from edge.doctor.finding import Finding, Severity
from edge.entrance import Shut
from edge.orders import Status


def reception(status: Status, config: EdgeConfig, folder: Path) -> Iterator[Finding]:
    """Whether visitors see a screen, and whether one may come in."""
    if config.kiosk.on and not status.looks:
        what = "No browser has shown the visitors' screen since the node began."
        yield Finding(
            "screen",
            Severity.WARNING,
            what,
            "See `systemctl status kabine-screen`, then `journalctl -u kabine-screen`.",
        )
    elif config.kiosk.on:
        yield Finding("screen", Severity.OK, "A browser has shown the visitors' screen since the node began.")
    if status.shut == Shut.CLEANING:
        remedy = f"When that is done, turn the key back, or run `kabine edge clean {folder} --done`."
        yield Finding("door", Severity.WARNING, "Nobody is received: somebody cleans.", remedy)
    elif status.shut == Shut.CLOSED and status.link.turned_away:
        what = "Nobody is received: what is handed in here would reach nobody."
        yield Finding("door", Severity.WARNING, what, "It opens by itself when the hub knows this cabin again.")
    elif status.shut == Shut.CLOSED:
        yield Finding(
            "door", Severity.OK, "Nobody is received now: these are no opening hours ([opening] in edge.toml)."
        )
