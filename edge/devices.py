"""What the state of a device means to whoever looks after the cabin: how grave it is, and what to do with one's hands."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final, NamedTuple


class Gravity(enum.IntEnum):
    """FINE, or somebody must come by some time, or a visitor cannot be served."""

    FINE = 0
    SOON = 1
    NOW = 2


class Meaning(NamedTuple):
    """`what` completes “The printer …”; `remedy` is an imperative sentence, empty when there is nothing to do."""

    gravity: Gravity
    what: str
    remedy: str = ""


_READY: Final = Meaning(Gravity.FINE, "is ready")
_AWAY: Final = "Check its cable and its power, and its table in edge.toml."
_SCANNER: Final = {
    "ready": _READY,
    "no-paper": Meaning(Gravity.FINE, "waits for paper"),
    "busy": Meaning(Gravity.FINE, "is at work"),
    "jammed": Meaning(Gravity.NOW, "is jammed; nobody can hand in", "Open it, take the sheet out, and close it."),
    "cover-open": Meaning(Gravity.NOW, "is open; nobody can hand in", "Close its cover."),
    "denied": Meaning(
        Gravity.NOW,
        "is not given to the node",
        "Add the node's user to the group `scanner`, or give it the right in a udev rule, then restart the node.",
    ),
    "unreachable": Meaning(Gravity.NOW, "does not answer; nobody can hand in", _AWAY),
    "absent": Meaning(Gravity.FINE, "is not fitted; files are handed in with `kabine edge submit`"),
}
_CAMERA: Final = {
    "ready": _READY,
    "unreachable": Meaning(
        Gravity.NOW, "does not answer", "Check its cable, that no other program uses it, and [camera] in edge.toml."
    ),
    "absent": Meaning(Gravity.FINE, "is not fitted"),
}
_PRINTER: Final = {
    "ready": _READY,
    "printing": Meaning(Gravity.FINE, "is printing"),
    "low-paper": Meaning(Gravity.SOON, "has little paper, or a tray without any", "Put paper in."),
    "low-toner": Meaning(Gravity.SOON, "has little toner or ink", "Have a new cartridge ready."),
    "empty": Meaning(Gravity.SOON, "has no paper; numbers are shown on the screen only", "Put paper in."),
    "no-toner": Meaning(Gravity.SOON, "has no toner or ink", "Put a new cartridge in."),
    "jammed": Meaning(Gravity.SOON, "is jammed", "Open it, take the sheet out, and close it."),
    "cover-open": Meaning(Gravity.SOON, "is open", "Close its cover."),
    "stopped": Meaning(Gravity.SOON, "has stopped", "Look at its own display."),
    "unreachable": Meaning(Gravity.SOON, "does not answer; numbers are shown on the screen only", _AWAY),
    "absent": Meaning(Gravity.FINE, "is not fitted; numbers are shown on the screen only"),
}
_PRESENCE: Final = {
    "ready": _READY,
    "unreachable": Meaning(Gravity.SOON, "does not answer; a touch on the screen counts instead", _AWAY),
    "absent": Meaning(Gravity.FINE, "is not fitted; a touch on the screen counts instead"),
}
_LAMP: Final = {
    "ready": _READY,
    "unreachable": Meaning(Gravity.SOON, "does not answer", _AWAY),
    "absent": Meaning(Gravity.FINE, "is not fitted"),
}
_KEYSWITCH: Final = {
    "ready": _READY,
    "unreachable": Meaning(Gravity.SOON, "does not answer; cleaning begins with `kabine edge clean`", _AWAY),
    "absent": Meaning(Gravity.FINE, "is not fitted; cleaning begins with `kabine edge clean`"),
}
_NAMES: Final = {
    "presence": "presence sensor",
    "lamp": "lamp at the door",
    "keyswitch": "key switch for staff",
    "camera": "document camera",
}
DEVICES: Final[Mapping[str, Mapping[str, Meaning]]] = {
    "scanner": _SCANNER,
    "camera": _CAMERA,
    "printer": _PRINTER,
    "presence": _PRESENCE,
    "lamp": _LAMP,
    "keyswitch": _KEYSWITCH,
}


def meaning(device: str, state: str) -> Meaning:
    """Of a device's state word. One that a newer node says is at least repeated."""
    return DEVICES.get(device, {}).get(state, Meaning(Gravity.SOON, f"is {state}", "Look at it."))


def spoken(device: str) -> str:
    """The device's name in a sentence."""
    return _NAMES.get(device, device)
