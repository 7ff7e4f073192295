"""The bare reference: what CurveZMQ and a disk can do at best, when nothing is promised but "durable before the acknowledgement".

One thread at each end, each in a process of its own; frames of 256 KiB within a window of bytes; whatever has arrived is written to one
append-only segment and made durable with one fdatasync, then acknowledged together. No resuming, no de-duplication, no digests, no signatures.

python -m tools.bench.bare take SEGMENT SIZE          prints its address and its key, then its CPU seconds when all is durable
python -m tools.bench.bare give FILE PIECE FRAME      reads address and key from stdin; FILE goes in frames of FRAME bytes, cut at every PIECE
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import zmq

WINDOW_BYTES: Final = 16 * 1024 * 1024
FRAMES_MAX: Final = 1024  # heard before what has come is made durable


class Spent(msgspec.Struct, frozen=True):
    """`seconds` from dialling to the last acknowledgement (the giver's), `cpu_seconds` of the process meanwhile."""

    seconds: float
    cpu_seconds: float


def take(segment: Path, size_bytes: int) -> None:
    """The receiving end, for `size_bytes` in all."""
    public, secret = zmq.curve_keypair()
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
    socket.set_hwm(0)
    socket.curve_server = True
    socket.curve_secretkey = secret
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    target = os.open(segment, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    print(f"tcp://127.0.0.1:{port} {public.decode()}", flush=True)
    socket.poll()  # the CPU time of waiting for the beginning is nobody's
    cpu, held_bytes = time.process_time(), 0
    while held_bytes < size_bytes:
        socket.poll()
        route = b""
        for _ in range(FRAMES_MAX):
            try:
                who, frame = socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                break
            route = who.bytes
            os.write(target, frame.buffer)
            held_bytes += len(frame)
        os.fdatasync(target)
        socket.send_multipart((route, held_bytes.to_bytes(8, "big")))
    _tell(Spent(0.0, time.process_time() - cpu))
    socket.close(linger=1000)


def give(file: Path, piece_bytes: int, frame_bytes: int) -> None:
    """The sending end: waits for where to, then gives all it has."""
    source = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    frames = deque(_frames(os.fstat(source).st_size, piece_bytes, frame_bytes))
    left_bytes = sum(length for _, length in frames)
    sent_bytes = acknowledged_bytes = 0
    address, key = sys.stdin.readline().split()
    began, cpu = time.perf_counter(), time.process_time()
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    socket.set_hwm(0)
    socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
    socket.curve_serverkey = key.encode()
    socket.connect(address)
    while acknowledged_bytes < left_bytes:
        while frames and sent_bytes - acknowledged_bytes < WINDOW_BYTES:
            offset_bytes, length = frames.popleft()
            socket.send(os.pread(source, length, offset_bytes), 0, copy=length < 65536)
            sent_bytes += length
        acknowledged_bytes = int.from_bytes(socket.recv(), "big")
    _tell(Spent(time.perf_counter() - began, time.process_time() - cpu))


def _frames(size_bytes: int, piece_bytes: int, frame_bytes: int) -> Iterator[tuple[int, int]]:
    """Offset and length of each: documents (or single entries) do not share a frame, but one may need several."""
    for start in range(0, size_bytes, piece_bytes):
        end = min(start + piece_bytes, size_bytes)
        for offset in range(start, end, frame_bytes):
            yield offset, min(frame_bytes, end - offset)


def _tell(spent: Spent) -> None:
    sys.stdout.write(msgspec.json.encode(spent).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    """See above."""
    order, path, *sizes = sys.argv[1:]
    if order == "take":
        take(Path(path), int(sizes[0]))
    else:
        give(Path(path), int(sizes[0]), int(sizes[1]))


if __name__ == "__main__":
    main()
