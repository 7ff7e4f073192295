"""A sensor with a keyboard's plug at the kernel's own input devices, where there are some (`/dev/uinput`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hardware.devices.key_presence import RETRY_SECONDS, KeyPresence
from hardware.presence import PresenceState
from tests.hardware.uinput import Keyboard, Window, needs_uinput

pytestmark = needs_uinput
ENTER, KEY_A = 28, 30


@pytest.fixture
def mat() -> Iterator[Keyboard]:
    keyboard = Keyboard(ENTER, KEY_A)
    yield keyboard
    keyboard.unplug()


@pytest.fixture
def window(mat: Keyboard) -> Iterator[Window]:
    listener = Window(mat.path)
    yield listener
    listener.close()


def test_whoever_steps_onto_the_mat_presses_no_button_on_the_screen(mat: Keyboard, window: Window) -> None:
    sensor = KeyPresence(mat.path)
    assert sensor.somebody() is False
    mat.press(ENTER)
    assert sensor.somebody() is True
    mat.let_go(ENTER)
    assert sensor.somebody() is False
    assert window.keys() == []
    sensor.close()
    mat.press(ENTER)
    assert window.keys() == [ENTER]


def test_who_stood_there_before_is_seen_and_so_is_that_they_leave(mat: Keyboard) -> None:
    mat.press(KEY_A)
    sensor = KeyPresence(mat.path)
    assert sensor.somebody() is True
    mat.let_go(KEY_A)
    assert sensor.somebody() is False
    sensor.close()


def test_keys_that_count_leave_the_others_to_the_screen(mat: Keyboard, window: Window) -> None:
    sensor = KeyPresence(mat.path, keys=(KEY_A,))
    sensor.somebody()
    mat.press(ENTER)
    assert (sensor.somebody(), window.keys()) == (False, [ENTER])
    mat.press(KEY_A)
    assert sensor.somebody() is True
    sensor.close()


@pytest.mark.parametrize("keys", [(), (KEY_A,)])
def test_a_sensor_that_somebody_else_has_for_themselves_is_not_ready(mat: Keyboard, keys: tuple[int, ...]) -> None:
    seconds = 0.0
    first, second = KeyPresence(mat.path), KeyPresence(mat.path, keys=keys, clock=lambda: seconds)
    assert first.state() is PresenceState.READY
    assert second.state() is PresenceState.UNREACHABLE
    assert second.somebody() is None
    complaint = second.complaint()
    assert complaint is not None
    assert "for itself" in complaint.why
    first.close()
    seconds += RETRY_SECONDS
    assert second.state() is PresenceState.READY
    second.close()


def test_taken_out_while_somebody_stands_there_and_put_in_again() -> None:
    seconds = 0.0
    mat = Keyboard(KEY_A)
    sensor = KeyPresence(mat.path, clock=lambda: seconds)
    sensor.somebody()
    mat.press(KEY_A)
    assert sensor.somebody() is True
    mat.unplug()
    assert sensor.somebody() is None
    again = Keyboard(KEY_A)
    assert again.path == mat.path
    seconds += RETRY_SECONDS
    assert sensor.somebody() is False
    again.press(KEY_A)
    assert sensor.somebody() is True
    sensor.close()
    again.unplug()
