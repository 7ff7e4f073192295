"""Work on pages in a process apart from the one that keeps them: what hangs or crashes there costs the page it was at, and none before it.

It is forked from the worker for one order, hears no other, writes no file and dies with the worker. What it gives away are finished pages.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import msgspec

from edge.capture import confinement
from edge.capture.framing import LENGTH_BYTES, frame
from edge.capture.pipeline import Taken
from edge.capture.reader import NoMore, Unread
from edge.capture.readers import Unheard
from protocol.errors import Code, Refused

WORK_SECONDS: Final = (
    35.0  # for a page or both sides of a card, reading included; headers came before, and the node waits 60
)
_REMEDY: Final = "Take the page again, or leave it out."


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The next page."""

    taken: Taken


class Silent(msgspec.Struct, frozen=True, tag="silent"):
    """The last word, for edge.capture.readers.Unheard."""

    name: str
    within: float | None


_answers: Final[msgspec.msgpack.Decoder[Done | Silent | Unread | NoMore]] = msgspec.msgpack.Decoder(
    Done | Silent | Unread | NoMore
)


@contextmanager
def done(work: Iterable[Taken], name: str, seconds: float = WORK_SECONDS) -> Iterator[Iterator[Taken]]:
    """What `work` on the file `name` gives, carried out apart as long as the block. Raises Refused(BAD_FILE) for a page that takes longer than
    `seconds` or ends the process, and what `work` raises of Refused and Unheard."""
    line, theirs = socket.socketpair()
    worker = os.getpid()
    process = os.fork()
    if process == 0:
        _carry_out(work, name, worker, theirs)
    theirs.close()
    with line:
        try:
            yield _heard(line, process, name, seconds)
        finally:
            _ended(process)


def _heard(line: socket.socket, process: int, name: str, seconds: float) -> Iterator[Taken]:
    line.settimeout(seconds)
    with line.makefile("rb") as heard:
        while True:
            try:
                length = heard.read(LENGTH_BYTES)
                body = heard.read(int.from_bytes(length, "big"))
            except TimeoutError as error:
                what = f"A page of “{name}” could not be worked on within {seconds:g} seconds."
                raise Refused(Code.BAD_FILE, what, _REMEDY) from error
            if not body:
                what = f"A page of “{name}” could not be worked on: the program that does it ended."
                raise Refused(Code.BAD_FILE, what, _REMEDY)
            match _answers.decode(body):
                case Done(taken):
                    yield taken
                case Silent(silent, within):
                    raise Unheard(silent, within)
                case Unread(code, what, remedy):
                    raise Refused(Code(code), what, remedy)
                case NoMore():
                    return


def _ended(process: int) -> None:
    """Its number is its own until we have waited for it."""
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def _carry_out(work: Iterable[Taken], name: str, worker: int, line: socket.socket) -> NoReturn:
    try:
        confinement.die_with(worker)
        confinement.write_no_file()
        try:
            for taken in work:
                line.sendall(frame(Done(taken)))
            line.sendall(frame(NoMore()))
        except Unheard as error:
            line.sendall(frame(Silent(error.name, error.within)))
        except Refused as error:
            line.sendall(frame(Unread(error.code, error.what, error.remedy)))
        except MemoryError:
            what = f"A page of “{name}” is too large to be worked on."
            line.sendall(frame(Unread(Code.BAD_FILE, what, "Scan at 300 dpi.")))
    except BaseException:
        sys.excepthook(*sys.exc_info())  # the log's last word of it
    finally:
        os._exit(0)
