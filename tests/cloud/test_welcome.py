"""Who is heard and who is told while others are revoked, on a disk that takes its time."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, Engine, event

from cloud.admission import Admission, Guest, Kind
from cloud.desks import DESKS_MAX
from cloud.hub import BELL_SECONDS
from protocol import limits
from protocol.asking import Ask, ShowDirectory
from protocol.frames import Beat, Entries, Hello, Refused, Whisper
from protocol.runtime.pump import Pump
from tests.cloud.at_the_door import Wire, hub_of
from tests.cloud.conftest import AGENCIES, Cabin, Town

COMMIT_SECONDS = 1.2
AGENCY = AGENCIES[0]


def guest(name: str, kind: Kind = Kind.CABIN, key: int = 1) -> Guest:
    return Guest(kind, name, bytes([key]))


class SlowDisk:
    """Every commit takes COMMIT_SECONDS, and this happens meanwhile, once."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.meanwhile: Callable[[], None] | None = None

    def commits(self, connection: Connection) -> None:
        self.now += COMMIT_SECONDS
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            happens()


@pytest.fixture
def disk() -> Iterator[SlowDisk]:
    slow = SlowDisk()
    event.listen(Engine, "commit", slow.commits)
    yield slow
    event.remove(Engine, "commit", slow.commits)


def hello(cabin: Cabin, town: Town) -> Hello:
    return Hello((1,), cabin.site, b"boot", 1, cabin.mark, 0, 0, "kabine 0.1.0", town.now)


def test_of_two_revocations_one_after_the_other_the_second_holds_too(town: Town, disk: SlowDisk) -> None:
    """What the first one changed was made durable before the list was looked at again, and somebody revoked meanwhile was heard."""
    cabins = [town.cabin("angermuende"), town.cabin("templin")]
    for cabin in cabins:
        town.commit(cabin)
    town.ledger.settle()
    guests = [guest(cabin.site) for cabin in cabins]
    admission, wire, rung = Admission(), Wire(), [True]
    admission.replace(guests)
    hub = hub_of(
        town,
        wire,
        admission,
        lambda: disk.now,
        changed=lambda: rung.pop() if rung else False,
        refresh=lambda: admission.replace(guests),
    )
    for cabin, each in zip(cabins, guests, strict=True):
        wire.comes(each.user, hello(cabin, town), cabin.site.encode())
    for _ in range(4):
        hub.turn(0.0)
    second, user = cabins[1], guests[1].user
    held = town.ledger.log(second.site).theirs()
    entry = second.event(second.document().event)

    def revoked_meanwhile() -> None:
        guests.clear()
        rung.append(True)
        wire.comes(user, Entries(entry.epoch, entry.number, (entry.payload,), entry.hash), b"templin")

    del guests[0]
    rung.append(True)
    town.publish(*AGENCIES)  # so that there is something to write
    disk.meanwhile = revoked_meanwhile
    disk.now += BELL_SECONDS
    for _ in range(3):
        hub.turn(0.0)
    assert disk.meanwhile is None
    assert town.ledger.log(second.site).theirs() == held
    refused = {route: frame.code for route, frame in wire.said if isinstance(frame, Refused)}
    assert refused == {b"angermuende": "revoked", b"templin": "revoked"}


def test_a_cabin_whose_connection_was_given_up_is_told_so_when_it_speaks(town: Town, disk: SlowDisk) -> None:
    """The wire took no more, so nothing could be said at once; the cabin waited half a minute for a beat."""
    cabin = town.cabin()
    admission, wire = Admission(), Wire()
    admission.replace([guest(cabin.site)])
    hub = hub_of(town, wire, admission, lambda: disk.now)
    user = guest(cabin.site).user
    wire.comes(user, hello(cabin, town))
    hub.turn(0.0)
    wire.full = True
    wire.comes(user, Beat(1, town.now, 0, 0.0, cabin.mark))
    hub.turn(0.0)
    wire.full = False
    wire.said.clear()
    wire.comes(user, Beat(2, town.now, 0, 0.0, cabin.mark))
    hub.turn(0.0)
    [(_, refused)] = wire.said
    assert isinstance(refused, Refused)
    assert (refused.code, refused.retry_after_seconds) == ("overloaded", 0.0)
    wire.comes(user, hello(cabin, town), b"its next one")
    hub.turn(0.0)
    assert any(isinstance(frame, Hello) for route, frame in wire.said if route == b"its next one")


