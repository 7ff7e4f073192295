"""What several pages are told in the same way."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from edge.kiosk.guest import Guest
from edge.kiosk.usher import Usher
from edge.storage.documents import Document
from edge.storage.documents import State as DocumentState
from protocol import directory as directories
from protocol.errors import Refused

ON_ONE_SCREEN: Final = 4  # choices (screens.md 6a)

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


def whom_to_call(usher: Usher, phone: str) -> str:
    """Whom to call: as configured, else the dispatcher of the directory."""
    directory = usher.reference.directory()
    if phone or directory is None:
        return phone
    try:
        return directories.dispatcher(directory).phone
    except Refused:
        return ""


def screenful(things: list[T], number: int, size: int) -> tuple[list[T], bool]:
    """The number-th screen full of these, turning round at the end; and whether there is more than one."""
    parts = max(1, -(-len(things) // size))
    begin = (number % parts) * size
    return things[begin : begin + size], parts > 1
