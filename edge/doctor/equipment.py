"""The devices: how each is, and what to do."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from edge.config import EdgeConfig
from edge.devices import meaning, spoken
from edge.doctor.finding import Finding, Severity
from hardware import fitted
from hardware.complaint import Complaint
from hardware.devices.sane_listing import discover
from protocol.runtime.world import World

DEVICES_SECONDS: Final = 4.0  # a USB scanner is listed in less
LOOK_SECONDS: Final = 0.1
SANE_SECONDS: Final = 10.0  # listing asks every backend that is installed
UNREACHABLE: Final = "unreachable"
PINS: Final = "This machine needs a header with pins, the library lgpio (`pip install lgpio` into .venv) and the node's user in the group `gpio`."


def states_at_rest(config: EdgeConfig, folder: Path, world: World) -> Mapping[str, str]:
    """What the devices say when no node speaks to them."""
    devices = fitted.fit(config.fittings, folder)
    try:
        # One that has just been spoken to for the first time may need a moment.
        deadline = world.clock() + DEVICES_SECONDS
        while UNREACHABLE in (states := devices.states()).values() and world.clock() < deadline:
            time.sleep(LOOK_SECONDS)
    finally:
        devices.close()
    return states


def devices(states: Mapping[str, str], config: EdgeConfig, folder: Path) -> Iterator[Finding]:
    """What is silent is asked for the reason, which no state tells; a running node's devices bear that."""
    asked = fitted.fit(config.fittings, folder) if UNREACHABLE in states.values() else None
    try:
        for name, state in states.items():
            complaint = asked.complaint(name) if asked is not None and state == UNREACHABLE else None
            yield _device(name, state, config, complaint)
    finally:
        if asked is not None:
            asked.close()


def _device(name: str, state: str, config: EdgeConfig, complaint: Complaint | None) -> Finding:
    """`fitted` is named too: what is plugged in may be another model than what is configured."""
    found = meaning(name, state)
    fitted_as = str(getattr(config.fittings, name).fitted) if hasattr(config.fittings, name) else ""
    model = f" ({fitted_as})" if fitted_as not in ("", "none") else ""
    severity = Severity(int(found.gravity))
    what, remedy = found.what, found.remedy
    if complaint is not None:
        what = what.replace("does not answer", f"does not answer ({complaint.why})", 1)
        remedy = complaint.remedy or remedy
    if name == "scanner" and fitted_as == "sane" and state == UNREACHABLE:
        remedy = f"{remedy} {_sane_found()}"
    if fitted_as == "gpio" and state == UNREACHABLE:
        remedy = f"{remedy} {PINS}"
    return Finding(name, severity, f"The {spoken(name)}{model} {what}.", remedy)


def _sane_found() -> str:
    """What SANE sees at this machine, to compare with what is configured."""
    found = discover(SANE_SECONDS)
    if not found:
        return "SANE finds no scanner at this machine."
    return f"SANE finds here: {'; '.join(f'{each.device} ({each.vendor} {each.model})' for each in found)}."
