"""A keyboard that the kernel makes for us (uinput): what a sensor with a keyboard's plug is to it, and who else hears it."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from pathlib import Path

import pytest

UINPUT = Path("/dev/uinput")
needs_uinput = pytest.mark.skipif(not os.access(UINPUT, os.W_OK), reason="the kernel has no uinput")
_EVENT = struct.Struct("@llHHi")
_EV_SYN, _EV_KEY = 0, 1
_SET_EVBIT, _SET_KEYBIT, _CREATE, _DESTROY = 0x40045564, 0x40045565, 0x5501, 0x5502
_GET_SYSNAME = (2 << 30) | (64 << 16) | (ord("U") << 8) | 44
_SETUP = struct.Struct("80sHHHHI")  # struct uinput_user_dev
_BUS_USB = 3
_FOUND_SECONDS = 10.0


class Keyboard:
    """With these keys, plugged in until `unplug`."""

    def __init__(self, *keys: int) -> None:
        self._file = os.open(UINPUT, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(self._file, _SET_EVBIT, _EV_KEY)
        for key in keys:
            fcntl.ioctl(self._file, _SET_KEYBIT, key)
        os.write(self._file, _SETUP.pack(b"mat", _BUS_USB, 1, 2, 1, 0) + bytes(4 * 64 * 4))
        fcntl.ioctl(self._file, _CREATE)
        self.path = self._found()

    def press(self, key: int) -> None:
        self._say(key, 1)

    def let_go(self, key: int) -> None:
        self._say(key, 0)

    def unplug(self) -> None:
        fcntl.ioctl(self._file, _DESTROY)
        os.close(self._file)

    def _say(self, key: int, value: int) -> None:
        os.write(self._file, _EVENT.pack(0, 0, _EV_KEY, key, value) + _EVENT.pack(0, 0, _EV_SYN, 0, 0))

    def _found(self) -> Path:
        name = bytearray(64)
        fcntl.ioctl(self._file, _GET_SYSNAME, name)
        folder = Path("/sys/devices/virtual/input", name.split(b"\0")[0].decode())
        deadline = time.monotonic() + _FOUND_SECONDS
        while time.monotonic() < deadline:
            for event in folder.glob("event*"):
                if (device := Path("/dev/input", event.name)).exists():
                    return device
        raise AssertionError("the kernel has made no device of it")


class Window:
    """Somebody else who listens to a device, as a browser's window does."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def keys(self) -> list[int]:
        """Those that were pressed since it was asked last."""
        pressed = []
        try:
            while raw := os.read(self._file, _EVENT.size * 64):
                pressed += [
                    code for _, _, kind, code, value in _EVENT.iter_unpack(raw) if kind == _EV_KEY and value == 1
                ]
        except BlockingIOError:
            pass
        return pressed

    def close(self) -> None:
        os.close(self._file)
