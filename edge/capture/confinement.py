"""What is taken from every process that touches pages: core dumps, being looked into, memory without end, and a life after its parent's."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from typing import Final

from protocol import limits

ADDRESS_SPACE_BYTES: Final = 1_500 * limits.MIB
KEPT_BYTES: Final = 256 * limits.MIB  # what glibc does not give back between two steps of one page
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def harden() -> None:
    """No core dump, no looking in, bounded memory, lower priority, not ended by a Ctrl-C that is meant for the parent. Children inherit all of it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    os.nice(5)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def die_with(parent: int) -> None:
    """End as soon as the process `parent` has; no child inherits that. What a hard kill of the parent leaves is nothing."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it was quicker
        os._exit(0)


def write_no_file() -> None:
    """No byte of this process or its children gets into a file of a disk; pipes and sockets are none."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def keep_memory() -> None:
    """Pictures of one page are laid where those before them lay: asking the kernel for zeroed memory at each step costs a fifth of the time.
    `give_back` returns it when an order is done. Without glibc nothing changes."""
    with contextlib.suppress(AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)


def give_back() -> None:
    """What is free goes back to the kernel, which shows it to nobody."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
