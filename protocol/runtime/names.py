"""Where the name of a hub leads.

A name may have several addresses, and not each of them a way from here: one of IPv6, say, in a village that has none. ZeroMQ would try the first of
IPv6 alone, and ask the name server in the thread that carries all connections: one that does not answer would hold them up for many seconds.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable
from typing import Final

ADDRESSES_MAX: Final = 8  # of one name; each costs an attempt
_FIRST_SECONDS: Final = 0.5  # a name server that answers does so within


def looked_up(name: str) -> list[str]:
    """The addresses of `tcp://HOST:PORT`, as `tcp://NUMBER:PORT`, those first to which there is a way (RFC 6724). Raises OSError where nobody knows
    the name; what is no such text, is told when it is dialled."""
    host, port = _parts(name)
    if not _is_name(host) or not port.isdecimal():
        return [name]
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except (UnicodeError, OverflowError) as error:
        raise OSError(f"“{host}” cannot be looked up") from error
    hosts = dict.fromkeys(str(at[0]) for *_, at in found)
    return [f"tcp://[{each}]:{port}" if ":" in each else f"tcp://{each}:{port}" for each in hosts][:ADDRESSES_MAX]


def _parts(name: str) -> tuple[str, str]:
    host, _, port = name.removeprefix("tcp://").rpartition(":")
    return host.strip("[]"), port


def _is_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(host)
    return False


class Name:
    """`tcp://HOST:PORT`. What was found once holds as long as nothing newer is known: a name server that is gone keeps nobody from calling."""

    def __init__(self, name: str, look_up: Callable[[str], list[str]] = looked_up) -> None:
        self._name = name
        self._look_up = look_up
        self._is_name = _is_name(_parts(name)[0])
        self._known: list[str] = [] if self._is_name else [name]
        self._stood = ""  # the address of the last connection that stood
        self._looking: threading.Thread | None = None

    def addresses(self) -> list[str]:
        """What is known now, the one that stood last before the others; it is looked up anew for the next time. Waits for a moment where nothing is
        known yet."""
        if self._is_name:
            self._begin()
        return sorted(self._known, key=lambda address: address != self._stood)

    def _begin(self) -> None:
        if self._looking is None or not self._looking.is_alive():
            self._looking = threading.Thread(target=self._look, name="names", daemon=True)
            self._looking.start()
        if not self._known:
            self._looking.join(_FIRST_SECONDS)

    def stood(self, address: str) -> None:
        """A connection to this address stands."""
        self._stood = address

    def _look(self) -> None:
        try:
            self._known = self._look_up(self._name) or self._known
        except OSError:
            pass  # the doctor looks too, and says why
