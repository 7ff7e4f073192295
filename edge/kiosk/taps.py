"""What a tap means on the page that stands there: `do` is the word on the button, as in `concern:2`."""

from __future__ import annotations

from typing import Final

import structlog

from edge import conversation as said
from edge.capture.mode import Mode
from edge.conversation import Face, State
from edge.kiosk import errands
from edge.kiosk.guest import Guest
from edge.kiosk.wording import number, out_of_place
from protocol.errors import Unavailable

log = structlog.get_logger("kiosk")

FACES: Final = {"good": Face.GLAD, "fair": Face.MIDDLING, "bad": Face.SAD}
KINDS: Final = {"sheet": Mode.DOCUMENT, "card": Mode.CARD, "receipt": Mode.RECEIPT}


async def tap(guest: Guest, do: str) -> None:
    """One tap. Raises Refused for what is not possible here; then nothing has changed."""
    verb, _, place = do.partition(":")
    if verb in ("help", "privacy"):
        _over(guest, verb)
    elif verb == "end" or (verb == "anew" and guest.shown.stranger):
        guest.over = ""
        guest.say(said.Left())
        return
    elif verb == "stay":
        guest.say(said.Staying())
    elif guest.over:
        guest.over = ""
        guest.touched()
    elif guest.shown.stranger:
        if verb != "resume":
            raise out_of_place(verb)
        guest.say(said.Resumed())
    elif guest.problem:
        _go_on(guest, verb)
    else:
        await _on_page(guest, verb, place)
    guest.lobby.changed()


async def _on_page(guest: Guest, verb: str, place: str) -> None:
    match guest.shown.state:
        case State.CHOOSE if guest.at in errands.PAGES:
            errands.tap(guest, verb, place)
        case State.CHOOSE:
            _walk(guest, verb, place)
        case State.PLACE if guest.kind_asked:
            _kind(guest, verb, place)
        case State.PLACE | State.JUDGE:
            await _page_by_page(guest, verb)
        case State.CHECK:
            await _check(guest, verb, place)
        case State.FAREWELL:
            _farewell(guest, verb)
        case _:
            raise out_of_place(verb)


def _over(guest: Guest, verb: str) -> None:
    guest.over = verb
    if guest.shown.goodbye:
        guest.touched()  # whoever asks for help has not gone
    if verb == "privacy":
        guest.say(said.PrivacyRead())
    guest.lobby.rest(said.Rest())  # whoever reads how to get help is not hurried


def _walk(guest: Guest, verb: str, place: str) -> None:
    match verb:
        case "hand-in" if guest.lobby.able.papers:
            guest.at, guest.part = "concern", 0
            try:
                guest.house.buffer.room_for(0)  # nobody scans for nothing
            except Unavailable as trouble:
                log.warning("buffer.full", what=trouble.what)
                guest.at, guest.problem = "start", "full"
        case "info":
            guest.at, guest.part = "info", 0
        case "copy" if guest.lobby.able.copies:
            guest.say(said.CopyChosen())
            return
        case "concern":
            choices = guest.lobby.reference.choices
            if number(place) >= len(choices):
                raise out_of_place(f"concern {place}")
            guest.concern = choices[number(place)]
            guest.say(guest.concern.chosen)
            return
        case "more":
            guest.part += 1
        case "back":
            guest.at, guest.part = "start", 0
        case _:
            raise out_of_place(verb)
    guest.say(said.Staying())


def _kind(guest: Guest, verb: str, place: str) -> None:
    """What lies there, or will; nothing is taken until it was said."""
    if verb == "kind" and place in KINDS:
        guest.kind_asked = False
        guest.sides.begin()
        guest.asked.clear()
        guest.say(said.Lies(KINDS[place]))
    elif verb == "back":
        guest.kind_asked = False
        guest.say(said.Staying())
    else:
        raise out_of_place(verb)


async def _page_by_page(guest: Guest, verb: str) -> None:
    page = guest.judged
    match verb:
        case "take":
            guest.asked.set()
        case "kind" if guest.shown.state is State.PLACE and not guest.shown.copy:
            guest.kind_asked = True
            guest.say(said.Staying())
        case "back":
            if guest.shown.copy and guest.shown.state is State.JUDGE:
                for taken in guest.shown.pages:
                    guest.say(said.PageDropped(taken))
            guest.say(said.Changed() if guest.shown.pages else said.Back())
            guest.at = "concern" if guest.at == "concern" else "start"
        case "again" if page is not None:
            _again(guest, page)
        case "good-back" if page is not None and guest.sides.lacks_back(page):
            guest.seen_good.add(page)
            guest.say(said.NextSheet(Mode.CARD))
        case "another" | "good-another":
            await _good(guest, page)
            guest.say(said.NextSheet())
        case "done" | "good-done":
            await _good(guest, page)
            guest.say(said.Checked())
        case "keep" if page is not None and guest.sides.lacks_back(page):
            guest.faults.pop(page, None)  # and is asked about the back
            guest.say(said.Staying())
        case "keep" if page is not None:
            await _good(guest, page)
            guest.say(said.Staying())
        case "drop" if page is not None:
            _drop(guest, page)
        case "turn" if page is not None:
            await _turn(guest, page)
        case "print":
            guest.say(said.CopyAsked())
        case _:
            raise out_of_place(verb)


