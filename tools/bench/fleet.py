"""W5: a whole fleet at one hub process: ten thousand links, a hub that is killed, a thousand cabins with a document each, fifty at once."""

from __future__ import annotations

import contextlib
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import insert

from cloud import premises
from cloud.directory import publish
from cloud.enrolment_table import State
from cloud.storage.schema import cabin as cabins
from protocol import directory as directories
from protocol.errors import Mistake
from protocol.ids import CODE_LETTERS
from protocol.keys import CurvePair, SigningPair
from protocol.runtime.world import REAL
from tools.bench import documents, ends, meters
from tools.bench.figures import Cpu, median_cpu
from tools.bench.herd import Enclosure, Head
from tools.bench.scratch import scratch
from tools.rig import Rig, rig
from tools.town import HOUSING_OFFICE

CABINS: Final = 10_000
HERD_HEADS_MAX: Final = 2_500  # sockets and descriptors of one process
DIALLING_PER_SECOND: Final = 2_000  # the first time: a fleet does not wake in one moment
IDLE_SECONDS: Final = 20.0
OUTAGE_CABINS: Final = 1_000
AT_ONCE: Final = 50
DOCUMENT_BYTES: Final = 300_000


class Fleet(msgspec.Struct, frozen=True):
    """Medians. `up_s`: until all were connected the first time; `back_s`: from the start of the new hub process after a kill until all are back;
    `idle_share`: of one core, CPU of the hub while nothing happens; `slowest_of_median`: of the times until a cabin has its receipt, when all dial at
    once after an outage; `at_once_of_w1`: W1's load from many cabins at once, over W1 from one. `kabine_s`, `wire_ratio` and `cpu_s` are of this load
    from many, `reference_s` is the same from one."""

    runs: int
    kabine_s: float
    reference_s: float
    peers_s: dict[str, float]
    wire_ratio: float
    cpu_s: Cpu
    cabins: int
    up_s: float
    back_s: float
    kb_each: float
    idle_share: float
    outage_cabins: int
    outage_s: float
    median_s: float
    slowest_of_median: float
    at_once_cabins: int
    at_once_s: float
    at_once_of_w1: float


class _Outage(msgspec.Struct, frozen=True):
    """`seconds` until each cabin has the receipts of its documents; CPU of all cabins together, and of the hub."""

    seconds: tuple[float, ...]
    cpu: Cpu
    wire_bytes: int


class _Links(msgspec.Struct, frozen=True):
    up_seconds: float
    back_seconds: float
    bytes_each: float
    idle_share: float


