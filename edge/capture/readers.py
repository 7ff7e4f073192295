"""The worker's side of its readers: a fresh one for each order, ended when it takes too long; pages taken before stay, whatever becomes of it.

They are forked from a process that was itself forked before there was any page or key, and has never opened anything: the stem. So a reader has the
libraries at once (starting Python for it would take a quarter of a second), and there is nothing in it to be found.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NoReturn

import msgspec
import numpy as np

from edge.capture import confinement, reader
from edge.capture.framing import LENGTH_BYTES, frame
from edge.capture.page import WORKING_PIXELS_MAX, Page
from edge.capture.reader import Counted, NoMore, Picture, Unread, Wanted
from protocol import limits
from protocol.errors import Code, Refused, Unavailable

READ_SECONDS: Final = (
    20.0  # for a page, or the headers of all files; the node waits 60 seconds for both sides of a card
)
HEAVY_PAGE_BYTES: Final = (
    3 * limits.MIB
)  # packed, it lies in the reader beside its pixels; memory that is kept for speed would be too much besides
ANSWER_BYTES_MAX: Final = 64 * limits.KIB
PIXELS_MAX: Final = WORKING_PIXELS_MAX * 11 // 10  # what is rounded up
DPI_MAX: Final = 390.0
_NEW: Final = b"r"
_STATUS_BYTES: Final = 4
_INSTEAD: Final = "Print it and scan the paper, or save it anew as a plain PDF or picture."


class Readers:
    """Owns the stem. One reader at a time. To be made before anything that a reader must not see; `seconds` as READ_SECONDS."""

    def __init__(self, seconds: float = READ_SECONDS) -> None:
        self.seconds = seconds
        self.gone = False  # the stem: no page can be read until there is another worker
        self._stem, theirs = socket.socketpair()
        parent = os.getpid()
        if os.fork() == 0:
            _be_the_stem(parent, theirs)
        theirs.close()

    def close(self) -> None:
        """The stem ends, and the reader with it."""
        self._stem.close()

    @contextmanager
    def read(self, wanted: Wanted, image: Iterable[bytes] = ()) -> Iterator[Reading]:
        """A reader for this, as long as the block; `image` are the pieces of a scan. Raises Refused(BAD_FILE), also when the reader is ended by what
        it reads, and Unavailable when there can be none."""
        line, theirs = socket.socketpair()
        with line:
            try:
                with theirs:
                    socket.send_fds(self._stem, [_NEW], [theirs.fileno()])
                _, handles, _, _ = socket.recv_fds(self._stem, len(_NEW), 1)
            except OSError:
                handles = []
            if not handles:
                self.gone = True
                raise Unavailable("Nothing can be read: the program that starts readers has ended.", "Begin anew.")
            ended = _Handle(handles[0], self._stem)
            try:
                yield Reading(line, wanted, image, self.seconds)
            except Unheard as error:
                raise _refused(error, ended.status()) from error
            finally:
                ended.status()


class Unheard(Exception):  # noqa: N818 - a noun, as everywhere here
    """The reader has ended over the file `name`, or said nothing `within` so many seconds. How it ended is known to `Readers.read` alone: pages
    are asked for in another process (edge.capture.apart)."""

    def __init__(self, name: str, within: float | None = None) -> None:
        super().__init__(name)
        self.name = name
        self.within = within


class _Handle:
    """Of one reader: never means another process, however soon its number is used again."""

    def __init__(self, descriptor: int, stem: socket.socket) -> None:
        self._descriptor: int | None = descriptor
        self._stem = stem
        self._status = -1

    def status(self) -> int:
        """End it if it is still there, and wait for that. Its exit code, negative if a signal ended it."""
        if self._descriptor is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
            os.close(self._descriptor)
            self._descriptor = None
            told = self._stem.recv(_STATUS_BYTES, socket.MSG_WAITALL)
            self._status = int.from_bytes(told, "big", signed=True)
        return self._status


class Reading:
    """What one reader tells: how many pages there are, then each when it is asked for."""

    def __init__(self, line: socket.socket, wanted: Wanted, image: Iterable[bytes], seconds: float) -> None:
        self._line = line
        self.seconds = seconds
        self._names = wanted.names
        self._counts: list[Counted] = []
        line.settimeout(seconds)
        with suppress(OSError):  # it has ended: what it is asked next tells
            line.sendall(frame(wanted))
            for piece in image:
                line.sendall(piece)
        deadline = time.monotonic() + seconds
        for name in self._names:
            answer = self._hear(name, deadline)
            if not isinstance(answer, Counted) or answer.pages < 0:
                raise Unheard(name)
            self._counts.append(answer)

    @property
    def expected(self) -> int:
        """Pages, as the headers say."""
        return sum(each.pages for each in self._counts)

    def pages(self) -> Iterator[Page]:
        """Each read when it is asked for. Raises Refused, Unheard."""
        for name, count in zip(self._names, self._counts, strict=True):
            heavy = count.bytes > HEAVY_PAGE_BYTES * count.pages
            for _ in range(count.pages):
                if heavy:
                    confinement.give_back()  # of the page before: the reader needs the room
                yield self._next(name)

    def _next(self, name: str) -> Page:
        deadline = time.monotonic() + self.seconds
        with suppress(OSError):
            self._line.sendall(reader.NEXT)
        told = self._hear(name, deadline)
        if not isinstance(told, Picture) or not _sound(told):
            raise Unheard(name)
        shape = (told.height, told.width) if told.channels == 1 else (told.height, told.width, told.channels)
        pixels = np.empty(shape, np.uint8)
        self._fill(pixels.data.cast("B"), name, deadline)
        return Page(pixels, told.dpi, told.guessed)

    def _hear(self, name: str, deadline: float) -> Counted | Picture | NoMore:
        length = bytearray(LENGTH_BYTES)
        self._fill(memoryview(length), name, deadline)
        body = bytearray(min(int.from_bytes(length, "big"), ANSWER_BYTES_MAX))
        self._fill(memoryview(body), name, deadline)
        try:
            answer = reader.read_answer(bytes(body))
            if isinstance(answer, Unread):
                raise Refused(Code(answer.code), answer.what, answer.remedy)
        except (msgspec.MsgspecError, ValueError) as error:
            raise Unheard(name) from error
        return answer

    def _fill(self, room: memoryview, name: str, deadline: float) -> None:
        while room:
            self._line.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                heard_bytes = self._line.recv_into(room)
            except TimeoutError as error:
                raise Unheard(name, self.seconds) from error
            except OSError as error:
                raise Unheard(name) from error
            if not heard_bytes:
                raise Unheard(name)
            room = room[heard_bytes:]


def _refused(error: Unheard, status: int) -> Refused:
    """`status`: as a _Handle tells it."""
    how = f"signal {-status}" if status < 0 else f"exit {status}"
    what = f"“{error.name}” could not be read: the program that opens it ended ({how})."
    if error.within is not None:
        what = f"“{error.name}” could not be read within {error.within:g} seconds."
    return Refused(Code.BAD_FILE, what, _INSTEAD)


def _sound(told: Picture) -> bool:
    """Pixels are numbers and harm nobody, but there must not be too many of them."""
    return (
        told.channels in (1, 3)
        and min(told.width, told.height) > 0
        and told.width * told.height <= PIXELS_MAX
        and 0 < told.dpi <= DPI_MAX
    )


def _be_the_stem(parent: int, line: socket.socket) -> NoReturn:
    """Fork a reader for each line that comes, and tell how it ended. Never returns to what the parent was about to do."""
    try:
        confinement.die_with(parent)
        confinement.write_no_file()
        _hold_only(line.fileno())
        while True:
            asked, lines, _, _ = socket.recv_fds(line, len(_NEW), 1)
            if not asked:
                break
            stem = os.getpid()
            child = os.fork()
            if child == 0:
                _be_a_reader(stem, line, lines[0])
            os.close(lines[0])
            handle = os.pidfd_open(child)
            socket.send_fds(line, [_NEW], [handle])
            os.close(handle)
            _, status = os.waitpid(child, 0)
            line.sendall(os.waitstatus_to_exitcode(status).to_bytes(_STATUS_BYTES, "big", signed=True))
    finally:
        os._exit(0)


def _be_a_reader(stem: int, line: socket.socket, descriptor: int) -> NoReturn:
    status = 1
    try:
        confinement.die_with(stem)
        line.close()
        with socket.socket(fileno=descriptor) as lent, suppress(BrokenPipeError, ConnectionResetError):
            reader.read(lent)
        status = 0
    finally:
        os._exit(status)


def _hold_only(descriptor: int) -> None:
    """Besides standard error. What the parent holds open would stay open with us: its pipes to the node above all."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))
