"""Anything that acts as a keyboard: a foot mat, a chair switch, a USB button, a motion detector with a keyboard's plug. Linux' evdev.

Tried with: a keyboard made with uinput (Linux 6.1), and a pipe that says what the kernel says (struct input_event, linux/input.h). A key that is
held is somebody who is there; a detector that only taps is given `pulse_seconds`. The node's user must be in the group `input`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from hardware.complaint import Complaint
from hardware.presence import PresenceState

_EVENT: Final = struct.Struct("@llHHi")  # seconds, microseconds, type, code, value
_EV_SYN, _EV_KEY = 0, 1
_SYN_DROPPED: Final = 3  # the kernel's buffer was full: what was let go of may not have been told
_RELEASED: Final = 0  # 1: pressed, 2: held
_KEY_BYTES: Final = 0x300 // 8
_EVIOCGKEY: Final = (2 << 30) | (_KEY_BYTES << 16) | (ord("E") << 8) | 0x18  # which keys are held now
_EVIOCGRAB: Final = (1 << 30) | (4 << 16) | (ord("E") << 8) | 0x90  # what it says is for us alone
_EVENTS_MAX: Final = 1024  # at one look; a device that says more is a torrent
RETRY_SECONDS: Final = 1.0


class KeyPresence:
    """The device at `path`. `keys`: the codes that count; when empty, all do. It is a sensor and nothing else: its keys reach no window, or whoever
    steps onto a mat would press the button that the screen has in focus; `shared`: visitors type on it too. Plugged in anew, it goes on."""

    def __init__(
        self,
        path: Path,
        *,
        keys: Collection[int] = (),
        shared: bool = False,
        pulse_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._keys = frozenset(keys)
        self._shared = shared
        self._pulse_seconds = pulse_seconds
        self._clock = clock
        self._guard = threading.Lock()
        self._file: int | None = None
        self._tried_at = clock() - RETRY_SECONDS
        self._rest = b""
        self._held: set[int] = set()
        self._until = clock()
        self._pulse = False
        self._closed = False

    def state(self) -> PresenceState:
        """READY while the device is there."""
        with self._guard:
            self._hear()
            return PresenceState.READY if self._file is not None else PresenceState.UNREACHABLE

    def somebody(self) -> bool | None:
        """A key is held, was pressed since it was asked last, or less than `pulse_seconds` ago."""
        with self._guard:
            self._hear()
            if self._file is None:
                return None
            seen = self._pulse or bool(self._held) or self._clock() < self._until
            self._pulse = False
            return seen

    def complaint(self) -> Complaint | None:
        """Whether it is there, and may be used."""
        if not self._path.exists():
            return Complaint(f"{self._path} is not there", "Check its cable; `ls /dev/input/by-id` shows what is.")
        if not os.access(self._path, os.R_OK):
            return Complaint(f"{self._path} may not be used", "Add the node's user to the group `input`.")
        with self._guard:
            self._tried_at = self._clock() - RETRY_SECONDS
            self._hear()
            if self._file is None and not self._closed:
                return Complaint(
                    f"{self._path} cannot be used, or another program has it for itself",
                    "See with `fuser -v` who has it open; two tables of edge.toml may share it where both name it alike, and their `keys`.",
                )
        return None

    def close(self) -> None:
        """Let go of the device."""
        with self._guard:
            self._closed = True
            self._lose()

    def _hear(self) -> None:
        """All that has been said since."""
        if self._file is None and not self._open():
            return
        assert self._file is not None
        try:
            for _ in range(_EVENTS_MAX):
                raw = os.read(self._file, _EVENT.size * 64 - len(self._rest))
                if not raw:  # the other end is gone
                    self._lose()
                    return
                self._understand(self._rest + raw)
        except BlockingIOError:
            pass
        except OSError:  # ENODEV: taken out
            self._lose()

    def _understand(self, raw: bytes) -> None:
        whole = len(raw) - len(raw) % _EVENT.size
        self._rest = raw[whole:]
        for _, _, kind, code, value in _EVENT.iter_unpack(raw[:whole]):
            if (kind, code) == (_EV_SYN, _SYN_DROPPED):
                assert self._file is not None
                self._held = self._held_now(self._file)
                continue
            if kind != _EV_KEY or (self._keys and code not in self._keys):
                continue
            if value == _RELEASED:
                self._held.discard(code)
            else:
                self._held.add(code)
                self._pulse = True
            self._until = self._clock() + self._pulse_seconds

    def _open(self) -> bool:
        if self._closed or self._clock() - self._tried_at < RETRY_SECONDS:
            return False
        self._tried_at = self._clock()
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        if not self._ours(self._file):
            self._lose()
            return False
        self._held = self._held_now(self._file)
        return True

    def _ours(self, file: int) -> bool:
        """Nobody else has it for themselves: they would hear what we are waiting for. Unless it is shared, it is ours alone from now on."""
        try:
            fcntl.ioctl(file, _EVIOCGRAB, 1)
        except OSError as error:
            return error.errno != errno.EBUSY  # a pipe has nothing to grab
        if self._shared:
            fcntl.ioctl(file, _EVIOCGRAB, 0)
        return True

    def _held_now(self, file: int) -> set[int]:
        """Somebody who stood on the mat before we looked. A pipe cannot tell."""
        try:
            bits = fcntl.ioctl(file, _EVIOCGKEY, bytes(_KEY_BYTES))
        except OSError:
            return set()
        held = {code for code in range(_KEY_BYTES * 8) if bits[code // 8] >> code % 8 & 1}
        return held & self._keys if self._keys else held

    def _lose(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file, self._rest, self._pulse = None, b"", False
        self._held.clear()
        self._until = self._clock()
