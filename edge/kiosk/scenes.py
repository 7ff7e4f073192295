"""From the state of a visit to what a page is told: one function for each page that says more than its own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edge.capture.mode import Mode
from edge.conversation import State
from edge.entrance import Shut
from edge.kiosk import looking_up
from edge.kiosk.able import Able
from edge.kiosk.guest import Guest
from edge.kiosk.language import Words
from edge.kiosk.offices import office
from edge.kiosk.telling import (
    ON_ONE_SCREEN,
    Values,
    agency_of,
    guest_of,
    labelled,
    screenful,
    sent,
    sign_of,
    state_of,
    whom_to_call,
)
from edge.kiosk.usher import Usher
from protocol import directory as directories
from protocol import hours, limits
from protocol.errors import Refused
from protocol.keys import receipt_words

THUMBS: Final = 4


def values(usher: Usher, scene: str, words: Words, phone: str) -> Values:
    """What the template of `scene` needs beside what every page has. `phone`: for help, when one is configured."""
    made = _BY_SCENE.get(scene)
    return made(usher, words, phone) if made is not None else {}


def _rest(usher: Usher, words: Words, phone: str) -> Values:
    return {"told": "rest.lead" if usher.able.papers else usher.able.lack}


def _start(usher: Usher, words: Words, phone: str) -> Values:
    return {
        "papers": usher.able.papers,
        "copies": usher.able.copies,
        "news": _news(usher.able, line_up=usher.house.connected()),
    }


def _news(able: Able, *, line_up: bool) -> str:
    """What does not work now, and what does all the same; empty: everything does."""
    if line_up or not able.papers:
        return able.lack
    return "lack.printer_and_line" if able.lack else "start.lead_offline"


def _concern(usher: Usher, words: Words, phone: str) -> Values:
    guest = guest_of(usher)
    choices = list(enumerate(usher.reference.choices))
    unknown = [choice for choice in choices if choice[1].service is None]
    known = [choice for choice in choices if choice[1].service is not None]
    # One place is for whoever does not know: it stands on every screen.
    shown, more = screenful(known, guest.part, ON_ONE_SCREEN - 1)
    return {
        "choices": labelled(shown, words),
        "unknown": unknown[0][0] if unknown else None,
        "more": more,
        "phone": whom_to_call(usher, phone),
    }


def _place(usher: Usher, words: Words, phone: str) -> Values:
    guest = guest_of(usher)
    question = _question(guest)
    return {
        "agency": agency_of(usher, words),
        "copy": guest.shown.copy,
        "question": question,
        "drawn": _drawn(question, face_down=usher.face_down),
        "side": _side(question, face_down=usher.face_down),
        "face_down": usher.face_down,
        "sheet": guest.shown.mode in (Mode.DOCUMENT, Mode.COPY),
        "by_itself": guest.feels_paper,
        "count": len(guest.shown.pages),
    }


# Seen from above: what is taken, and its other side; everything else is a sheet.
_DRAWN: Final = {
    "card_front.title": ("photo", "back"),
    "card_back.title": ("back", "photo"),
    "receipt_place.title": ("strip", "strip-blank"),
}


def _drawn(question: str, *, face_down: bool) -> tuple[str, str]:
    """What one has in the hand before it is turned over, nothing where it need not be; and what one sees when it lies there."""
    taken, other = _DRAWN.get(question, ("sheet", "sheet-blank"))
    if face_down:
        return taken, other
    return (other if question == "card_back.title" else ""), taken


def _side(question: str, *, face_down: bool) -> str:
    """Which side of it is up. Of a card the photo says which; for a sheet it stands in the sentence that says how to go on."""
    match question:
        case "card_front.title" | "card_back.title":
            photo_down = face_down is (question == "card_front.title")
            return "side.photo_down" if photo_down else "side.photo_up"
        case "receipt_place.title":
            return "side.writing_down" if face_down else "side.writing_up"
        case _:
            return ""


def _question(guest: Guest) -> str:
    """What is to be laid down now."""
    match guest.shown.mode:
        case Mode.COPY:
            return "copy_place.title"
        case Mode.CARD:
            return "card_back.title" if guest.sides.lacks_back(guest.sides.front) else "card_front.title"
        case Mode.RECEIPT:
            return "receipt_place.title"
        case _:
            return "place.title"


def _taking(usher: Usher, words: Words, phone: str) -> Values:
    return {"count": len(guest_of(usher).shown.pages)}


def _judge(usher: Usher, words: Words, phone: str) -> Values:
    guest = guest_of(usher)
    page = guest.judged
    assert page is not None
    faults = guest.faults.get(page, ())
    return {
        **_picture(usher, page),
        "fault": faults[0] if faults else "",
        "count": len(guest.shown.pages),
        "lying": guest.is_card(page),  # one side of it
        "lacks_back": guest.sides.lacks_back(page),
    }


def _picture(usher: Usher, page: int) -> Values:
    guest = guest_of(usher)
    place = guest.shown.pages.index(page) + 1
    return {"place": place, "picture_url": f"/page/{usher.stamp}/{page}?{guest.turned.get(page, 0)}"}


def _check(usher: Usher, words: Words, phone: str) -> Values:
    guest = guest_of(usher)
    pages = list(enumerate(guest.shown.pages, 1))
    shown, more = screenful(pages, guest.part, THUMBS)
    thumbs = [
        {"number": place, "picture": f"/thumb/{usher.stamp}/{page}?{guest.turned.get(page, 0)}", "do": f"page:{page}"}
        for place, page in shown
    ]
    return {"thumb_pages": thumbs, "more": more, "count": len(pages), "agency": agency_of(usher, words)}


def _page(usher: Usher, words: Words, phone: str) -> Values:
    guest = guest_of(usher)
    assert guest.looking is not None
    return _picture(usher, guest.looking)


def _handing(usher: Usher, words: Words, phone: str) -> Values:
    return {"agency": agency_of(usher, words)}


def _number(usher: Usher, words: Words, phone: str) -> Values:
    guest = guest_of(usher)
    receipt = guest.shown.receipt
    assert receipt is not None
    state = state_of(usher.reference.document(receipt))
    return {
        "receipt_number": receipt,
        "spoken": " ".join(receipt_words(receipt)),
        "qr": f"/qr/{usher.stamp}.svg",
        "state": state,
        "sign": sign_of(state),
        "sent": sent(usher),
        "slip": guest.slip,
        "printer": usher.handouts.possible,
    }


def _problem(usher: Usher, words: Words, phone: str) -> Values:
    guest = guest_of(usher)
    # Where the papers are at stake the next try is the same step once more.
    retry = guest.problem not in ("absent", "too-many", "turned-away") and guest.shown.state is not State.CHOOSE
    return {
        "told": _told(guest),
        "count": len(guest.shown.pages),
        # Nobody who is told to come again shall believe that their sheets wait here.
        "not_handed_in": guest.problem in ("full", "turned-away") and not guest.shown.copy,
        "retry": retry,
        "in_vain": guest.problem == "turned-away",  # whatever is tried from here
        "pages_max": limits.DOCUMENT_PAGES_MAX,
    }


AGAIN: Final = ("unreachable", "busy", "unreadable", "failed")  # whose words are to try once more


def _told(guest: Guest) -> str:
    """What to do, and what else when that has not helped."""
    if guest.problem not in AGAIN or guest.met < 2:
        return f"trouble.{guest.problem}"
    return "trouble.still_copy" if guest.shown.copy else "trouble.still"


def _help(usher: Usher, words: Words, phone: str) -> Values:
    directory = usher.reference.directory()
    now, following = "", ""
    if not phone and directory is not None:
        try:
            dispatcher = directories.dispatcher(directory)
        except Refused:
            pass
        else:
            state = office(dispatcher, hours.holidays_of(directory.holidays_region), usher.house.utc(), words)
            now, following = state.now, state.next
    number = whom_to_call(usher, phone)
    # Nobody is sent to a telephone that is not here; the number stands below.
    told = "help.lead_nobody" if not number else "help.lead_here" if usher.telephone else "help.lead"
    return {"told": told, "phone": number, "now": now, "next": following}


def _more_time(usher: Usher, words: Words, phone: str) -> Values:
    cleaning = usher.entrance.shut is Shut.CLEANING
    return {"seconds": usher.seconds_left, "cleaning": cleaning}


def _closed(usher: Usher, words: Words, phone: str) -> Values:
    return {"opens_at": usher.entrance.opens_at}


_BY_SCENE: Final[dict[str, Callable[[Usher, Words, str], Values]]] = {
    "rest": _rest,
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
    "help": _help,
    "more_time": _more_time,
    "closed": _closed,
    **looking_up.BY_SCENE,
}
