"""What every printer promises, whatever stands behind it: a simulated one and a real IPP printer (CUPS' ippeveprinter)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pymupdf
import pytest

from hardware.absent import AbsentPrinter
from hardware.devices import ipp
from hardware.devices.ipp_printer import IppPrinter
from hardware.printer import Job, JobState, Printer, PrinterFailure, PrinterState
from hardware.simulated.printer import SimulatedPrinter
from hardware.simulated.stage import NO_PAPER, Stage
from tests.hardware.eve import ANSWER_SECONDS, Eve, Gossip, eve
from tests.journeys.waiting import until


@dataclass
class Room:
    """A printer and what one can do to it."""

    printer: Printer
    copies: Callable[[str], int]
    run_empty: Callable[[], object]
    refill: Callable[[], object]
    jam: Callable[[], object]
    mend: Callable[[], object]
    lose_answer: Callable[[], object]
    unplug: Callable[[], object]
    plug: Callable[[], object]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eve]:
    with eve(tmp_path_factory.mktemp("eve")) as printer:
        yield printer


@pytest.fixture(params=["simulated", "ipp", "ipp-in-one-go"])
def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    if request.param == "simulated":
        stage = Stage(tmp_path_factory.mktemp("stage"))
        simulated = SimulatedPrinter(stage, seconds=0.0)
        yield Room(
            simulated,
            lambda job_id: sum(job.id == job_id for job in simulated.printed),
            lambda: stage.flag("printer", NO_PAPER),
            lambda: stage.unflag("printer", NO_PAPER),
            lambda: stage.jam("printer"),
            lambda: stage.mend("printer"),
            simulated.lose_answer,
            lambda: stage.unplug("printer"),
            lambda: stage.plug("printer"),
        )
        return
    printer: Eve = request.getfixturevalue("real")
    gossip = Gossip(printer)
    sending = ipp.Operation.SEND_DOCUMENT
    if request.param == "ipp-in-one-go":
        gossip.hides = [ipp.Operation.CREATE_JOB]
        sending = ipp.Operation.PRINT_JOB
    driver = IppPrinter(gossip.url, fresh_seconds=0.05, answer_seconds=ANSWER_SECONDS)
    yield Room(
        driver,
        printer.copies,
        printer.run_empty,
        printer.refill,
        printer.jam,
        printer.mend,
        lambda: gossip.loses.append(sending),
        lambda: setattr(gossip, "cut", True),
        lambda: setattr(gossip, "cut", False),
    )
    driver.close()
    gossip.close()


def page(text: str = "Kopie") -> bytes:
    with pymupdf.open() as document:
        document.new_page(width=595, height=842).insert_text((72, 100), text, fontsize=30)
        made: bytes = document.tobytes()
    return made


def job() -> Job:
    return Job(secrets.token_hex(8), page())


def ends(room: Room, job_id: str) -> JobState:
    def over() -> JobState | None:
        state = room.printer.progress(job_id)
        return state if state.over else None

    found = until(over, "the job is over")
    assert found is not None
    return found


def shows(room: Room, state: PrinterState) -> None:
    until(lambda: room.printer.state() is state, f"the printer is {state}")


def test_a_job_is_printed_once_and_only_then_told_so(room: Room) -> None:
    shows(room, PrinterState.READY)
    wanted = job()
    room.printer.print(wanted)
    assert ends(room, wanted.id) is JobState.PRINTED
    assert room.copies(wanted.id) == 1


def test_the_same_job_twice_comes_out_once(room: Room) -> None:
    wanted = job()
    room.printer.print(wanted)
    room.printer.print(wanted)
    assert ends(room, wanted.id) is JobState.PRINTED
    room.printer.print(wanted)
    assert ends(room, wanted.id) is JobState.PRINTED
    assert room.copies(wanted.id) == 1


def test_a_lost_answer_makes_no_second_copy(room: Room) -> None:
    wanted = job()
    room.lose_answer()
    with pytest.raises(PrinterFailure) as caught:
        room.printer.print(wanted)
    assert caught.value.state is PrinterState.UNREACHABLE
    room.printer.print(wanted)
    assert ends(room, wanted.id) is JobState.PRINTED
    assert room.copies(wanted.id) == 1


def test_without_paper_a_job_waits_and_comes_out_when_there_is_some(room: Room) -> None:
    wanted = job()
    room.run_empty()
    try:
        room.printer.print(wanted)
        until(lambda: room.printer.progress(wanted.id) is JobState.STOPPED, "the job waits for paper")
        shows(room, PrinterState.EMPTY)
        assert not room.printer.state().prints
    finally:
        room.refill()
    assert ends(room, wanted.id) is JobState.PRINTED
    shows(room, PrinterState.READY)
    assert room.copies(wanted.id) == 1


def test_a_job_that_got_stuck_and_was_cancelled_never_comes_out(room: Room) -> None:
    stuck = job()
    room.jam()
    try:
        room.printer.print(stuck)
        until(lambda: room.printer.progress(stuck.id) is JobState.STOPPED, "the sheet is stuck")
        shows(room, PrinterState.JAMMED)
        room.printer.cancel(stuck.id)
        assert room.printer.progress(stuck.id) is JobState.FAILED
    finally:
        room.mend()
    shows(room, PrinterState.READY)
    after = job()
    room.printer.print(after)
    assert ends(room, after.id) is JobState.PRINTED
    room.printer.print(stuck)
    assert room.printer.progress(stuck.id) is JobState.FAILED
    assert room.copies(stuck.id) == 0


def test_a_cancelled_job_of_a_printer_that_is_away_does_not_come_when_it_is_back(room: Room) -> None:
    stuck = job()
    room.jam()
    try:
        room.printer.print(stuck)
        room.unplug()
        with pytest.raises(PrinterFailure):
            room.printer.cancel(stuck.id)
        shows(room, PrinterState.UNREACHABLE)
        room.plug()
        shows(room, PrinterState.JAMMED)  # whoever asks how it is tells it what is not wanted any more
    finally:
        room.plug()
        room.mend()
    shows(room, PrinterState.READY)
    assert room.copies(stuck.id) == 0


def test_a_printer_that_was_away_prints_when_it_is_back(room: Room) -> None:
    wanted = job()
    room.unplug()
    with pytest.raises(PrinterFailure) as caught:
        room.printer.print(wanted)
    assert caught.value.state is PrinterState.UNREACHABLE
    room.plug()
    room.printer.print(wanted)
    assert ends(room, wanted.id) is JobState.PRINTED
    assert room.copies(wanted.id) == 1


def test_of_a_job_that_is_over_or_unknown_nothing_is_cancelled(room: Room) -> None:
    wanted = job()
    room.printer.print(wanted)
    ends(room, wanted.id)
    room.printer.cancel(wanted.id)
    room.printer.cancel("never-heard-of")
    assert room.printer.progress(wanted.id) is JobState.PRINTED
    with pytest.raises(PrinterFailure) as caught:
        room.printer.progress("never-heard-of")
    assert caught.value.what.endswith(".")
    assert caught.value.remedy.endswith(".")


def test_a_closed_printer_prints_nothing(room: Room) -> None:
    room.printer.close()
    room.printer.close()
    assert room.printer.state() is PrinterState.UNREACHABLE
    with pytest.raises(PrinterFailure) as caught:
        room.printer.print(job())
    assert caught.value.state is PrinterState.UNREACHABLE


def test_no_printer_says_what_to_do() -> None:
    printer = AbsentPrinter()
    assert printer.state() is PrinterState.ABSENT
    with pytest.raises(PrinterFailure) as caught:
        printer.print(job())
    assert caught.value.state is PrinterState.ABSENT
    assert "edge.toml" in caught.value.remedy
    printer.cancel("any")
    printer.close()
