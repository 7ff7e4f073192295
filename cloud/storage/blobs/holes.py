"""Give the middle of a file back to the file system (Linux `fallocate`, PUNCH_HOLE); the rest stays where it is."""

from __future__ import annotations

import ctypes
from typing import Final

_KEEP_SIZE: Final = 0x01
_PUNCH_HOLE: Final = 0x02
_libc = ctypes.CDLL(None, use_errno=True)


def punch(descriptor: int, position_bytes: int, length_bytes: int) -> bool:
    """Free these bytes of an open file; False where system or file system cannot. Then only a whole segment frees space."""
    fallocate = getattr(_libc, "fallocate", None)
    if fallocate is None:
        return False
    wide = ctypes.c_int64
    done: int = fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, wide(position_bytes), wide(length_bytes))
    return done == 0
