"""From the state of a visit to what a page is told: one function for each page that says more than its own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from edge.conversation import State
from edge.kiosk.guest import Guest
from edge.kiosk.language import Words
from edge.kiosk.offices import office, offices
from edge.kiosk.usher import Usher
from edge.storage.documents import Document
from edge.storage.documents import State as DocumentState
from hardware.scanner import ScannerState
from protocol import directory as directories
from protocol import hours, limits
from protocol.errors import Refused
from protocol.keys import receipt_words

ON_ONE_SCREEN: Final = 4  # choices (screens.md 6a)
THUMBS: Final = 4

Values = dict[str, Any]
T = TypeVar("T")


def values(usher: Usher, scene: str, words: Words, phone: str) -> Values:
    """What the template of `scene` needs beside what every page has. `phone`: for help, when one is configured."""
    made = _BY_SCENE.get(scene)
    return made(usher, words, phone) if made is not None else {}


def _guest(usher: Usher) -> Guest:
    assert usher.guest is not None
    return usher.guest


def _start(usher: Usher, words: Words, phone: str) -> Values:
    return {
        "papers": usher.scanner is not ScannerState.ABSENT,
        "copies": usher.press.fitted and usher.scanner is not ScannerState.ABSENT,
        "line_up": usher.house.connected(),
    }


def _concern(usher: Usher, words: Words, phone: str) -> Values:
    guest = _guest(usher)
    choices = list(enumerate(usher.choices))
    unknown = [choice for choice in choices if choice[1].service is None]
    known = [choice for choice in choices if choice[1].service is not None]
    # One place is for whoever does not know: it stands on every screen.
    shown, more = _part(known, guest.part, ON_ONE_SCREEN - 1)
    return {
        "choices": shown,
        "unknown": unknown[0][0] if unknown else None,
        "more": more,
        "phone": _phone(usher, phone),
    }


def _place(usher: Usher, words: Words, phone: str) -> Values:
    guest = _guest(usher)
    return {
        "agency": guest.concern.agency.short if guest.concern is not None else "",
        "copy": guest.shown.copy,
        "by_itself": guest.feels_paper,
        "count": len(guest.shown.pages),
    }


def _taking(usher: Usher, words: Words, phone: str) -> Values:
    return {"count": len(_guest(usher).shown.pages)}


def _judge(usher: Usher, words: Words, phone: str) -> Values:
    guest = _guest(usher)
    page = guest.judged
    assert page is not None
    faults = guest.faults.get(page, ())
    return {**_picture(usher, page), "fault": faults[0] if faults else "", "count": len(guest.shown.pages)}


def _picture(usher: Usher, page: int) -> Values:
    guest = _guest(usher)
    place = guest.shown.pages.index(page) + 1
    return {"place": place, "picture_url": f"/page/{usher.stamp}/{page}?{guest.turned.get(page, 0)}"}


def _check(usher: Usher, words: Words, phone: str) -> Values:
    guest = _guest(usher)
    pages = list(enumerate(guest.shown.pages, 1))
    shown, more = _part(pages, guest.part, THUMBS)
    thumbs = [
        {"number": place, "picture": f"/thumb/{usher.stamp}/{page}?{guest.turned.get(page, 0)}", "do": f"page:{page}"}
        for place, page in shown
    ]
    agency = guest.concern.agency.short if guest.concern is not None else ""
    return {"thumb_pages": thumbs, "more": more, "count": len(pages), "agency": agency}


def _page(usher: Usher, words: Words, phone: str) -> Values:
    guest = _guest(usher)
    assert guest.looking is not None
    return _picture(usher, guest.looking)


def _handing(usher: Usher, words: Words, phone: str) -> Values:
    guest = _guest(usher)
    return {"agency": guest.concern.agency.short if guest.concern is not None else ""}


def _number(usher: Usher, words: Words, phone: str) -> Values:
    guest = _guest(usher)
    receipt = guest.shown.receipt
    assert receipt is not None
    return {
        "receipt_number": receipt,
        "spoken": " ".join(receipt_words(receipt)),
        "qr": f"/qr/{usher.stamp}.svg",
        "state": _state(usher.document(receipt)),
        "line_up": usher.house.connected(),
        "slip": guest.slip,
        "printer": usher.press.fitted,
    }


def _state(document: Document | None) -> str:
    """The only words for success, each only when it is true. That the agency has fetched it does not mean that anybody has looked."""
    match document.state if document is not None else DocumentState.WAITING:
        case DocumentState.ACCEPTED:
            return "accepted"
        case DocumentState.SECURED | DocumentState.FETCHED | DocumentState.FORWARDED:
            return "arrived"
        case DocumentState.RETURNED:
            return "returned"
        case _:
            return "saved"


def _problem(usher: Usher, words: Words, phone: str) -> Values:
    guest = _guest(usher)
    # Where the papers are at stake the next try is the same step once more.
    retry = guest.problem not in ("absent", "full", "too-many") and guest.shown.state is not State.CHOOSE
    return {
        "problem": guest.problem,
        "count": len(guest.shown.pages),
        "retry": retry,
        "pages_max": limits.DOCUMENT_PAGES_MAX,
    }


def _info(usher: Usher, words: Words, phone: str) -> Values:
    directory = usher.directory()
    found = offices(directory, usher.house.utc(), words) if directory is not None else ()
    shown, more = _part(list(enumerate(found)), _guest(usher).part, ON_ONE_SCREEN)
    return {"offices": shown, "more": more}


def _agency(usher: Usher, words: Words, phone: str) -> Values:
    directory = usher.directory()
    if directory is None or not 0 <= _guest(usher).office < len(directory.agencies):
        return {"office": None, "published_at": None}
    agency = directory.agencies[_guest(usher).office]
    shown = office(agency, hours.holidays_of(directory.holidays_region), usher.house.utc(), words)
    return {"office": shown, "published_at": directory.published_at}


def _help(usher: Usher, words: Words, phone: str) -> Values:
    directory = usher.directory()
    told = ""
    if not phone and directory is not None:
        try:
            dispatcher = directories.dispatcher(directory)
        except Refused:
            pass
        else:
            state = office(dispatcher, hours.holidays_of(directory.holidays_region), usher.house.utc(), words)
            told = state.next or state.now
    return {"phone": _phone(usher, phone), "hours": told}


def _phone(usher: Usher, phone: str) -> str:
    """Whom to call: as configured, else the dispatcher of the directory."""
    directory = usher.directory()
    if phone or directory is None:
        return phone
    try:
        return directories.dispatcher(directory).phone
    except Refused:
        return ""


def _more_time(usher: Usher, words: Words, phone: str) -> Values:
    return {"seconds": round(usher.house.patience.answer_seconds)}


def _part(things: list[T], part: int, size: int) -> tuple[list[T], bool]:
    """The part-th screen full of these, turning round at the end; and whether there is more than one."""
    parts = max(1, -(-len(things) // size))
    begin = (part % parts) * size
    return things[begin : begin + size], parts > 1


_BY_SCENE: Final[dict[str, Callable[[Usher, Words, str], Values]]] = {
    "start": _start,
    "concern": _concern,
    "place": _place,
    "taking": _taking,
    "judge": _judge,
    "fault": _judge,
    "copy_check": _judge,
    "another": _taking,
    "check": _check,
    "page": _page,
    "drop": _page,
    "handing": _handing,
    "number": _number,
    "problem": _problem,
    "info": _info,
    "agency": _agency,
    "help": _help,
    "more_time": _more_time,
}
