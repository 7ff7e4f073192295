"""„Auskunft“: taps on the pages where one looks something up. None of them hands anything in, and all of them work without a line."""

from __future__ import annotations

from typing import Final

from edge import conversation as said
from edge.kiosk.guest import Guest
from edge.kiosk.wording import number, out_of_place

# Page: the one that „Zurück“ leads to.
PAGES: Final = {
    "info": "start",
    "offices": "info",
    "agency": "offices",
    "bring": "info",
    "papers": "bring",
    "ask": "info",
    "state": "info",
    "paused": "info",
}


def tap(guest: Guest, verb: str, place: str) -> None:
    """One tap. Raises Refused for what is not possible here; then nothing has changed."""
    match verb:
        case "back":
            _go(guest, PAGES[guest.at])
        case "more":
            guest.part += 1
        case "offices" | "bring" | "ask" if guest.at in ("info", "state"):
            guest.asking.begin()
            _go(guest, verb)
        case "office" if guest.at == "offices":
            _office(guest, number(place))
        case "papers" if guest.at == "bring":
            _papers(guest, number(place))
        case "print-papers" if guest.at == "papers" and guest.errand is not None:
            guest.lobby.handouts.papers(guest, guest.errand)
        case "digit" if guest.at == "ask" and len(place) == 1 and place.isdecimal():
            guest.asking.type(place)
        case "delete" if guest.at == "ask":
            guest.asking.delete()
        case "look" if guest.at == "ask" and guest.asking.complete:
            _look(guest)
        case _:
            raise out_of_place(verb)
    guest.say(said.Staying())


def _office(guest: Guest, place: int) -> None:
    directory = guest.lobby.reference.directory()
    if directory is None or place >= len(directory.agencies):
        raise out_of_place(f"office {place}")
    guest.office = directory.agencies[place].id
    _go(guest, "agency")


def _papers(guest: Guest, place: int) -> None:
    errands = guest.lobby.reference.errands
    if place >= len(errands):
        raise out_of_place(f"papers {place}")
    guest.errand, guest.slip = errands[place], ""
    _go(guest, "papers")


def _look(guest: Guest) -> None:
    answered = guest.asking.ask(guest.lobby.reference.look_up)
    found = guest.asking.found
    if not answered:
        _go(guest, "paused")
    elif found is not None and found.document is not None:
        _go(guest, "state")


def _go(guest: Guest, page: str) -> None:
    guest.at, guest.part = page, 0
