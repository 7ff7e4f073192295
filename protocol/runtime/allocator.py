"""glibc's allocator, told that buffers of documents come and go by the hundred.

As it comes, it maps every block above 128 KiB anew and gives it back at once; each page of each chunk then costs a fault, at both ends and for
every copy. Other C libraries are left as they are.
"""

from __future__ import annotations

import ctypes
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
