"""The door of a listening port: closed where this process has no descriptor left for another connection. Who is inside stays.

Some descriptors are laid by, as ballast is for a full disk: strangers cannot take them, and while the door is closed they are there for whatever the
process itself opens.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from contextlib import suppress
from typing import Final

LAID_BY: Final = 32  # for what a hub opens: segments, its database, what libraries make when they are first used
_ATTACH_FILTER: Final = 26  # SO_ATTACH_FILTER and SO_DETACH_FILTER, socket(7)
_DETACH_FILTER: Final = 27
_NOTHING: Final = struct.pack("=HBBI", 0x06, 0, 0, 0)  # bpf: of every packet, nothing is let through


class LaidBy:
    """Descriptors that lead nowhere, to be given up when there are no others."""

    def __init__(self) -> None:
        self._held: list[int] = []

    def take(self) -> bool:
        """False where the process cannot have so many."""
        try:
            while len(self._held) < LAID_BY:
                self._held.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            return False
        return True

    def give_one_up(self) -> bool:
        """False where there was none."""
        if self._held:
            os.close(self._held.pop())
            return True
        return False

    def give_up(self) -> None:
        """For whoever opens something now."""
        while self.give_one_up():
            pass


class Door:
    """Of the socket `descriptor`, which listens. Open at first."""

    def __init__(self, descriptor: int) -> None:
        self._listening = socket.socket(fileno=os.dup(descriptor))
        self._listening.setblocking(False)
        self._laid_by = LaidBy()
        self._laid_by.take()

    def shut(self) -> None:
        """Whoever knocks from now on is not heard (a port that is given up takes along whoever came in by it), and whoever stands before the door is
        sent away."""
        program = ctypes.create_string_buffer(_NOTHING)
        with suppress(OSError):
            self._listening.setsockopt(
                socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("@HP", 1, ctypes.addressof(program))
            )
        while self._laid_by.give_one_up():
            with suppress(OSError):  # nobody is there any more, or somebody else has let them in
                while True:
                    self._listening.accept()[0].close()

    def open(self) -> bool:
        """False while there is too little to lay by."""
        if not self._laid_by.take():
            self._laid_by.give_up()
            return False
        with suppress(OSError):
            self._listening.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)
        return True

    def close(self) -> None:
        """There is no door any more."""
        self._listening.close()
        self._laid_by.give_up()
