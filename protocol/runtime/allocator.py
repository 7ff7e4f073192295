"""Memory of a process that carries documents: buffers come and go by the hundred, and what was made at its start stays for ever.

glibc maps every block above 128 KiB anew and gives it back at once; each page of each chunk then costs a fault, at both ends and for every
copy. Other C libraries are left as they are. Python's collector looks at every object there is, now and then, and everybody waits meanwhile.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Final

from protocol import limits

_TRIM_THRESHOLD: Final = -1  # mallopt(3)
_MMAP_THRESHOLD: Final = -3
KEPT_BYTES: Final = 32 * limits.MIB  # free memory of this much at the end of a heap goes back to the system
MAPPED_BYTES: Final = 8 * limits.MIB  # blocks from this size on are mapped one by one


def keep_buffers() -> None:
    """Let blocks of the size of a chunk be used again. For the whole process; as often as you like."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, MAPPED_BYTES)
        mallopt(_TRIM_THRESHOLD, KEPT_BYTES)


def set_apart() -> None:
    """What this process has made until now stays: the collector does not look at it again. Once, when everything is open."""
    gc.collect()
    gc.freeze()