def test_only_the_newest_connections_of_an_agency_are_told_that_something_came(town: Town, disk: SlowDisk) -> None:
    """A connector that looks in every minute left a connection behind each time, and the hub kept all of them in mind."""
    cabin, desk = town.cabin(), guest(AGENCY, Kind.AGENCY)
    admission, wire = Admission(), Wire()
    admission.replace([guest(cabin.site), desk])
    hub = hub_of(town, wire, admission, lambda: disk.now)
    for number in range(3 * DESKS_MAX):
        wire.comes(desk.user, Ask(1, ShowDirectory()), b"desk-%d" % number)
    wire.comes(desk.user, Ask(2, ShowDirectory()), b"desk-%d" % DESKS_MAX)  # an older one that still asks
    hub.turn(0.0)
    deliver(town, cabin)
    hub.turn(0.0)
    newest = [*range(2 * DESKS_MAX + 1, 3 * DESKS_MAX), DESKS_MAX]
    assert told(wire) == [b"desk-%d" % number for number in newest]


def test_a_key_that_an_agency_had_once_is_not_told_either(town: Town, disk: SlowDisk) -> None:
    cabin = town.cabin()
    old, new = guest(AGENCY, Kind.AGENCY), guest(AGENCY, Kind.AGENCY, key=2)
    admission, wire = Admission(), Wire()
    admission.replace([guest(cabin.site), old])
    hub = hub_of(town, wire, admission, lambda: disk.now)
    wire.comes(old.user, Ask(1, ShowDirectory()), b"lost laptop")
    hub.turn(0.0)
    admission.replace([guest(cabin.site), new])
    wire.comes(new.user, Ask(1, ShowDirectory()), b"desk")
    hub.turn(0.0)
    deliver(town, cabin)
    hub.turn(0.0)
    assert told(wire) == [b"desk"]
    wire.comes(old.user, Ask(2, ShowDirectory()), b"lost laptop")
    hub.turn(0.0)
    route, refused = wire.said[-1]
    assert (route, refused.code) == (b"lost laptop", "revoked")
    assert "docs/keys.md" in refused.text  # it was told to have its cabin invited anew


def deliver(town: Town, cabin: Cabin) -> None:
    document = cabin.document(AGENCY)
    cabin.event(document.event)
    town.commit(cabin)
    town.ledger.settle()
    town.send(document)


def told(wire: Wire) -> list[bytes]:
    return [route for route, frame in wire.said if isinstance(frame, Whisper)]


class Silence(Wire):
    """Nobody says anything: whoever waits for that lets time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def wait(self, seconds: float) -> bool:
        self.now += 0.0 if self.waiting else seconds
        return super().wait(seconds)


def test_a_revoked_cabin_that_says_nothing_is_cut_off_within_a_second(town: Town) -> None:
    cabin = town.cabin("templin")
    town.commit(cabin)
    town.ledger.settle()
    admission, wire, rung = Admission(), Silence(), list[bool]()
    admission.replace([guest(cabin.site)])
    hub = hub_of(
        town,
        wire,
        admission,
        lambda: wire.now,
        changed=lambda: bool(rung) and rung.pop(),
        refresh=lambda: admission.replace([]),
    )
    wire.comes(guest(cabin.site).user, hello(cabin, town))
    hub.turn(BELL_SECONDS)
    rung.append(True)
    revoked_at = wire.now
    while not any(isinstance(frame, Refused) and frame.code == "revoked" for _, frame in wire.said):
        hub.turn(BELL_SECONDS)
        assert wire.now <= revoked_at + 1.0


def test_of_a_connection_that_has_ended_nothing_stays(town: Town) -> None:
    """Cabins on bad lines come a hundred times a day, and the collector comes after two million new things."""
    cabin = town.cabin()
    each = guest(cabin.site)
    admission, wire, now = Admission(), Wire(), [1000.0]
    admission.replace([each])
    hub = hub_of(town, wire, admission, lambda: now[0])
    gc.collect()
    gc.disable()
    try:
        for number in range(5):
            wire.comes(each.user, hello(cabin, town), b"%d" % number)
            hub.turn(0.0)
            now[0] += 2 * limits.BEAT_SECONDS
            hub.turn(0.0)
        there = [thing for thing in gc.get_objects() if type(thing) is Pump]
    finally:
        gc.enable()
    assert not there
