"""What stands and lies in a simulated cabin: flags on its devices and sheets in them, to be changed while the cabin runs.

Everything is a file below one folder, so that a devices drawer in the same process, a test in another one and a person with a shell
do the same thing:

    stage/scanner/flags/jammed          the flag “jammed” is up (`touch` raises it, `rm` lowers it)
    stage/scanner/lying/1-letter.jpg    lies on the scanner (`cp` puts it there; taken by name)

Each device says in its own file which flags it heeds.
"""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import Final

JAMMED: Final = "jammed"
UNPLUGGED: Final = "unplugged"
COVER_OPEN: Final = "cover-open"
NO_PAPER: Final = "no-paper"
DENIED: Final = "denied"
BUSY: Final = "busy"
SLOW: Final = "slow"
BLURRED: Final = "blurred"
MOVING: Final = "moving"
SOMEBODY: Final = "somebody"
TURNED: Final = "turned"

_WORD: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class Stage:
    """One cabin's stage in `folder`, which is made if it is not there. Any number of these may look at the same folder. Methods raise OSError
    when the folder cannot be used and ValueError for a word that is none."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder

    def flag(self, device: str, word: str) -> None:
        """Raise a flag; twice is no error."""
        (self._room(device, "flags") / _sound(word)).touch()

    def unflag(self, device: str, word: str) -> None:
        """Lower it; twice is no error."""
        (self._room(device, "flags") / _sound(word)).unlink(missing_ok=True)

    def flags(self, device: str) -> frozenset[str]:
        """Which flags are up."""
        return frozenset(path.name for path in self._room(device, "flags").iterdir())

    def put(self, path: Path, device: str = "scanner") -> Path:
        """Lay a copy of this file on top of what lies in the device; it is taken last. Raises OSError."""
        lying = self._room(device, "lying") / f"{time.time_ns():020d}-{path.name}"
        arriving = lying.with_name(f".{lying.name}")
        shutil.copyfile(path, arriving)
        return arriving.rename(lying)  # only now: a sheet is seen when it is whole

    def lying(self, device: str = "scanner") -> tuple[Path, ...]:
        """The sheets that lie in the device, in the order they are taken."""
        return tuple(sorted(path for path in self._room(device, "lying").iterdir() if not path.name.startswith(".")))

    def clear(self, device: str = "scanner") -> None:
        """Take every sheet out of the device."""
        for path in self.lying(device):
            path.unlink(missing_ok=True)

    def jam(self, device: str = "scanner") -> None:
        """The next sheet gets stuck, and those after it, until `mend`."""
        self.flag(device, JAMMED)

    def unplug(self, device: str = "scanner") -> None:
        """Pull the plug."""
        self.flag(device, UNPLUGGED)

    def plug(self, device: str = "scanner") -> None:
        """Put the plug in again."""
        self.unflag(device, UNPLUGGED)

    def mend(self, device: str = "scanner") -> None:
        """Lower every flag of the device."""
        for word in self.flags(device):
            self.unflag(device, word)

    def enter(self) -> None:
        """Somebody steps into the cabin."""
        self.flag("presence", SOMEBODY)

    def leave(self) -> None:
        """Nobody is there any more."""
        self.unflag("presence", SOMEBODY)

    def turn_key(self) -> None:
        """Staff turn their key: they clean now."""
        self.flag("keyswitch", TURNED)

    def turn_key_back(self) -> None:
        """And back: they have cleaned."""
        self.unflag("keyswitch", TURNED)

    def _room(self, device: str, kind: str) -> Path:
        room = self._folder / _sound(device) / kind
        room.mkdir(mode=0o700, parents=True, exist_ok=True)
        return room


def _sound(word: str) -> str:
    if not _WORD.fullmatch(word):
        raise ValueError(f"“{word}” is no word of a stage: lower-case letters, digits and hyphens")
    return word
