"""What every lamp promises: a simulated one, and three at pins (gpiozero's simulated pins)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from hardware.absent import AbsentLamp
from hardware.devices.gpio_lamp import GpioLamp
from hardware.lamp import Lamp, LampState, Light
from hardware.simulated.lamp import SimulatedLamp
from hardware.simulated.stage import Stage
from tests.journeys.waiting import until

GREEN, RED, YELLOW = 5, 6, 13
LIT = [light for light in Light if light is not Light.OFF]


@dataclass
class Door:
    """A lamp, and whether somebody before the door sees what it should show."""

    lamp: Lamp
    sees: Callable[[Light], bool]


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    factory = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    yield factory
    factory.reset()


@pytest.fixture(params=["simulated", "gpio", "gpio-low"])
def door(request: pytest.FixtureRequest, pins: MockFactory, tmp_path: Path) -> Iterator[Door]:
    if request.param == "simulated":
        simulated = SimulatedLamp(Stage(tmp_path))
        yield Door(simulated, lambda light: simulated.light is light)
        simulated.close()
        return
    low = request.param == "gpio-low"
    lamp = GpioLamp(GREEN, RED, YELLOW, active="low" if low else "high")

    def lit(number: int) -> bool:
        return bool(pins.pin(number).state) is not low

    def sees(light: Light) -> bool:
        steady = {Light.FREE: (True, False), Light.OCCUPIED: (False, True), Light.HELP: (False, True)}
        if (lit(GREEN), lit(RED)) != steady.get(light, (False, False)):
            return False
        if light in (Light.HELP, Light.TROUBLE):
            for phase in (True, False):
                until(lambda phase=phase: lit(YELLOW) is phase, "yellow blinks")  # type: ignore[misc]
            return True
        return not lit(YELLOW)

    yield Door(lamp, sees)
    lamp.close()


def test_it_shows_what_was_said_last(door: Door) -> None:
    assert door.lamp.state() is LampState.READY
    assert door.sees(Light.OFF)
    for light in (*LIT, Light.OFF, Light.FREE):
        door.lamp.show(light)
        door.lamp.show(light)
        assert door.sees(light), light


def test_a_closed_lamp_is_dark(door: Door) -> None:
    door.lamp.show(Light.OCCUPIED)
    door.lamp.close()
    door.lamp.close()
    assert door.lamp.state() is LampState.UNREACHABLE
    door.lamp.show(Light.FREE)  # nobody sees it, and nothing breaks


def test_a_lamp_that_comes_back_shows_what_was_said_meanwhile(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    lamp = SimulatedLamp(stage)
    stage.unplug("lamp")
    assert lamp.state() is LampState.UNREACHABLE
    lamp.show(Light.HELP)
    assert lamp.light is Light.OFF
    stage.plug("lamp")
    assert lamp.light is Light.HELP


def test_pins_that_somebody_else_holds_are_tried_again(pins: MockFactory) -> None:
    now = [100.0]
    other = gpiozero.LED(RED)
    lamp = GpioLamp(GREEN, RED, YELLOW, clock=lambda: now[0])
    lamp.show(Light.OCCUPIED)
    assert lamp.state() is LampState.UNREACHABLE
    other.close()
    now[0] += 10
    assert lamp.state() is LampState.READY
    assert pins.pin(RED).state
    lamp.close()


def test_no_lamp_is_no_fault() -> None:
    lamp = AbsentLamp()
    lamp.show(Light.TROUBLE)
    assert lamp.state() is LampState.ABSENT
    lamp.close()
