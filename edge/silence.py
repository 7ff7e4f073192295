"""Why nothing is heard from the hub, for whoever looks after the cabin: what the node was told, and what this machine finds when it calls there."""

from __future__ import annotations

import errno
import socket
from contextlib import closing
from typing import Final, NamedTuple

from protocol.runtime.wires import CUT, NO_HANDSHAKE, SILENT, UNKNOWN_KEY, UNREACHED

CALL_SECONDS: Final = 4.0
_GREETING: Final = b"\xff"  # ZMTP 3.1: whoever listens says this first, unasked
_NO_WAY: Final = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)
_LINE: Final = frozenset({UNREACHED, CUT, SILENT, NO_HANDSHAKE, "", "not started", "stopped"})


class Silence(NamedTuple):
    """`why` is a clause without a full stop, `remedy` an imperative sentence. `lasting`: it does not pass by itself."""

    why: str
    remedy: str
    lasting: bool = False


def understood(reason: str, address: str) -> Silence:
    """`reason` as the node tells it. Calls at `address` where that can say more."""
    if reason == UNKNOWN_KEY:
        return Silence(
            f"{reason} any more: this cabin has been revoked, or another machine was confirmed in its place",
            "Ask whoever runs the hub (`kabine cabin list` there says which). What waits here is not delivered as long as this is so; "
            "nobody is received meanwhile. Delete nothing.",
            lasting=True,
        )
    if reason not in _LINE:  # the hub has said so itself, and what to do
        return Silence(reason.rstrip("."), "Ask whoever runs the hub; the line is in order.")
    found = called(address)
    if found is not None:
        return found._replace(why=f"{reason}: {found.why}" if reason else found.why)
    if reason == NO_HANDSHAKE:
        return Silence(
            f"at {address} a hub answers and does not understand this cabin",
            "Compare [hub] address and curve_key in edge.toml with the hub's own (`kabine hub show`); a hub that only has much to do takes "
            "the cabin by itself.",
        )
    return Silence(
        f"{reason or 'it has just been started'}; by now a hub answers at {address}",
        "Wait a minute; the node calls by itself.",
    )


def called(address: str) -> Silence | None:
    """What keeps this machine from the hub at `address`; None where one answers."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    host = host.strip("[]")
    try:
        with closing(socket.create_connection((host, int(port)), CALL_SECONDS)) as line:
            if line.recv(1) == _GREETING:
                return None
    except socket.gaierror:
        return Silence(
            f"the name {host} is not known to this machine's name server",
            f"Check that there is a network (`ip route` shows a default), the name server (`getent hosts {host}`) and [hub] address in edge.toml.",
        )
    except ConnectionRefusedError:
        return Silence(
            f"{host} is there, but nothing listens at its port {port}",
            "Ask whoever runs the hub whether it runs there; if it has moved, change [hub] address in edge.toml.",
        )
    except TimeoutError:
        return Silence(
            f"{host} does not answer at port {port}",
            "Check cable, modem and router; then ask whether a firewall lets this cabin out, and whether the hub runs.",
        )
    except OSError as error:
        if error.errno in _NO_WAY:
            return Silence(
                f"there is no way from this machine to {host}",
                "Check cable, modem and router; `ip route` must show a default.",
            )
        return Silence(
            f"{host} cannot be called ({(error.strerror or str(error)).lower()})", "Check cable, modem and router."
        )
    return Silence(
        f"at {address} something else than a hub answers",
        "Ask whoever runs the hub for its address, and write it into edge.toml.",
    )
