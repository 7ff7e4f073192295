"""What may be asked through the hatch of a running cabin, and what is told: JSON, one line each.

A request is one line; the answer is a stream of lines, each with its `event`. `failed` is always the last one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

from protocol.errors import Code, Mistake, Refused, Trouble, Unavailable

REQUEST_BYTES_MAX: Final = 1024 * 1024  # 300 paths of 3 KB
PATHS_MAX: Final = 300  # a page each, at least


class Submit(msgspec.Struct, frozen=True, tag_field="request", tag="submit", forbid_unknown_fields=True):
    """Hand in these files, as a scanner would; without `paths` what lies in the fitted scanner. `agency` or `service` names the addressee.
    `paths` are absolute. The stream ends with Accepted, or with Secured when that is waited for."""

    agency: str = ""
    service: str = ""
    paths: tuple[str, ...] = ()
    title: str = ""
    wait: Literal["accepted", "secured"] = "accepted"


class ShowStatus(msgspec.Struct, frozen=True, tag_field="request", tag="status", forbid_unknown_fields=True):
    """How is the cabin? One Status."""

    documents_max: int = 100


class Watch(msgspec.Struct, frozen=True, tag_field="request", tag="watch", forbid_unknown_fields=True):
    """Everything as it happens, until the asker hangs up: first a Status, then what is told of visits, and DocumentMoved."""


class Clean(msgspec.Struct, frozen=True, tag_field="request", tag="clean", forbid_unknown_fields=True):
    """Somebody begins to clean (`on`), or has ended. One Status, as it is then."""

    on: bool = True


Request = Submit | ShowStatus | Watch | Clean


class PageCaptured(msgspec.Struct, frozen=True, tag_field="event", tag="page"):
    """One page is in the spool. `visit` tells visits apart until there is a receipt number."""

    visit: str
    page: int
    encoding: str
    size_bytes: int
    blank: bool
    seconds: float


class Captured(msgspec.Struct, frozen=True, tag_field="event", tag="captured"):
    """All pages are there. `input_bytes`: of the files or scans they came from."""

    visit: str
    agency: str
    pages: int
    input_bytes: int
    seconds: float


class SealedUp(msgspec.Struct, frozen=True, tag_field="event", tag="sealed"):
    """The document is sealed to its agency; `seconds` is what sealing took."""

    visit: str
    receipt: str
    pdf_bytes: int
    envelope_bytes: int
    seconds: float


class Accepted(msgspec.Struct, frozen=True, tag_field="event", tag="accepted"):
    """*Angenommen*: durable in this cabin. `words` are the receipt number as words; `seconds` since it was confirmed."""

    visit: str
    receipt: str
    words: tuple[str, ...]
    agency: str
    connected: bool
    seconds: float


class Secured(msgspec.Struct, frozen=True, tag_field="event", tag="secured"):
    """*Gesichert*: the hub's signed receipt is stored in this cabin. `seconds` since it was confirmed."""

    receipt: str
    seconds: float


class Failed(msgspec.Struct, frozen=True, tag_field="event", tag="failed"):
    """It did not work; nothing was handed in unless Accepted came before. `code`: of errors.Code, `unavailable` or `mistake`."""

    code: str
    what: str
    remedy: str


class DocumentStatus(msgspec.Struct, frozen=True):
    """A document of this cabin. `state`: waiting, damaged, secured, fetched, accepted, returned, forwarded, lost; `at`: of that state."""

    receipt: str
    agency: str
    state: str
    size_bytes: int
    handed_in_at: datetime
    at: datetime


class DocumentMoved(msgspec.Struct, frozen=True, tag_field="event", tag="document"):
    """A document has a new state."""

    document: DocumentStatus


class LinkStatus(msgspec.Struct, frozen=True):
    """The line to the hub; `since` when it is known; `reason` in words while not connected. `turned_away`: the hub has not known this cabin for a
    while; nobody is received."""

    connected: bool
    since: datetime | None
    last_contact_at: datetime | None
    reason: str
    round_trip_seconds: float | None
    hub_offset_seconds: float | None
    turned_away: bool = False


class Status(msgspec.Struct, frozen=True, tag_field="event", tag="status"):
    """The cabin at `at`. `version` is that of this form; `documents` newest first; `visits` have begun and `looks` were taken at the screen by a
    browser that has drawn its first page, since the process began. `shut`: why no visitor is received now, `cleaning` or `closed`.
    `kept_documents`: secured ones whose sealed bytes are still here, should the hub come back from an older copy."""

    version: int
    at: datetime
    site: str
    running: bool
    process: int
    link: LinkStatus
    waiting_documents: int
    waiting_bytes: int
    oldest_seconds: float
    disk_free_bytes: int
    visitor: bool
    devices: dict[str, str]
    troubles: tuple[str, ...]
    directory_version: int
    documents: tuple[DocumentStatus, ...]
    visits: int = 0
    looks: int = 0
    shut: str = ""
    kept_documents: int = 0
    kept_bytes: int = 0


Told = PageCaptured | Captured | SealedUp | Accepted | Secured | Failed | DocumentMoved | Status

# msgspec says so only of bytes that are text and not nested without end.
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_encode = msgspec.json.Encoder().encode
_requests = msgspec.json.Decoder(Request)
_told = msgspec.json.Decoder(Told)


def line(noun: Request | Told) -> bytes:
    """One line, with its end."""
    return _encode(noun) + b"\n"


def request(raw: bytes) -> Request:
    """The request in a line. Raises Refused(MALFORMED)."""
    try:
        asked: Request = _requests.decode(raw)
    except _UNREADABLE as error:
        raise Refused(Code.MALFORMED, f"No request: {error}.") from error
    if isinstance(asked, Submit) and len(asked.paths) > PATHS_MAX:
        raise Refused(Code.TOO_LARGE, f"{len(asked.paths)} files at once; at most {PATHS_MAX} are taken.")
    return asked


def told(raw: bytes) -> Told:
    """What a line tells. Raises Refused(MALFORMED)."""
    try:
        noun: Told = _told.decode(raw)
    except _UNREADABLE as error:
        raise Refused(Code.MALFORMED, f"The cabin answered something that is no answer: {error}.") from error
    return noun


def failed(trouble: Trouble) -> Failed:
    """The trouble as it goes through the hatch."""
    match trouble:
        case Refused():
            code = str(trouble.code)
        case Unavailable():
            code = "unavailable"
        case _:
            code = "mistake"
    return Failed(code, trouble.what, trouble.remedy)


def trouble(failed: Failed) -> Trouble:
    """Inverse of `failed`."""
    if failed.code == "unavailable":
        return Unavailable(failed.what, failed.remedy)
    if failed.code == "mistake" or failed.code not in set(Code):
        return Mistake(failed.what, failed.remedy)
    return Refused(Code(failed.code), failed.what, failed.remedy)
