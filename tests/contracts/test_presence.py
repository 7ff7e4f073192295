"""What every presence sensor promises: a simulated one, one at a pin (gpiozero's simulated pins), one with a keyboard's plug (a pipe that says
what the kernel says), and a contact at the door."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from hardware.absent import AbsentPresence
from hardware.devices.door_presence import DoorPresence
from hardware.devices.gpio_presence import GpioPresence
from hardware.devices.key_presence import KeyPresence
from hardware.presence import Presence, PresenceState
from hardware.simulated.presence import SimulatedPresence
from hardware.simulated.stage import TURNED, Stage

PIN = 17
EV_SYN, EV_KEY, EV_ABS = 0, 1, 3
KEY_A, KEY_B, SYN_DROPPED = 30, 48, 3
EVIOCGRAB = 0x40044590


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Room:
    """A sensor and what people do before it. `unplug` and `plug` where it has a plug."""

    sensor: Presence
    come: Callable[[], object]
    go: Callable[[], object]
    unplug: Callable[[], object]
    plug: Callable[[], object]


def event(kind: int, code: int, value: int) -> bytes:
    return struct.pack("@llHHi", 0, 0, kind, code, value)


class Keyboard:
    """A pipe in the device's place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end: int | None = None

    def plug(self) -> None:
        os.mkfifo(self._path)
        self._end = os.open(self._path, os.O_RDWR)

    def say(self, *events: bytes) -> None:
        assert self._end is not None
        os.write(self._end, b"".join(events))

    def unplug(self) -> None:
        if self._end is not None:
            os.close(self._end)
            self._end = None
        self._path.unlink()

    def close(self) -> None:
        if self._end is not None:
            os.close(self._end)


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    """A header with pins; `Device.pin_factory` is where gpiozero keeps it."""
    factory = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    yield factory
    factory.reset()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["simulated", "gpio", "gpio-contact", "key", "door", "keyswitch"])
def room(request: pytest.FixtureRequest, pins: MockFactory, clock: Clock, tmp_path: Path) -> Iterator[Room]:
    if request.param == "gpio":
        sensor: Presence = GpioPresence(PIN)
        pin = pins.pin(PIN)
        yield Room(sensor, pin.drive_high, pin.drive_low, nothing, nothing)
    elif request.param == "gpio-contact":
        sensor = GpioPresence(PIN, pull="up", active="low")
        pin = pins.pin(PIN)
        yield Room(sensor, pin.drive_low, pin.drive_high, nothing, nothing)
    elif request.param == "key":
        keyboard = Keyboard(tmp_path / "event0")
        keyboard.plug()
        sensor = KeyPresence(tmp_path / "event0", clock=clock)
        sensor.state()

        def plug() -> None:
            keyboard.plug()
            clock.seconds += 2

        yield Room(
            sensor,
            lambda: keyboard.say(event(EV_KEY, KEY_A, 1), event(EV_SYN, 0, 0)),
            lambda: keyboard.say(event(EV_KEY, KEY_A, 0), event(EV_SYN, 0, 0)),
            keyboard.unplug,
            plug,
        )
        keyboard.close()
    elif request.param == "keyswitch":
        stage = Stage(tmp_path)
        sensor = SimulatedPresence(stage, "keyswitch", TURNED)
        yield Room(
            sensor,
            stage.turn_key,
            stage.turn_key_back,
            lambda: stage.unplug("keyswitch"),
            lambda: stage.plug("keyswitch"),
        )
    else:
        stage = Stage(tmp_path)
        sensor = SimulatedPresence(stage)
        come, go = stage.enter, stage.leave
        if request.param == "door":
            stage.enter()  # the door is closed
            sensor = DoorPresence(sensor, clock=clock)
            sensor.somebody()

            def through() -> None:
                for move in (stage.leave, stage.enter):
                    move()
                    sensor.somebody()
                    clock.seconds += 1
                    sensor.somebody()

            come = go = through
        yield Room(sensor, come, go, lambda: stage.unplug("presence"), lambda: stage.plug("presence"))
    sensor.close()


def nothing() -> None:
    """A pin has no plug."""


def test_it_sees_who_comes_and_who_goes(room: Room) -> None:
    assert room.sensor.state() is PresenceState.READY
    assert room.sensor.somebody() is False
    room.come()
    assert room.sensor.somebody() is True
    assert room.sensor.somebody() is True
    room.go()
    assert room.sensor.somebody() is False


