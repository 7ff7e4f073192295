"""A slow device never keeps anybody waiting, and old news never overtakes new ones."""

import threading

from hardware.glance import Glance
from hardware.scanner import ScannerState
from tests.journeys.waiting import until


def test_the_first_answer_is_waited_for_and_then_known():
    looks = []

    def look():
        looks.append(1)
        return ScannerState.NO_PAPER

    glance = Glance(look, ScannerState.UNREACHABLE, clock=lambda: 0.0)
    assert until(lambda: glance.state() is ScannerState.NO_PAPER)
    assert glance.state() is ScannerState.NO_PAPER
    assert len(looks) == 1


def test_a_device_that_does_not_answer_is_told_as_it_was():
    answer = threading.Event()

    def look():
        answer.wait(240)
        return ScannerState.READY

    glance = Glance(look, ScannerState.UNREACHABLE, fresh_seconds=0.0)
    assert glance.state() is ScannerState.UNREACHABLE
    glance.note(ScannerState.JAMMED)
    assert glance.state() is ScannerState.JAMMED
    answer.set()  # that look began before the jam: it does not count, the next one does
    assert until(lambda: glance.state() is ScannerState.READY)


def test_what_a_driver_trips_over_is_no_answer():
    def look():
        raise RuntimeError("driver")

    assert Glance(look, ScannerState.UNREACHABLE).state() is ScannerState.UNREACHABLE
