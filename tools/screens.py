"""The screens of the cabins in a demo: each with a drawer that moves its devices, and with a line that heeds the drawer's scissors."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

from rich.console import Console

from edge.config import KioskConfig
from edge.kiosk.drawer import CUT, LINE, PATH
from edge.kiosk.server import npm
from hardware.fitted import STAGE
from hardware.fittings import KeyswitchConfig, LampConfig, PresenceConfig, PrinterConfig, ScannerConfig
from hardware.simulated.stage import Stage
from protocol.errors import Unavailable
from tools.rig import Rig

LOOK_SECONDS: Final = 0.2
MISSING: Final = "Run `npm ci --omit=dev` for the style sheets of the screens, then start the demo again."


def equip(house: Rig) -> str:
    """Give every cabin simulated devices and a screen with a drawer; where the npm packages are missing, why there are none."""
    try:
        npm("@kern-ux/native/dist")
    except Unavailable:
        return f"The cabins have no screens this time. {MISSING}"
    for site in house.town.sites:
        house.equip(
            site.id,
            scanner=ScannerConfig("simulated", pages=0),
            printer=PrinterConfig("simulated"),
            presence=PresenceConfig("simulated"),
            lamp=LampConfig("simulated"),
            keyswitch=KeyswitchConfig("simulated"),
            kiosk=KioskConfig(on=True, drawer=True),
        )
    return ""


def served(house: Rig) -> bool:
    """Have the cabins screens?"""
    return all((house.cabin(site.id) / "kiosk.url").exists() for site in house.town.sites)


def tell(console: Console, house: Rig) -> None:
    """Where they are. A browser is let in by the first address; the drawer opens in the same one."""
    console.print("\nThe cabins are open. Open a screen in a browser, then its devices in a second tab:")
    for site in house.town.sites:
        address = house.screen(site.id)
        console.print(f"  {site.name:<14} {address}", soft_wrap=True, highlight=False)
        console.print(f"  {'':<14} {address.partition('/open/')[0]}{PATH}", soft_wrap=True, highlight=False)


def until_interrupted(house: Rig) -> None:
    """Keep everything running until Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt):
        while all(process.poll() is None for process in house.processes.values()):
            threading.Event().wait(1.0)


@contextlib.contextmanager
def lines_heed_their_flags(house: Rig) -> Iterator[None]:
    """Inside this block a line is cut when its drawer says so, and mended again. What the show cuts by itself it mends by itself."""
    ended = threading.Event()

    def watch() -> None:
        stages = {site.id: Stage(house.cabin(site.id) / STAGE) for site in house.town.sites}
        before = dict.fromkeys(stages, False)
        while not ended.wait(LOOK_SECONDS):
            for site, stage in stages.items():
                cut = CUT in stage.flags(LINE)
                if cut is not before[site]:
                    before[site] = cut
                    house.lines[site].cut() if cut else house.lines[site].mend()

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()