def test_taken_out_it_cannot_tell_and_put_in_again_it_can(room: Room) -> None:
    if room.unplug is nothing:
        return
    room.come()
    assert room.sensor.somebody() is True
    room.unplug()
    assert room.sensor.somebody() is None
    assert room.sensor.state() is PresenceState.UNREACHABLE
    room.plug()
    assert room.sensor.state() is PresenceState.READY
    assert room.sensor.somebody() is not None


def test_a_closed_sensor_cannot_tell(room: Room) -> None:
    room.come()
    room.sensor.close()
    room.sensor.close()
    assert room.sensor.somebody() is None
    assert room.sensor.state() is PresenceState.UNREACHABLE


def test_no_sensor_cannot_tell_and_that_is_no_fault() -> None:
    assert AbsentPresence().state() is PresenceState.ABSENT
    assert AbsentPresence().somebody() is None


@pytest.mark.parametrize(
    ("pull", "active", "lit"),
    [
        ("down", "high", True),
        ("up", "low", False),
        ("none", "high", True),
        ("none", "low", False),
        ("up", "high", True),
        ("down", "low", False),
    ],
)
def test_every_way_to_wire_a_pin(pins: MockFactory, pull: str, active: str, lit: bool) -> None:
    sensor = GpioPresence(PIN, pull=pull, active=active)  # type: ignore[arg-type]
    pin = pins.pin(PIN)
    sensor.somebody()
    (pin.drive_high if lit else pin.drive_low)()
    assert sensor.somebody() is True
    (pin.drive_low if lit else pin.drive_high)()
    assert sensor.somebody() in (True, False)  # a short sight may be told once more
    assert sensor.somebody() is False
    sensor.close()


def test_a_short_sight_between_two_questions_is_not_missed(pins: MockFactory) -> None:
    sensor = GpioPresence(PIN)
    assert sensor.somebody() is False
    pins.pin(PIN).drive_high()
    pins.pin(PIN).drive_low()
    assert sensor.somebody() is True
    assert sensor.somebody() is False
    sensor.close()


def test_a_pin_that_somebody_else_holds_is_tried_again(pins: MockFactory, clock: Clock) -> None:
    other = gpiozero.LED(PIN)
    sensor = GpioPresence(PIN, clock=clock)
    assert sensor.state() is PresenceState.UNREACHABLE
    assert sensor.somebody() is None
    other.close()
    assert sensor.state() is PresenceState.UNREACHABLE
    clock.seconds += 10
    assert sensor.state() is PresenceState.READY
    sensor.close()


def test_a_machine_without_pins_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "lgpio")
    sensor = GpioPresence(PIN)
    assert sensor.state() is PresenceState.UNREACHABLE
    sensor.close()


def keyboard_of(path: Path) -> Keyboard:
    keyboard = Keyboard(path)
    keyboard.plug()
    return keyboard


def test_only_the_keys_that_count_and_only_keys(tmp_path: Path, clock: Clock) -> None:
    keyboard = keyboard_of(tmp_path / "event0")
    sensor = KeyPresence(tmp_path / "event0", keys=(KEY_A,), clock=clock)
    assert sensor.somebody() is False
    keyboard.say(event(EV_KEY, KEY_B, 1), event(EV_ABS, KEY_A, 1))
    assert sensor.somebody() is False
    keyboard.say(event(EV_KEY, KEY_A, 1), event(EV_KEY, KEY_A, 2))
    assert sensor.somebody() is True
    keyboard.say(event(EV_KEY, KEY_A, 0))
    assert sensor.somebody() is False
    sensor.close()
    keyboard.close()


def test_a_tap_is_seen_once_and_counts_for_as_long_as_was_said(tmp_path: Path, clock: Clock) -> None:
    keyboard = keyboard_of(tmp_path / "event0")
    sensor = KeyPresence(tmp_path / "event0", pulse_seconds=30.0, clock=clock)
    sensor.somebody()
    keyboard.say(event(EV_KEY, KEY_A, 1), event(EV_KEY, KEY_A, 0))
    assert sensor.somebody() is True
    clock.seconds += 29
    assert sensor.somebody() is True
    clock.seconds += 2
    assert sensor.somebody() is False
    sensor.close()
    keyboard.close()


def test_what_was_let_go_of_while_the_buffer_was_full_is_not_held_for_ever(tmp_path: Path, clock: Clock) -> None:
    keyboard = keyboard_of(tmp_path / "event0")
    sensor = KeyPresence(tmp_path / "event0", clock=clock)
    sensor.somebody()
    keyboard.say(event(EV_KEY, KEY_A, 1), event(EV_SYN, 0, 0))
    assert sensor.somebody() is True
    keyboard.say(event(EV_SYN, SYN_DROPPED, 0), event(EV_SYN, 0, 0))
    assert sensor.somebody() is False
    sensor.close()
    keyboard.close()


