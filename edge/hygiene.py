"""What a process that sees papers or keys must not leave behind: no core dump, nobody looks into its memory, and what it has freed is overwritten."""

from __future__ import annotations

import ctypes
import resource
from typing import Final

PR_SET_DUMPABLE: Final = 4
M_PERTURB: Final = -6  # mallopt(3)
OVER_FREED: Final = 0xA5


def no_core_dumps() -> None:
    """From here on the kernel writes no core of this process and of those it starts, and lets no other process of the user trace this one."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Unknown to a kernel that is not Linux; then the limit above has to do.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def overwrite_freed() -> None:
    """From here on glibc writes over whatever this process frees; pictures and scans are gone with their last user, not when somebody needs their
    place. What has at most a kilobyte may stay for a while. Other C libraries are left as they are."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_PERTURB, OVER_FREED)
