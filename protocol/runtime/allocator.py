"""Memory of a process that carries documents: buffers come and go by the hundred, and what was made at its start stays for ever.

glibc maps every block above 128 KiB anew and gives it back at once; each page of each chunk then costs a fault, at both ends and for every
copy. Other C libraries are left as they are. Python's collector looks at every object there is, now and then, and everybody waits meanwhile.
"""

from __future__ import annotations

import ctypes
import gc
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from protocol import limits

_TRIM_THRESHOLD: Final = -1  # mallopt(3)
_MMAP_THRESHOLD: Final = -3
KEPT_BYTES: Final = 32 * limits.MIB  # free memory of this much at the end of a heap goes back to the system
MAPPED_BYTES: Final = 8 * limits.MIB  # blocks from this size on are mapped one by one
IDLE_BYTES: Final = 64 * limits.MIB  # more than this is worth giving back what is free between what is used
YOUNG_MAX: Final = 20_000  # things made and not let go before the collector looks for circles; one turn makes thousands that go by themselves
_STATM: Final = Path("/proc/self/statm")


def keep_buffers() -> None:
    """Let blocks of the size of a chunk be used again. For the whole process; as often as you like."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, MAPPED_BYTES)
        mallopt(_TRIM_THRESHOLD, KEPT_BYTES)


class _Mallinfo(ctypes.Structure):
    """struct mallinfo2 of glibc 2.33 and later, bytes."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


class Heap:
    """What this process holds of the machine's memory. Strangers can make a hub take a gigabyte for some seconds; what lies between smaller things
    that stay would never go back by itself."""

    def __init__(self) -> None:
        library = ctypes.CDLL(None)
        self._mallinfo = getattr(library, "mallinfo2", None)
        self._trim = getattr(library, "malloc_trim", None)
        self._idle_bytes = 0
        if self._mallinfo is not None:
            self._mallinfo.restype = _Mallinfo
            self._idle_bytes = self._idle()

    def give_back(self) -> None:
        """What is free of it, where that has grown by IDLE_BYTES. Takes half a second for a gigabyte, and next to nothing where there is little."""
        if self._mallinfo is None or self._trim is None:
            return
        with suppress(OSError):  # no descriptor is left to look: another time
            self._give_back(self._trim)

    def _give_back(self, trim: Callable[[ctypes.c_size_t], object]) -> None:
        idle_bytes = self._idle()
        if idle_bytes >= self._idle_bytes + IDLE_BYTES:
            trim(ctypes.c_size_t(KEPT_BYTES))
            self._idle_bytes = self._idle()
        else:
            self._idle_bytes = min(self._idle_bytes, idle_bytes)

    def _idle(self) -> int:
        """Resident bytes that nobody got from malloc; programs and Python's own arenas are among them."""
        found = self._mallinfo()  # type: ignore[misc]  # not None here
        resident_bytes = int(_STATM.read_text().split()[1]) * resource.getpagesize()
        return resident_bytes - int(found.uordblks) - int(found.hblkhd)


def set_apart() -> None:
    """What this process has made until now stays: the collector does not look at it again, and at what comes later more rarely. Once, when
    everything is open."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX)
