"""Two things Linux does with part of a file and Python has no words for: give it back, and begin to write it out."""

from __future__ import annotations

import ctypes
from typing import Final

_KEEP_SIZE: Final = 0x01
_PUNCH_HOLE: Final = 0x02
_BEGIN_TO_WRITE: Final = 0x02  # SYNC_FILE_RANGE_WRITE
_libc = ctypes.CDLL(None, use_errno=True)


def begin_to_write(descriptor: int, position_bytes: int, length_bytes: int) -> None:
    """Let the disk begin with these bytes while more arrive, so that the fdatasync that follows finds less to do. Promises nothing."""
    sync_file_range = getattr(_libc, "sync_file_range", None)
    if sync_file_range is not None:
        wide = ctypes.c_int64
        sync_file_range(descriptor, wide(position_bytes), wide(length_bytes), _BEGIN_TO_WRITE)


def punch(descriptor: int, position_bytes: int, length_bytes: int) -> bool:
    """Free these bytes of an open file; False where system or file system cannot. Then only a whole segment frees space."""
    fallocate = getattr(_libc, "fallocate", None)
    if fallocate is None:
        return False
    wide = ctypes.c_int64
    done: int = fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, wide(position_bytes), wide(length_bytes))
    return done == 0
