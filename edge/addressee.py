"""For whom a document is: from what the visitor chose to the key it is sealed to."""

from __future__ import annotations

from typing import NamedTuple

from protocol import directory as directories
from protocol import limits
from protocol.directory import Agency, Directory, InboxKey
from protocol.errors import Code, Refused
from protocol.ids import AgencyId, AreaId, ServiceId, service_id


class Addressee(NamedTuple):
    """An agency that takes documents, the inbox key of today, and the service, if one was named."""

    agency: Agency
    inbox: InboxKey
    service: ServiceId | None
    title: str


def addressee(directory: Directory, agency: str, service: str, area: AreaId, title: str = "") -> Addressee:
    """By `agency` when it is named, else the competent one for `service` in `area`. An empty title becomes the service's name.

    Raises Refused naming the agencies there are: UNKNOWN_AGENCY for none such, BAD_KEY for one that takes no documents."""
    known = directories.service(directory, service_id(service)) if service else None
    if agency:
        chosen = _named(directory, agency)
    elif known is not None:
        chosen = directories.competent(directory, known.id, area)
    else:
        raise Refused(Code.UNKNOWN_AGENCY, "Neither an agency nor a service was named.", _choose(directory))
    if not chosen.inboxes:
        raise Refused(
            Code.BAD_KEY,
            f"“{chosen.id}” takes no documents: it has no inbox key.",
            f"Give it one with `kabine agency key {chosen.id}` at the hub. {_choose(directory)}",
        )
    title = title.strip() or (known.name if known else "Unterlagen")[: limits.TITLE_CHARS_MAX]
    if len(title) > limits.TITLE_CHARS_MAX:
        raise Refused(
            Code.TOO_LARGE,
            f"The title has {len(title)} characters; at most {limits.TITLE_CHARS_MAX} are allowed.",
            "Choose a shorter title.",
        )
    if not title.isprintable():
        raise Refused(
            Code.MALFORMED, "The title has characters that cannot be printed, or line breaks.", "Write it on one line."
        )
    return Addressee(chosen, directories.inbox(chosen), known.id if known else None, title)


def _named(directory: Directory, agency: str) -> Agency:
    try:
        return directories.agency(directory, AgencyId(agency))
    except Refused as refused:
        raise Refused(refused.code, refused.what, _choose(directory)) from refused


def _choose(directory: Directory) -> str:
    names = sorted(agency.id for agency in directory.agencies if agency.inboxes)
    if not names:
        return "No agency takes documents yet; see `kabine agency add` at the hub."
    return f"Choose one of: {', '.join(names)}."