def measure(count: int, outage: int, at_once: int, load: int, runs: int, *, folder: Path | None = None) -> Fleet:
    """`count` light cabins; `outage` cabins with one document each; `load` documents from `at_once` cabins. Raises Unavailable."""
    links = [_links(count, folder) for _ in range(runs)]
    outages = [_outage(outage, 1, folder).seconds for _ in range(runs)]
    together = [_outage(at_once, max(1, load // at_once), folder) for _ in range(runs)]
    alone = documents.measure(max(1, load // at_once) * at_once, DOCUMENT_BYTES, runs, peers=False, folder=folder)
    at_once_s = statistics.median(max(each.seconds) for each in together)
    return Fleet(
        runs=runs,
        kabine_s=at_once_s,
        reference_s=alone.kabine_s,
        peers_s={},
        wire_ratio=statistics.median(each.wire_bytes for each in together) / alone.payload_bytes,
        cpu_s=median_cpu([each.cpu for each in together]),
        cabins=count,
        up_s=statistics.median(run.up_seconds for run in links),
        back_s=statistics.median(run.back_seconds for run in links),
        kb_each=statistics.median(run.bytes_each for run in links) / 1000,
        idle_share=statistics.median(run.idle_share for run in links),
        outage_cabins=outage,
        outage_s=statistics.median(max(times) for times in outages),
        median_s=statistics.median(statistics.median(times) for times in outages),
        slowest_of_median=statistics.median(max(times) / statistics.median(times) for times in outages),
        at_once_cabins=at_once,
        at_once_s=at_once_s,
        at_once_of_w1=at_once_s / alone.kabine_s,
    )


def table(name: str, found: Fleet) -> Iterator[str]:
    """Lines for a terminal."""
    yield f"{name}: {found.cabins:,} cabins at one hub, median of {found.runs} runs"
    yield (
        f"  connected after {found.up_s:.1f} s; all back {found.back_s:.1f} s after a killed hub was started; "
        f"{found.kb_each:.1f} kB each; {found.idle_share:.1%} of a core idle"
    )
    yield (
        f"  {found.outage_cabins:,} cabins with a document each after an outage: {found.outage_s:.1f} s, "
        f"slowest {found.slowest_of_median:.2f} times the median"
    )
    yield f"  {found.at_once_cabins} cabins at once: {found.at_once_s:.2f} s, {found.at_once_of_w1:.2f} times W1"


def _links(count: int, folder: Path | None) -> _Links:
    with _house(folder) as house, ExitStack() as stack:
        herds = _herds(stack, house, known(house, count))
        hub = house.processes["hub"].pid
        empty_bytes = meters.resident_bytes(hub)
        began = time.monotonic()
        _say(herds, f"dial {count / DIALLING_PER_SECOND}")
        up_seconds = max(_told(herds, "up")) - began
        full_bytes = meters.resident_bytes(hub)
        cpu, at = meters.cpu_seconds(hub), time.monotonic()
        time.sleep(min(IDLE_SECONDS, max(1.0, count / 100)))  # a small fleet, to try it out, is not looked at for long
        idle_share = (meters.cpu_seconds(hub) - cpu) / (time.monotonic() - at)
        house.kill("hub")
        _told(herds, "down")
        began = time.monotonic()
        house.start_hub()
        back_seconds = max(_told(herds, "up")) - began
    return _Links(up_seconds, back_seconds, (full_bytes - empty_bytes) / count, idle_share)


def _outage(count: int, each: int, folder: Path | None) -> _Outage:
    """All cabins with `each` documents dial at once."""
    with _house(folder) as house, ExitStack() as stack:
        herds = _herds(stack, house, known(house, count, each), 250)
        processes = [house.processes["hub"].pid, *(herd.pid for herd in herds)]
        spent, wire_bytes = [meters.cpu_seconds(process) for process in processes], meters.loopback_bytes()
        began = time.monotonic()
        _say(herds, "dial 0")
        seconds = tuple(at - began for at in _told(herds, "secured"))
        hub, *light = (meters.cpu_seconds(pid) - before for pid, before in zip(processes, spent, strict=True))
        return _Outage(seconds, Cpu(sum(light), hub), meters.loopback_bytes() - wire_bytes)


@contextlib.contextmanager
def _house(folder: Path | None) -> Iterator[Rig]:
    """A rig in a folder of its own."""
    with (
        scratch(folder) as place,
        rig(place / "house", [HOUSING_OFFICE]) as house,
    ):
        yield house


def known(house: Rig, count: int, each: int = 0) -> list[Head]:
    """Make this many cabins known to the hub as confirmed, without the ceremony."""
    codes = ("".join(letters) for letters in product(CODE_LETTERS, repeat=3))
    heads = [Head(f"light-{number:05}", next(codes), REAL.random(32), REAL.random(32), each) for number in range(count)]
    now = REAL.utc()
    with premises.opened(house.hub) as place, place.database.turn() as connection:
        rows = [
            {
                "site": head.site,
                "name": head.site,
                "code": head.code,
                "area": house.town.sites[0].area,
                "address": "",
                "state": State.CONFIRMED,
                "curve_key": CurvePair(head.curve_secret).public,
                "signing_key": SigningPair(head.signing_seed).public,
                "invited_at": now,
                "confirmed_at": now,
            }
            for head in heads
        ]
        connection.execute(insert(cabins), rows)
    return heads


def _herds(stack: ExitStack, house: Rig, heads: Sequence[Head], at_most: int = HERD_HEADS_MAX) -> list[ends.Process]:
    with premises.opened(house.hub) as place:
        card = place.card
        with place.database.reading() as connection:
            published = publish.current(connection)
    if published is None:
        raise Mistake("The rig has published no directory.")
    inbox = directories.inbox(directories.agency(published.directory, HOUSING_OFFICE))
    herds = []
    for start in range(0, len(heads), at_most):
        herd = stack.enter_context(ends.Process("tools.bench.herd"))
        enclosure = Enclosure(
            address=card.address,
            hub_key=card.curve_key,
            heads=tuple(heads[start : start + at_most]),
            agency=HOUSING_OFFICE,
            recipient=inbox.recipient,
            epoch=inbox.epoch,
            document_bytes=DOCUMENT_BYTES,
        )
        herd.say(msgspec.json.encode(enclosure).decode())
        herds.append(herd)
    for herd in herds:
        herd.line()  # it is ready
    return herds


def _say(herds: Sequence[ends.Process], order: str) -> None:
    for herd in herds:
        herd.say(order)


def _told(herds: Sequence[ends.Process], question: str) -> list[float]:
    _say(herds, question)
    return [at for herd in herds for at in json.loads(herd.line())]