async def _check(guest: Guest, verb: str, place: str) -> None:
    match verb:
        case "page":
            guest.looking = number(place)
        case "confirm":
            _confirm(guest)
            return
        case "another":
            guest.say(said.NextSheet())
            return
        case "more":
            guest.part += 1
        case "back" | "keep":
            guest.looking, guest.dropping = (guest.looking if guest.dropping else None), False
        case "drop":
            guest.dropping = True
        case "drop-yes" if guest.looking is not None:
            page, guest.looking, guest.dropping = guest.looking, None, False
            _drop(guest, page)
            return
        case "again" if guest.looking is not None:
            _again(guest, guest.looking)
            return
        case "turn" if guest.looking is not None:
            await _turn(guest, guest.looking)
        case _:
            raise out_of_place(verb)
    guest.say(said.Staying())


def _farewell(guest: Guest, verb: str) -> None:
    match verb:
        case "print-slip" if guest.shown.receipt is not None:
            guest.lobby.handouts.slip(guest, guest.shown.receipt)
        case "more":
            guest.at, guest.slip, guest.rating = "start", "", False
            guest.concern = None
            guest.say(said.More())
            return
        case "done":
            guest.rating = True
        case "face-good" | "face-fair" | "face-bad":
            guest.say(said.Rated(FACES[verb.removeprefix("face-")]))
            guest.say(said.Left())
            return
        case "skip":
            guest.say(said.Left())
            return
        case _:
            raise out_of_place(verb)
    guest.say(said.Staying())


def _go_on(guest: Guest, verb: str) -> None:
    shown, problem, guest.problem = guest.shown, guest.problem, ""
    match verb:
        case "go-on" if problem == "turned-away":
            _take_back(guest)
        case "retry" if shown.state is State.CHECK:
            _confirm(guest)
        case "retry" if shown.state is State.JUDGE and shown.copy and shown.pages:
            guest.say(said.CopyAsked())
        case "retry" if shown.state is State.JUDGE:
            guest.say(said.NextSheet(Mode.DOCUMENT if shown.copy else shown.mode))
        case _ if shown.state is State.JUDGE and not shown.pages:
            guest.say(said.Back())
        case _:
            guest.say(said.Staying())


def _confirm(guest: Guest) -> None:
    if guest.lobby.able.arrive:
        guest.say(said.Confirmed())
    else:
        guest.problem = "turned-away"
        guest.say(said.Staying())


def _take_back(guest: Guest) -> None:
    """The sheets get to nobody from here: what else can be done stands on the start page."""
    for page in guest.shown.pages:
        guest.say(said.PageDropped(page))
    guest.say(said.Changed())
    guest.say(said.Back())
    guest.at, guest.concern = "start", None


async def _good(guest: Guest, page: int | None) -> None:
    """The visitor has looked at it. Both sides of a card become one page."""
    if page is None:
        return
    guest.seen_good.add(page)
    both = guest.sides.both
    if both is None or page not in both:
        return
    report = await guest.house.workshop.join(*both)
    guest.say(said.Joined(*both, report.number))
    guest.modes[report.number] = Mode.CARD
    guest.seen_good.add(report.number)
    guest.sides.begin()


def _again(guest: Guest, page: int) -> None:
    mode = guest.modes.get(page, Mode.DOCUMENT)
    if mode is Mode.CARD:
        guest.sides.again(page)
    guest.say(said.Retake(page, Mode.DOCUMENT if mode is Mode.COPY else mode))


def _drop(guest: Guest, page: int) -> None:
    guest.sides.again(page)
    guest.say(said.PageDropped(page))
    if not guest.shown.pages:
        guest.say(said.NextSheet())


async def _turn(guest: Guest, page: int) -> None:
    """A quarter clockwise, as one turns a sheet in front of oneself."""
    await guest.house.workshop.turn(page, 270)
    guest.turned[page] = guest.turned.get(page, 0) + 1
    guest.say(said.Staying())
