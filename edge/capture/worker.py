"""The worker process: pixels and sealing, beside the node, so that a visitor's screen answers meanwhile and a hostile file harms nobody.

`python -m edge.capture.worker SPOOL_FOLDER` speaks edge.capture.dialogue over its standard input and output. It has no more than 1.5 GB of
address space, leaves no core dump, cannot be looked into by other processes of its user, and dies with its parent. Idle it holds about 90 MB;
while a document passes it grows by less than 150 MB for pages up to A4 at 300 dpi (one page is worked on at a time), and by
up to 4 bytes per pixel for larger ones.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import BinaryIO, Final

from edge.capture import dialogue
from edge.capture.bench import Bench
from protocol import limits
from protocol.errors import Mistake, Refused, Trouble, Unavailable

ADDRESS_SPACE_BYTES: Final = 1_500 * limits.MIB
KEPT_BYTES: Final = 256 * limits.MIB  # what glibc does not give back between two steps of one page
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def harden() -> None:
    """No core dump, no looking in, bounded memory, lower priority; dies with the parent, and not of a Ctrl-C that is meant for it."""
    parent = os.getppid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)
    os.nice(5)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


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


def serve(bench: Bench, orders: BinaryIO, reports: BinaryIO) -> None:
    """Carry out orders until there are no more."""
    while True:
        length = orders.read(dialogue.LENGTH_BYTES)
        if len(length) < dialogue.LENGTH_BYTES:
            return
        size_bytes = int.from_bytes(length, "big")
        if size_bytes > dialogue.ORDER_BYTES_MAX:
            raise Mistake(f"An order of {size_bytes} bytes; at most {dialogue.ORDER_BYTES_MAX} are allowed.")
        order = dialogue.read_order(orders.read(size_bytes))
        image = b""
        if isinstance(order, dialogue.CaptureScan):
            if order.image_bytes > limits.INPUT_BYTES_MAX:
                raise Mistake(f"A scan of {order.image_bytes} bytes; at most {limits.INPUT_BYTES_MAX} are allowed.")
            image = orders.read(order.image_bytes)
        try:
            for report in bench.carry_out(order, image):
                reports.write(dialogue.frame(report))
                reports.flush()
        except (Refused, Unavailable) as error:
            reports.write(dialogue.frame(dialogue.failed(error)))
            reports.flush()
        del image
        give_back()


def main() -> None:
    """Whatever a library prints goes to standard error: standard output carries frames and nothing else."""
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    harden()
    keep_memory()
    try:
        bench = Bench(Path(sys.argv[1]))
    except Trouble as error:
        reports.write(dialogue.frame(dialogue.failed(error)))
        reports.flush()
        return
    reports.write(dialogue.frame(dialogue.Ready()))
    reports.flush()
    try:
        serve(bench, sys.stdin.buffer, reports)
    except BrokenPipeError:
        os._exit(0)  # the node is gone; so are the pages


if __name__ == "__main__":
    main()
