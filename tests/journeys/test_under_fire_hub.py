"""A hub that strangers lean on: at its descriptor limit, flooded before anybody is admitted, held by connections that say nothing.

Revocation of an open connection within a second: test_strangers.py. Half-open connections and black holes: tests/tools/torture/test_network.py.
"""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from protocol import limits
from protocol.asking import ShowDirectory
from protocol.contacts import read_hub_card
from protocol.errors import Unavailable
from protocol.keys import CurvePair
from protocol.runtime.asker import Asker
from tests.journeys.stage import Stage
from tests.journeys.waiting import until

SPARE = 24  # descriptors
GROWTH_KIB_MAX = 64 * 1024
STRANGERS = 96
_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01CURVE".ljust(23, b"\0") + bytes(32)  # ZMTP 3.1: 64 bytes


def test_at_its_descriptor_limit_it_says_so_does_not_spin_and_serves_whom_it_has(templin: Stage) -> None:
    hub = templin.house.processes["hub"].pid
    before = resource.prlimit(hub, resource.RLIMIT_NOFILE)
    resource.prlimit(hub, resource.RLIMIT_NOFILE, (descriptors(hub) + SPARE, before[1]))
    with leaning(templin, 4 * SPARE):
        until(lambda: "door.closed" in log_of(templin), "the hub says that it has no descriptors left")
        began, used = time.monotonic(), cpu_seconds(hub)
        until(lambda: time.monotonic() - began > 3.0)
        assert cpu_seconds(hub) - used < 0.5 * (time.monotonic() - began)
        templin.hand_in("templin", templin.page(1), secured=True)
    until(lambda: answers(templin), "the door is open again")
    assert "link.ended" not in log_of(templin), "whom it has it keeps"


def test_at_its_descriptor_limit_an_agency_gets_what_comes(templin: Stage) -> None:
    """The first large document of this hub's life; strangers come again and again."""
    hub = templin.house.processes["hub"].pid
    held = descriptors(hub)
    templin.follow()
    until(lambda: descriptors(hub) > held, "the agency's connector is there")
    before = resource.prlimit(hub, resource.RLIMIT_NOFILE)
    resource.prlimit(hub, resource.RLIMIT_NOFILE, (descriptors(hub) + SPARE, before[1]))
    with leaning(templin, 4 * SPARE):
        until(lambda: "door.closed" in log_of(templin), "the hub says that it has no descriptors left")
        large = templin.hand_in("templin", templin.photograph(1))
        until(lambda: [report["receipt"] for report in templin.reports] == [large], "its agency has it")
    assert templin.house.processes["hub"].poll() is None


def test_a_flood_before_authentication_costs_it_little_memory(town: Stage) -> None:
    """The hub holds what a stranger announces, as far as it has come, until the time for a handshake is over: of every second one more than it lets
    anybody announce."""
    hub = town.house.processes["hub"].pid
    held = memory_kib(hub)
    with ExitStack() as stack, ThreadPoolExecutor(8) as together:
        guests = [stack.enter_context(socket.socket()) for _ in range(STRANGERS)]
        came = list(together.map(partial(announce, town), guests, range(STRANGERS)))
        town.hand_in("templin", town.page(1), secured=True)
        assert [size for size in came if size >= limits.HEARD_BYTES_MAX - 1], "they were heard"
    growth = memory_kib(hub) - held
    print(f"grown by {growth} KiB")
    assert growth < GROWTH_KIB_MAX


def test_connections_that_say_nothing_are_let_go_and_hinder_nobody(town: Stage) -> None:
    """Slow-loris: a byte now and then, never a handshake."""
    hub = town.house.processes["hub"].pid
    held = descriptors(hub)
    with leaning(town, 200) as guests:
        until(lambda: all(map(was_let_in, guests)), "they are there, or were")
        for at in range(3):
            for guest in guests:
                with suppress(OSError):
                    guest.send(_GREETING[at : at + 1])
        town.hand_in("gartz", town.page(7), secured=True)
        until(lambda: descriptors(hub) <= held + 5, f"they are let go ({limits.HANDSHAKE_MILLISECONDS} ms)")


# --- strangers ------------------------------------------------------------------------------------------------------
@contextmanager
def leaning(stage: Stage, count: int) -> Iterator[list[socket.socket]]:
    """So many connections that say nothing."""
    with ExitStack() as stack:
        guests = []
        for _ in range(count):
            guest = stack.enter_context(socket.socket())
            guest.setblocking(False)
            guest.connect_ex(("127.0.0.1", stage.house.port))
            guests.append(guest)
        yield guests


def was_let_in(guest: socket.socket) -> bool:
    """A hub greets whom it takes in, at once; perhaps it has let them go since."""
    try:
        guest.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def announce(stage: Stage, guest: socket.socket, number: int) -> int:
    """A greeting, then all of a command but its last byte. How much of it went before the hub hung up."""
    announced_bytes = (limits.HEARD_BYTES_MAX, limits.MESSAGE_BYTES_MAX)[number % 2]
    said = 0
    with suppress(OSError):
        guest.settimeout(10.0)
        guest.connect(("127.0.0.1", stage.house.port))
        guest.sendall(_GREETING + b"\x06" + announced_bytes.to_bytes(8))
        while said < announced_bytes - 1:
            said += guest.send(bytes(min(65536, announced_bytes - 1 - said)))
    return said


def answers(stage: Stage) -> bool:
    """Is a stranger told that it is one? Then the door is open."""
    card = read_hub_card((stage.house.folder / "hub-card.txt").read_text())
    stranger = Asker(card.address, card.curve_key, CurvePair.generate(os.urandom), time.monotonic)
    with stranger, pytest.raises(Unavailable) as told:
        stranger.ask(ShowDirectory())
    return "does not know this key" in told.value.what


def log_of(stage: Stage) -> str:
    return (stage.house.hub / "hub.log").read_text()


def descriptors(process: int) -> int:
    return len(os.listdir(f"/proc/{process}/fd"))


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_kib(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