def test_an_event_that_comes_in_two_pieces_is_one(tmp_path: Path, clock: Clock) -> None:
    keyboard = keyboard_of(tmp_path / "event0")
    sensor = KeyPresence(tmp_path / "event0", clock=clock)
    sensor.somebody()
    whole = event(EV_KEY, KEY_A, 1)
    keyboard.say(whole[:7])
    assert sensor.somebody() is False
    keyboard.say(whole[7:])
    assert sensor.somebody() is True
    sensor.close()
    keyboard.close()


@pytest.mark.parametrize("keys", [(), (KEY_A,)])
def test_a_keyboard_that_another_program_has_for_itself_is_not_ready(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, keys: tuple[int, ...]
) -> None:
    """What the kernel answers then, as seen at a real device; a pipe cannot be taken."""
    taken = True

    def kernel(file: int, question: int, argument: object = 0) -> int:
        raise OSError(errno.EBUSY if taken and question == EVIOCGRAB else errno.ENOTTY, "")

    monkeypatch.setattr("fcntl.ioctl", kernel)
    keyboard = keyboard_of(tmp_path / "event0")
    sensor = KeyPresence(tmp_path / "event0", keys=keys, clock=clock)
    assert (sensor.state(), sensor.somebody()) == (PresenceState.UNREACHABLE, None)
    complaint = sensor.complaint()
    assert complaint is not None
    assert "for itself" in complaint.why
    taken = False
    clock.seconds += 2
    assert sensor.state() is PresenceState.READY
    assert sensor.complaint() is None
    sensor.close()
    keyboard.close()


@pytest.mark.parametrize("keys", [(), (KEY_A,)])
@pytest.mark.parametrize("shared", [False, True])
def test_its_keys_press_no_button_of_the_screen_unless_it_is_shared(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, keys: tuple[int, ...], shared: bool
) -> None:
    """Whichever keys count: a mat that says Return, with `keys` for that, is no less a mat."""
    taken: list[object] = []

    def kernel(file: int, question: int, argument: object = 0) -> int:
        if question != EVIOCGRAB:
            raise OSError(errno.ENOTTY, "")
        taken.append(argument)
        return 0

    monkeypatch.setattr("fcntl.ioctl", kernel)
    keyboard = keyboard_of(tmp_path / "event0")
    sensor = KeyPresence(tmp_path / "event0", keys=keys, shared=shared, clock=clock)
    assert sensor.state() is PresenceState.READY
    assert taken == ([1, 0] if shared else [1])
    sensor.close()
    keyboard.close()


def test_a_device_that_was_never_there_is_looked_for(tmp_path: Path, clock: Clock) -> None:
    sensor = KeyPresence(tmp_path / "event0", clock=clock)
    assert sensor.state() is PresenceState.UNREACHABLE
    keyboard = keyboard_of(tmp_path / "event0")
    assert sensor.state() is PresenceState.UNREACHABLE
    clock.seconds += 2
    assert sensor.state() is PresenceState.READY
    sensor.close()
    keyboard.close()


def door_of(tmp_path: Path, clock: Clock) -> Callable[[bool, float], bool | None]:
    """A door that is closed, with nobody behind it; told that it is closed or open and for how long, it answers whether somebody is inside."""
    stage = Stage(tmp_path)
    stage.enter()
    door = DoorPresence(SimulatedPresence(stage), clock=clock)
    assert door.somebody() is False

    def stands(closed: bool, seconds: float) -> bool | None:
        (stage.enter if closed else stage.leave)()
        door.somebody()
        clock.seconds += seconds
        return door.somebody()

    return stands


def test_who_opens_the_door_from_inside_is_out_at_once(tmp_path: Path, clock: Clock) -> None:
    stands = door_of(tmp_path, clock)
    seen = [stands(closed, 1.0) for closed in (False, True, False, True, False, True)]
    assert seen == [False, True, False, False, False, True]


def test_a_door_that_is_slammed_and_bounces_was_closed_once(tmp_path: Path, clock: Clock) -> None:
    stands = door_of(tmp_path, clock)
    assert stands(False, 2.0) is False
    for closed in (True, False, True, False):
        assert stands(closed, 0.2) is False
    assert stands(True, 1.0) is True
    for closed in (False, True):
        assert stands(closed, 0.2) is True
    assert stands(True, 1.0) is True
