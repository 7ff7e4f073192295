"""SANE as it is installed here: a configuration folder of our own for each device, which devices there are, and under which name.

The configuration that Debian installs loads 80 backends, among them some that look around in the network for seconds. A folder with one
line in its dll.conf makes listing a matter of 0.1 s, and keeps other people's backends out of our scans.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hardware.devices.scanimage import Broken, ask

INSTALLED: Final = Path("/etc/sane.d")
FOUND_MAX: Final = 50
_BUS_ADDRESS: Final = re.compile(r":libusb:[0-9]{3}:[0-9]{3}$")


@dataclass(frozen=True)
class Found:
    """One device: `device` is its name for `[scanner] device`."""

    device: str
    vendor: str
    model: str
    kind: str


def discover(seconds: float = 10.0) -> list[Found]:
    """Every scanner that SANE finds with the machine's own configuration, within `seconds`; what was found until then is lost. Empty where
    nothing answers or `scanimage` is missing; never raises."""
    try:
        return listed(environment(None), seconds)
    except Broken:
        return []


def listed(env: dict[str, str], seconds: float) -> list[Found]:
    """As `discover`, with this environment. Raises Broken where there is no answer."""
    answer = ask(["--formatted-device-list=%d\t%v\t%m\t%t%n"], env, seconds)
    return list(_rows(answer.said))[:FOUND_MAX]


def environment(folder: Path | None) -> dict[str, str]:
    """How scanimage is started: in English, and with the configuration in `folder` if there is one."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("SANE_")}
    env |= {"LC_ALL": "C", "LANGUAGE": "C"}
    if folder is not None:
        env["SANE_CONFIG_DIR"] = str(folder)
    return env


def furnish(folder: Path, device: str, conf: str) -> None:
    """Make `folder` a SANE configuration for the backend of `device` alone; `conf` stands in for the backend's own file if there is any.
    Raises OSError."""
    backend = device.split(":", 1)[0]
    (folder / "dll.conf").write_text(f"{backend}\n")
    own = folder / f"{backend}.conf"
    if conf:
        own.write_text(conf if conf.endswith("\n") else f"{conf}\n")
    elif (INSTALLED / own.name).is_file():
        shutil.copyfile(INSTALLED / own.name, own)


def find(device: str, env: dict[str, str], seconds: float) -> str | None:
    """The full name, as of now, of the device that is called so or whose name begins so. A USB device that was plugged in again has another
    bus address: that part does not count. Raises Broken where there is no answer."""
    stem = _BUS_ADDRESS.sub("", device)
    names = [found.device for found in listed(env, seconds)]
    if device in names:
        return device
    return next((name for name in names if name.startswith(stem)), None)


def _rows(text: str) -> Iterator[Found]:
    for line in text.splitlines():
        parts = line.split("\t")
        if len(parts) == 4 and parts[0]:
            yield Found(*(part.strip() for part in parts))
