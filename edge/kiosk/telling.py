"""What several pages are told in the same way."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from markupsafe import Markup

from edge import directory_texts
from edge.kiosk.concerns import Concern
from edge.kiosk.guest import Guest
from edge.kiosk.language import Words
from edge.kiosk.usher import Usher
from edge.storage.documents import Document
from edge.storage.documents import State as DocumentState
from protocol import directory as directories
from protocol.errors import Refused

ON_ONE_SCREEN: Final = 4  # choices; more are not taken in at a glance

Values = dict[str, Any]
T = TypeVar("T")


def guest_of(usher: Usher) -> Guest:
    """Whoever the page is shown to."""
    assert usher.guest is not None
    return usher.guest


def state_of(document: Document | None) -> str:
    """The only words for success, each only when it is true. That the agency has fetched it does not mean that anybody has looked."""
    match document.state if document is not None else DocumentState.WAITING:
        case DocumentState.ACCEPTED:
            return "accepted"
        case DocumentState.SECURED | DocumentState.FETCHED | DocumentState.FORWARDED:
            return "arrived"
        case DocumentState.RETURNED:
            return "returned"
        case DocumentState.DAMAGED:
            return "damaged"
        case DocumentState.LOST:
            return "lost"
        case _:
            return "saved"


def sign_of(state: str) -> str:
    """What stands beside these words: a tick, or for what the visitor must act upon a sign of warning."""
    return "warning" if state in ("returned", "damaged", "lost") else "success"


def sent(usher: Usher) -> str:
    """The key of how papers that are still here go on; empty where they do not."""
    if not usher.able.arrive:
        return ""
    return "say.sent_now" if usher.house.connected() else "say.sent_later"


def agency_of(usher: Usher, words: Words) -> Markup:
    """Who gets the papers, in short; empty while nobody was chosen."""
    chosen = guest_of(usher).concern
    if chosen is None:
        return Markup()
    return words.shown(directory_texts.agency_short(chosen.agency, words.language.directory_tag))


def whom_to_call(usher: Usher, phone: str) -> str:
    """Whom to call: as configured, else the dispatcher of the directory."""
    directory = usher.reference.directory()
    if phone or directory is None:
        return phone
    try:
        return directories.dispatcher(directory).phone
    except Refused:
        return ""


def labelled(choices: list[tuple[int, Concern]], words: Words) -> list[tuple[int, Markup, Markup]]:
    """What stands on the buttons of these concerns: place, the concern, and who is competent for it."""
    language = words.language.directory_tag
    return [
        (place, words.shown(said), words.shown(directory_texts.agency_short(choice.agency, language)))
        for place, choice in choices
        if (said := choice.words(language)) is not None
    ]


def screenful(things: list[T], number: int, size: int) -> tuple[list[T], bool]:
    """The number-th screen full of these, turning round at the end; and whether there is more than one."""
    parts = max(1, -(-len(things) // size))
    begin = (number % parts) * size
    return things[begin : begin + size], parts > 1
