"""A reader: the process that opens what a device or a person delivered, for one order, and holds nothing else.

Whatever hostile bytes do to Pillow or MuPDF, they do it here: no page of this visitor or another one is in this process, nor any key, and what it
gives away are pixels and numbers. It writes no file, dies with its parent, and is ended by it when it takes too long.
"""

from __future__ import annotations

import itertools
import socket
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import numpy as np
from PIL import (  # Pillow looks for them when it is first asked, which would be anew in each reader
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from edge.capture import confinement, source
from edge.capture.delivered import Delivered, look_at
from edge.capture.framing import LENGTH_BYTES, frame
from hardware.scanner import Scan
from protocol.errors import Code, Refused

PLUGINS: Final = (JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)
NEXT: Final = b"+"  # what is said to have the next page


class Wanted(msgspec.Struct, frozen=True, tag="wanted"):
    """The first word to a reader: these files; or, where there are none, the scan `name`, whose `image_bytes` come behind."""

    paths: tuple[str, ...] = ()
    name: str = ""
    image_bytes: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """What is to be opened, as people call it."""
        return tuple(Path(path).name for path in self.paths) or (self.name,)


class Counted(msgspec.Struct, frozen=True, tag="counted"):
    """How many `pages` and `bytes` the next of the files has; said of each before the first page."""

    pages: int
    bytes: int


class Picture(msgspec.Struct, frozen=True, tag="picture"):
    """The next page: its pixels come behind, `channels` bytes for each. Otherwise as edge.capture.page.Page."""

    width: int
    height: int
    channels: int
    dpi: float
    guessed: bool


class NoMore(msgspec.Struct, frozen=True, tag="end"):
    """That was the last page."""


class Unread(msgspec.Struct, frozen=True, tag="unread"):
    """The last word: why it is refused; `code` is one of protocol.errors.Code."""

    code: str
    what: str
    remedy: str


Answer = Counted | Picture | NoMore | Unread

_wanted: Final = msgspec.msgpack.Decoder(Wanted)
_answers: Final[msgspec.msgpack.Decoder[Answer]] = msgspec.msgpack.Decoder(Answer)


def read_answer(body: bytes) -> Answer:
    """Raises msgspec.MsgspecError: who has read hostile bytes may say anything."""
    return _answers.decode(body)


def read(line: socket.socket) -> None:
    """Be the reader for one order, until there is no more page or nobody listens any more."""
    heard = line.makefile("rb")
    wanted = _wanted.decode(heard.read(int.from_bytes(heard.read(LENGTH_BYTES), "big")))
    inputs: list[Delivered] = [Path(path) for path in wanted.paths] or [
        Scan(wanted.name, heard.read(wanted.image_bytes))
    ]
    try:
        _tell(inputs, heard, line)
    except Refused as refused:
        line.sendall(frame(Unread(refused.code, refused.what, refused.remedy)))
    except MemoryError:
        what = f"A page of “{wanted.names[0]}” is too large to be worked on."
        line.sendall(frame(Unread(Code.BAD_FILE, what, "Scan at 300 dpi.")))


def _tell(inputs: list[Delivered], heard: BinaryIO, line: socket.socket) -> None:
    for what in inputs:
        pages_there = source.count(what)
        line.sendall(frame(Counted(pages_there, look_at(what)[1])))
    pages = itertools.chain.from_iterable(map(source.pages, inputs))
    while heard.read(len(NEXT)):
        page = next(pages, None)
        if page is None:
            line.sendall(frame(NoMore()))
            return
        channels = page.pixels.size // (page.width * page.height)
        line.sendall(frame(Picture(page.width, page.height, channels, page.dpi, page.guessed)))
        line.sendall(np.ascontiguousarray(page.pixels).data.cast("B"))
        del page
        confinement.give_back()  # while it is worked on it lies in the worker, and need not lie here too
