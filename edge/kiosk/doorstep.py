"""The first of a cabin that stands there when it starts: the port of its screen, open before all that takes a second to load.

So the browser can be started at the same moment as the node: whoever comes waits on the doorstep until somebody answers.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from edge.kiosk.boot_key import URL_FILE, boot_key
from edge.kiosk.door import OPEN
from protocol.errors import Unavailable
from protocol.randomness import Random
from protocol.runtime.folder import NodeFolder

LOOPBACK: Final = "127.0.0.1"
WAITING_MAX: Final = 16  # connections of one browser


class Doorstep(NamedTuple):
    """A listening socket, and the key that its browser shows."""

    socket: socket.socket
    key: str


@contextlib.contextmanager
def laid(folder: NodeFolder, port: int, random: Random) -> Iterator[Doorstep]:
    """Listen inside this block; the browser's address stands in a file that only the node's user can read. `port` 0: the one of before, so that a
    browser that is open finds its cabin again, else any. Raises Unavailable."""
    with bound(_port(folder, port)) as door:
        key = boot_key(folder, random)
        url = f"http://{LOOPBACK}:{door.getsockname()[1]}{OPEN}{key}\n".encode()
        if not folder.has(URL_FILE) or folder.read_file(URL_FILE) != url:
            folder.write_file(URL_FILE, url)
        yield Doorstep(door, key)


@contextlib.contextmanager
def bound(port: int) -> Iterator[socket.socket]:
    """A listening socket on loopback; `port` 0: any that is free. Raises Unavailable."""
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by what is accepted: a page is written in two pieces, and the second would wait 40 ms for the browser to acknowledge the first.
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        door.bind((LOOPBACK, port))
        door.listen(WAITING_MAX)
    except OSError as error:
        door.close()
        raise Unavailable(
            f"The screen's port {port} cannot be opened: {error.strerror}.",
            "Name another under [kiosk] in edge.toml, or 0 for any that is free.",
        ) from error
    with door:
        yield door


def _port(folder: NodeFolder, configured: int) -> int:
    if configured or not folder.has(URL_FILE):
        return configured
    before = urlsplit(folder.read_file(URL_FILE).decode("ascii", "replace").strip()).port or 0
    try:
        with bound(before):
            return before
    except Unavailable:
        return 0
