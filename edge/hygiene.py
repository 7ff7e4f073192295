"""What a process that sees papers or keys must not leave behind: no core dump, and nobody looks into its memory."""

from __future__ import annotations

import ctypes
import resource
from typing import Final

PR_SET_DUMPABLE: Final = 4


def no_core_dumps() -> None:
    """From here on the kernel writes no core of this process and of those it starts, and lets no other process of the user trace this one."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Unknown to a kernel that is not Linux; then the limit above has to do.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
