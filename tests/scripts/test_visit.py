"""Dialogues with the visit: what happened on the left, what is to be done on the right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.capture.mode import Mode
from edge.conversation import (
    AgencyChosen,
    Back,
    Capture,
    CaptureEnded,
    Changed,
    Checked,
    Confirmed,
    CopyAsked,
    CopyChosen,
    Effect,
    Emptied,
    Entered,
    Event,
    Face,
    Failed,
    Halt,
    Joined,
    Left,
    Lies,
    More,
    NextSheet,
    NoteVisit,
    Outcome,
    PageDropped,
    PagesLost,
    PageTaken,
    Print,
    Printed,
    PrivacyRead,
    Quiet,
    Rated,
    Rest,
    Resumed,
    Retake,
    Seal,
    Sealed,
    SheetSeen,
    Show,
    Spoke,
    State,
    Staying,
    Store,
    Stored,
    TimedOut,
    Wipe,
)
from edge.visit import Patience, Visit
from edge.visit_table import OURS, TABLE
from protocol.errors import Code, Mistake, Refused
from protocol.ids import AgencyId, ReceiptNumber

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
VISIT = bytes(range(16))
SOZIALAMT = AgencyChosen(AgencyId("sozialamt-uckermark"), None, "Antrag")
NUMBER = ReceiptNumber("7K2-418")
TWO_PAGES: list[Event] = [Entered(VISIT), SOZIALAMT, SheetSeen(), PageTaken(1), PageTaken(2), CaptureEnded()]
UP_TO_CHECK: list[Event] = [*TWO_PAGES, Checked()]


def play(*events: Event, visit: Visit | None = None) -> tuple[Visit, list[list[Effect]]]:
    """One second passes between two events."""
    visit = visit or Visit()
    return visit, [visit.step(event, NOON + timedelta(seconds=second)) for second, event in enumerate(events)]


def test_from_the_door_to_the_receipt() -> None:
    _, told = play(*UP_TO_CHECK, Confirmed(), Sealed(), Stored(NUMBER), Left())
    quiet, at_work = Rest(120.0, Quiet()), Rest()
    assert told == [
        [quiet, Show(State.CHOOSE)],
        [quiet, Show(State.PLACE), Capture()],
        [at_work, Show(State.TAKING)],
        [at_work, Show(State.TAKING, (1,))],
        [at_work, Show(State.TAKING, (1, 2))],
        [quiet, Show(State.JUDGE, (1, 2))],
        [quiet, Show(State.CHECK, (1, 2))],
        [at_work, Show(State.HAND_IN, (1, 2)), Seal(SOZIALAMT.agency, None, "Antrag", (1, 2))],
        [Store()],
        [Wipe(), Rest(30.0, TimedOut()), Show(State.FAREWELL, receipt=NUMBER)],
        [
            Wipe(),
            NoteVisit(VISIT, NOON, NOON + timedelta(seconds=10), Outcome.HANDED_IN, 1, "de"),
            Rest(),
            Show(State.WELCOME),
        ],
    ]


def test_a_second_tap_never_hands_in_twice() -> None:
    again = Confirmed()
    _, told = play(*UP_TO_CHECK, Confirmed(), again, Sealed(), again, Stored(NUMBER), again)
    assert sum(isinstance(effect, Seal) for effects in told for effect in effects) == 1
    assert sum(isinstance(effect, Store) for effects in told for effect in effects) == 1


def test_who_confirms_and_walks_out_has_handed_in() -> None:
    visit, told = play(*UP_TO_CHECK, Confirmed(), Left(), Sealed(), Stored(NUMBER))
    assert told[8:10] == [[], [Store()]]
    assert [effect.outcome for effect in told[-1] if isinstance(effect, NoteVisit)] == [Outcome.HANDED_IN]
    assert visit.state is State.WELCOME


def test_who_confirms_and_walks_out_leaves_nothing_when_it_fails() -> None:
    _, told = play(*UP_TO_CHECK, Confirmed(), Left(), Failed("Kein Platz.", ""))
    assert told[-1][0] == Wipe()
    assert [effect.outcome for effect in told[-1] if isinstance(effect, NoteVisit)] == [Outcome.FAILED]


def test_a_failure_keeps_the_pages_and_a_second_try_works() -> None:
    visit, told = play(*UP_TO_CHECK, Confirmed(), Failed("Kein Platz.", "Holen Sie Hilfe."), Confirmed())
    assert told[8] == [Rest(120.0, Quiet()), Show(State.CHECK, (1, 2), None, "Kein Platz.", "Holen Sie Hilfe.")]
    assert any(isinstance(effect, Seal) for effect in told[9])
    assert visit.state is State.HAND_IN


def test_pages_that_were_lost_are_taken_anew() -> None:
    visit, told = play(*UP_TO_CHECK, Confirmed(), PagesLost("Weg.", "Noch einmal."), NextSheet(), PageTaken(1))
    assert told[8][0] == Wipe()
    assert visit.pages == (1,)


def test_a_page_that_is_taken_again_keeps_its_place() -> None:
    visit, told = play(*UP_TO_CHECK, Retake(1), SheetSeen(), PageTaken(3), PageTaken(4), CaptureEnded())
    assert told[7][-1] == Capture()
    assert visit.pages == (3, 4, 2)


def test_a_page_stays_until_the_better_one_is_there() -> None:
    visit, told = play(*TWO_PAGES, Retake(1), Failed("Es klemmt.", "Holen Sie Hilfe."))
    assert visit.pages == (1, 2)
    assert told[-1] == [Rest(120.0, Quiet()), Show(State.JUDGE, (1, 2), None, "Es klemmt.", "Holen Sie Hilfe.")]
    play(NextSheet(), SheetSeen(), PageTaken(3), CaptureEnded(), visit=visit)
    assert visit.pages == (1, 2, 3)


def test_second_thoughts_before_a_sheet_lies_there() -> None:
    visit, told = play(*TWO_PAGES, Retake(2), Changed(), NextSheet(), Checked())
    assert visit.pages == (1, 2)
    assert [effects[0] for effects in told[6:] if Halt() in effects] == [Halt(), Halt()]
    assert visit.state is State.CHECK
    visit, told = play(Entered(VISIT), SOZIALAMT, Back())
    assert told[-1] == [Halt(), Rest(120.0, Quiet()), Show(State.CHOOSE)]


def test_a_device_at_work_is_never_too_slow() -> None:
    visit, told = play(Entered(VISIT), SOZIALAMT, SheetSeen(), PageTaken(1))
    assert told[2][0] == told[3][0] == Rest()
    with pytest.raises(Refused):
        visit.step(Checked(), NOON)


def test_pages_come_and_go_until_the_visitor_is_content() -> None:
    visit, _ = play(
        *UP_TO_CHECK, PageDropped(1), Changed(), NextSheet(), SheetSeen(), PageTaken(3), CaptureEnded(), PageDropped(2), Checked()
    )  # fmt: skip
    assert visit.pages == (3,)
    assert visit.state is State.CHECK


def test_a_card_is_taken_from_both_sides_and_becomes_one_page() -> None:
    visit, told = play(
        Entered(VISIT),
        SOZIALAMT,
        Lies(Mode.CARD),
        PageTaken(1),
        CaptureEnded(),
        NextSheet(Mode.CARD),
        PageTaken(2),
        CaptureEnded(),
        Joined(1, 2, 3),
        NextSheet(),
    )
    quiet = Rest(120.0, Quiet())
    assert told[2] == [Halt(), quiet, Show(State.PLACE, mode=Mode.CARD), Capture(Mode.CARD)]
    assert told[5] == [quiet, Show(State.PLACE, (1,), mode=Mode.CARD), Capture(Mode.CARD)]
    assert told[8] == [quiet, Show(State.JUDGE, (3,), mode=Mode.CARD)]
    assert told[9] == [quiet, Show(State.PLACE, (3,)), Capture()]
    assert visit.pages == (3,)


@pytest.mark.parametrize("joined", [Joined(1, 1, 3), Joined(1, 5, 3), Joined(1, 2, 2)])
def test_what_is_not_two_sides_is_not_joined(joined: Joined) -> None:
    visit, _ = play(*TWO_PAGES)
    with pytest.raises(Refused, match="not two sides of a card"):
        visit.step(joined, NOON)
    assert visit.pages == (1, 2)


def test_a_receipt_lies_there_only_until_the_next_sheet() -> None:
    _, told = play(Entered(VISIT), SOZIALAMT, Lies(Mode.RECEIPT), PageTaken(1), CaptureEnded(), Retake(1, Mode.RECEIPT))
    assert told[-1][-1] == Capture(Mode.RECEIPT)
    _, told = play(Entered(VISIT), SOZIALAMT, Lies(Mode.RECEIPT), PageTaken(1), CaptureEnded(), NextSheet())
    assert told[-1][-1] == Capture()


def test_whatever_lies_there_is_copied_as_it_lies() -> None:
    visit, _ = play(Entered(VISIT), CopyChosen())
    with pytest.raises(Refused, match="A copy is made of what lies there"):
        visit.step(Lies(Mode.CARD), NOON)


def test_which_words_about_privacy_stood_there_and_whether_they_were_read() -> None:
    for read in (False, True):
        more = [PrivacyRead()] if read else []
        _, told = play(Entered(VISIT, "de", "2"), *more, Left())
        [note] = [effect for effect in told[-1] if isinstance(effect, NoteVisit)]
        assert (note.privacy, note.privacy_read) == ("2", read)


def test_a_copy_is_for_the_printer_and_for_nobody_else() -> None:
    visit, told = play(Entered(VISIT), CopyChosen(), SheetSeen(), PageTaken(1), CaptureEnded())
    assert told[1][-1] == Capture(Mode.COPY)
    with pytest.raises(Refused, match="for the printer"):
        visit.step(Checked(), NOON)
    _, told = play(CopyAsked(), CopyAsked(), Failed("Kein Papier.", ""), CopyAsked(), Printed(), visit=visit)
    prints = [effect for effects in told for effect in effects if isinstance(effect, Print)]
    assert prints == [Print((1,)), Print((1,))]
    assert told[-1] == [Wipe(), Rest(30.0, TimedOut()), Show(State.FAREWELL, mode=Mode.COPY)]
    [note] = [effect for effect in visit.step(Left(), NOON) if isinstance(effect, NoteVisit)]
    assert (note.outcome, note.documents) == (Outcome.LEFT, 0)
    visit, _ = play(*TWO_PAGES)
    with pytest.raises(Refused, match="for an agency"):
        visit.step(CopyAsked(), NOON)


def test_after_the_number_there_may_be_more() -> None:
    visit, told = play(*UP_TO_CHECK, Confirmed(), Sealed(), Stored(NUMBER), Rated(Face.GLAD), More(), Spoke("pl"))
    assert told[10] == [Rest(30.0, TimedOut()), Show(State.FAREWELL, receipt=NUMBER)]
    assert told[11] == [Rest(120.0, Quiet()), Show(State.CHOOSE)]
    [note] = [effect for effect in visit.step(Left(), NOON) if isinstance(effect, NoteVisit)]
    assert (note.face, note.language, note.documents) == (Face.GLAD, "pl", 1)


def test_an_empty_cabin_asks_before_it_wipes() -> None:
    visit, told = play(*UP_TO_CHECK, Emptied(), Emptied(), Staying(), Emptied(), Left())
    goodbye = [Rest(15.0, Left()), Show(State.CHECK, (1, 2), goodbye=True)]
    still_there = [Rest(120.0, Quiet()), Show(State.CHECK, (1, 2))]
    assert told[7:11] == [goodbye, [], still_there, goodbye]
    assert told[11][0] == Wipe()
    assert visit.state is State.WELCOME


def test_whoever_comes_into_a_cabin_that_was_left_sees_nothing_until_they_say_that_it_is_theirs() -> None:
    _, told = play(
        *UP_TO_CHECK, Emptied(), Entered(VISIT), Spoke("pl"), Emptied(), Entered(VISIT), Resumed(), Staying()
    )
    asked = [Rest(60.0, Left()), Show(State.CHECK, (1, 2), stranger=True)]
    goodbye = [Rest(15.0, Left()), Show(State.CHECK, (1, 2), goodbye=True)]
    still_there = [Rest(120.0, Quiet()), Show(State.CHECK, (1, 2))]
    assert told[8:] == [asked, asked, goodbye, asked, still_there, still_there]


def test_who_walks_out_while_it_is_handed_in_is_not_asked_but_whoever_comes_is() -> None:
    walked_out: list[Event] = [*UP_TO_CHECK, Confirmed(), Emptied()]
    number = Show(State.FAREWELL, receipt=NUMBER)
    hidden = Show(State.FAREWELL, receipt=NUMBER, stranger=True)
    _, told = play(*walked_out, Sealed(), Stored(NUMBER), Entered(VISIT), Resumed())
    assert told[8] == []
    assert told[-3:] == [
        [Wipe(), Rest(30.0, TimedOut()), number],
        [Rest(60.0, Left()), hidden],
        [Rest(30.0, TimedOut()), number],
    ]
    _, told = play(*walked_out, Entered(VISIT), Sealed(), Stored(NUMBER))
    assert told[-1] == [Wipe(), Rest(60.0, Left()), hidden]


def test_nothing_is_handed_in_without_a_page() -> None:
    visit, _ = play(Entered(VISIT), SOZIALAMT)
    with pytest.raises(Refused, match="No page has been taken yet"):
        visit.step(Checked(), NOON)
    assert visit.state is State.PLACE
    visit, _ = play(*UP_TO_CHECK, PageDropped(1), PageDropped(2))
    with pytest.raises(Refused, match="No page has been taken yet"):
        visit.step(Confirmed(), NOON)
    assert visit.state is State.CHECK


def test_asking_for_more_time() -> None:
    visit = Visit(Patience(quiet_seconds=5, answer_seconds=3))
    _, told = play(Entered(VISIT), Quiet(), Staying(), Quiet(), TimedOut(), visit=visit)
    assert told[1] == [Rest(3, TimedOut()), Show(State.CHOOSE, more_time=True)]
    assert told[2] == [Rest(5, Quiet()), Show(State.CHOOSE)]
    assert [effect.outcome for effect in told[4] if isinstance(effect, NoteVisit)] == [Outcome.TIMED_OUT]


def test_handing_in_never_times_out() -> None:
    visit, told = play(*UP_TO_CHECK, Confirmed())
    assert told[-1][0] == Rest()
    with pytest.raises(Mistake):
        visit.step(TimedOut(), NOON)


def test_a_second_agency_in_the_same_visit_starts_with_no_page() -> None:
    visit, told = play(
        *UP_TO_CHECK, Confirmed(), Sealed(), Stored(NUMBER), SOZIALAMT, PageTaken(1), CaptureEnded(), Checked()
    )
    assert visit.pages == (1,)
    ended = visit.step(Left(), NOON)
    assert [effect.documents for effect in ended if isinstance(effect, NoteVisit)] == [1]
    assert Wipe() in told[9]


def test_a_sensor_that_flickers_makes_no_second_visit() -> None:
    _, told = play(Left(), Entered(VISIT), Entered(bytes(16)), Left(), Left())
    assert told[0] == []
    assert told[2] == []
    assert [effect.visit for effect in told[3] if isinstance(effect, NoteVisit)] == [VISIT]
    assert told[4] == []


def test_a_tap_out_of_place_says_what_would_be_possible() -> None:
    visit, _ = play(Entered(VISIT))
    with pytest.raises(
        Refused, match=r"“Confirmed” is not possible in state “choose”; possible: .*“AgencyChosen”"
    ) as caught:
        visit.step(Confirmed(), NOON)
    assert caught.value.code is Code.OUT_OF_ORDER
    with pytest.raises(Refused, match="There is no page 7"):
        play(*UP_TO_CHECK, Retake(7))


def test_a_report_out_of_place_is_our_own_mistake() -> None:
    with pytest.raises(Mistake):
        play(Entered(VISIT), Stored(NUMBER))
    with pytest.raises(Mistake, match="twice"):
        play(Entered(VISIT), SOZIALAMT, PageTaken(1), PageTaken(1))


def test_every_state_can_be_left_by_a_visitor() -> None:
    assert {state for state, event in TABLE if event is Left} == set(State)


EVENTS: tuple[Event, ...] = (
    Entered(VISIT),
    SOZIALAMT,
    NextSheet(),
    Checked(),
    Changed(),
    Confirmed(),
    Sealed(),
    Stored(NUMBER),
    Failed("", ""),
    PagesLost("", ""),
    Left(),
    Quiet(),
    Staying(),
    Resumed(),
    TimedOut(),
    Emptied(),
    SheetSeen(),
    CaptureEnded(),
    Back(),
    CopyChosen(),
    CopyAsked(),
    Printed(),
    More(),
    Rated(Face.SAD),
    Spoke("uk"),
    *(kind(page) for kind in (PageTaken, PageDropped, Retake) for page in (1, 2, 3, 4)),
)


ENDS = (Left, Emptied, TimedOut)
ONWARD = {
    state: [event for event in EVENTS if (state, type(event)) in TABLE and not isinstance(event, ENDS)]
    for state in State
}


@settings(max_examples=750)
@given(st.binary(min_size=100, max_size=1_000))
def test_whatever_happens_a_visit_is_wiped_noted_once_and_hands_in_what_it_shows(walked: bytes) -> None:
    """Each byte is an event, so that hundreds of them cost hypothesis what one choice costs; seven of eight lead on from their state."""
    visit, open_visit, sealing, gone, other = Visit(), False, 0, False, False
    for byte in walked:
        events = (ONWARD[visit.state] if byte % 8 else ()) or EVENTS
        event = events[byte // 8 % len(events)]
        before = visit.state, visit.pages
        try:
            effects = visit.step(event, NOON)
        except (Refused, Mistake):
            assert (visit.state, visit.pages) == before
            continue
        notes = sum(isinstance(effect, NoteVisit) for effect in effects)
        assert notes == (open_visit and visit.state is State.WELCOME)
        assert not notes or Wipe() in effects
        open_visit = visit.state is not State.WELCOME
        assert open_visit or visit.pages == ()
        sealing -= isinstance(event, Stored | Failed | PagesLost) and before[0] in (State.HAND_IN, State.LEAVING)
        sealing += sum(isinstance(effect, Seal) for effect in effects)
        assert sealing in (0, 1)
        # Whoever came while nobody was there may be another: no page and no number is shown until they say that it is theirs.
        other = open_visit and not isinstance(event, Resumed) and (other or (gone and isinstance(event, Entered)))
        gone = open_visit and (isinstance(event, Emptied) or (gone and isinstance(event, (*OURS, Left))))
        for shown in (effect for effect in effects if isinstance(effect, Show)):
            assert not other or shown.goodbye or shown.stranger or shown.state in (State.HAND_IN, State.LEAVING)
        assert sealing == (visit.state in (State.HAND_IN, State.LEAVING))
