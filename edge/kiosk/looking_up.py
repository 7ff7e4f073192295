"""What the pages of „Auskunft“ are told: opening hours, what to bring, how papers stand. None needs a line; each says as of when it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from edge.directory_texts import Text as Paper
from edge.kiosk.language import Words
from edge.kiosk.offices import office, offices
from edge.kiosk.settings import Text
from edge.kiosk.telling import (
    ON_ONE_SCREEN,
    Values,
    guest_of,
    labelled,
    screenful,
    sent,
    sign_of,
    state_of,
    whom_to_call,
)
from edge.kiosk.usher import Usher
from protocol import hours

# How much of a list stands on one screen, by the size of the text: in lines of so many characters, as on the narrowest glass.
LINES: Final[dict[Text, int]] = {100: 6, 130: 4, 160: 3}
LINE_CHARS: Final[dict[Text, int]] = {100: 64, 130: 48, 160: 40}


def _info(usher: Usher, words: Words, phone: str) -> Values:
    return {"brings": bool(usher.reference.errands), "offices": usher.reference.directory() is not None}


def _offices(usher: Usher, words: Words, phone: str) -> Values:
    directory = usher.reference.directory()
    found = offices(directory, usher.house.utc(), words) if directory is not None else ()
    shown, more = screenful(list(enumerate(found)), guest_of(usher).part, ON_ONE_SCREEN)
    return {"offices": shown, "more": more}


def _agency(usher: Usher, words: Words, phone: str) -> Values:
    directory = usher.reference.directory()
    told = guest_of(usher).office
    agency = (
        next((agency for agency in directory.agencies if agency.id == told), None) if directory is not None else None
    )
    if directory is None or agency is None:
        return {"office": None, "published_at": None}
    shown = office(agency, hours.holidays_of(directory.holidays_region), usher.house.utc(), words)
    return {"office": shown, "published_at": directory.published_at}


def _bring(usher: Usher, words: Words, phone: str) -> Values:
    shown, more = screenful(list(enumerate(usher.reference.errands)), guest_of(usher).part, ON_ONE_SCREEN)
    return {"errands": labelled(shown, words), "more": more}


def _papers(usher: Usher, words: Words, phone: str) -> Values:
    guest, directory = guest_of(usher), usher.reference.directory()
    errand, language = guest.errand, words.language.directory_tag
    said = errand.words(language) if errand is not None else None
    screens = in_screens(errand.papers(language) if errand is not None else (), guest.settings.text)
    return {
        "errand": words.shown(said) if said is not None else "",
        "shown": [words.shown(paper) for paper in screens[guest.part % len(screens)]],
        "more": len(screens) > 1,
        "slip": guest.slip,
        "printer": usher.handouts.possible,
        "published_at": directory.published_at if directory is not None else None,
    }


def _ask(usher: Usher, words: Words, phone: str) -> Values:
    asking = guest_of(usher).asking
    wrong = asking.found is not None and asking.found.document is None
    return {
        "code": usher.reference.code,
        "digits": asking.digits,
        "complete": asking.complete,
        "tries_left": asking.tries_left if wrong else None,
    }


def _state(usher: Usher, words: Words, phone: str) -> Values:
    found = guest_of(usher).asking.found
    assert found is not None
    assert found.document is not None
    line_up = usher.house.connected()
    state = state_of(found.document)
    return {
        "receipt_number": found.number,
        "state": state,
        "sign": sign_of(state),
        "handed_in_at": found.document.accepted_at,
        "sent": sent(usher),
        "as_of": usher.reference.as_of(found.document, usher.house.utc(), connected=line_up),
    }


def _paused(usher: Usher, words: Words, phone: str) -> Values:
    return {"phone": whom_to_call(usher, phone)}


def in_screens(papers: Sequence[Paper], text: Text) -> list[list[Paper]]:
    """What stands on each screen: as many as there is room for, and at least one."""
    screens: list[list[Paper]] = [[]]
    used = 0
    for paper in papers:
        lines = -(-len(paper.words) // LINE_CHARS[text])
        if screens[-1] and used + lines > LINES[text]:
            screens.append([])
            used = 0
        screens[-1].append(paper)
        used += lines
    return screens


BY_SCENE: Final[dict[str, Callable[[Usher, Words, str], Values]]] = {
    "info": _info,
    "offices": _offices,
    "agency": _agency,
    "bring": _bring,
    "papers": _papers,
    "ask": _ask,
    "state": _state,
    "paused": _paused,
}
