"""The worker process: pixels and sealing, beside the node, so that a visitor's screen answers meanwhile and a hostile file harms nobody.

`python -m edge.capture.worker SPOOL_FOLDER` speaks edge.capture.dialogue over its standard input and output. What was delivered is opened by its
readers, processes that hold nothing else; pixels are worked on apart, in a process for each order; pages live on when either ends. Each has no more
than 1.5 GB of address space, leaves no core dump, cannot be looked into by other processes of its user, and dies with its parent. Idle they hold
about 90 MB; while a document passes, all together grow by less than 150 MB for pages up to A4 at 300 dpi (one page is worked on at a time), and by up
to 4 bytes per pixel for larger ones.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from edge.capture import confinement, dialogue
from edge.capture.bench import Bench
from edge.capture.framing import LENGTH_BYTES, frame
from edge.capture.readers import Readers
from protocol.errors import Mistake, Refused, Trouble, Unavailable


def serve(bench: Bench, orders: BinaryIO, reports: BinaryIO) -> None:
    """Carry out orders until there are no more."""
    while True:
        length = orders.read(LENGTH_BYTES)
        if len(length) < LENGTH_BYTES:
            return
        size_bytes = int.from_bytes(length, "big")
        if size_bytes > dialogue.ORDER_BYTES_MAX:
            raise Mistake(f"An order of {size_bytes} bytes; at most {dialogue.ORDER_BYTES_MAX} are allowed.")
        order = dialogue.read_order(orders.read(size_bytes))
        image = _pieces(orders, order.image_bytes if isinstance(order, dialogue.CaptureScan) else 0)
        try:
            for report in bench.carry_out(order, image):
                reports.write(frame(report))
                reports.flush()
        except (Refused, Unavailable) as error:
            reports.write(frame(dialogue.failed(error)))
            reports.flush()
        for _ in image:  # refused before it was heard to its end
            pass
        confinement.give_back()


def _pieces(orders: BinaryIO, rest_bytes: int) -> Iterator[bytes]:
    """Of what comes behind an order: this process hands it on, and never has it as a whole."""
    while rest_bytes and (piece := orders.read(min(rest_bytes, dialogue.PART_BYTES_MAX))):
        rest_bytes -= len(piece)
        yield piece


def main() -> None:
    """Whatever a library prints goes to standard error: standard output carries frames and nothing else."""
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    parent = os.getppid()
    confinement.harden()
    confinement.die_with(parent)
    confinement.keep_memory()
    readers = Readers()  # before there is a key
    try:
        bench = Bench(Path(sys.argv[1]), readers)
    except Trouble as error:
        reports.write(frame(dialogue.failed(error)))
        reports.flush()
        return
    reports.write(frame(dialogue.Ready()))
    reports.flush()
    try:
        serve(bench, sys.stdin.buffer, reports)
    except BrokenPipeError:
        os._exit(0)  # the node is gone; so are the pages


if __name__ == "__main__":
    main()
