"""The directory: which agencies, services, cabins and keys there are, signed by the authority. SPEC.md section 10.

Cabins and agencies pin the authority's key; whoever runs the hub cannot swap an inbox key. This file holds the nouns and the look-ups;
what makes a directory acceptable is `publication`.
"""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from protocol.codec import Hash, Key, Moment, Number
from protocol.errors import Code, Refused
from protocol.hours import Hours
from protocol.ids import AgencyId, AreaId, LanguageTag, ServiceId, SiteId
from protocol.manifest import Signable

GERMAN: Final = LanguageTag("de")  # what the directory itself is in
NO_DIRECTORY: Final = bytes(32)  # `previous` of version 1
BRING_MAX: Final = 12  # papers for one service: three screens of a cabin, one sheet in large print
LANGUAGES_MAX: Final = 24  # beside German: as many as the European Union has, and nobody's screen offers more


class InboxKey(msgspec.Struct, frozen=True, array_like=True):
    """Whom to seal to: recipient `age1pq1…` of an agency's inbox, from `epoch` (1, 2, 3 …) on."""

    epoch: Number
    recipient: str


class AgencyTexts(msgspec.Struct, frozen=True, array_like=True):
    """What an agency is called in another language than German; empty: as in German."""

    language: LanguageTag
    name: str = ""
    short: str = ""


class ServiceTexts(msgspec.Struct, frozen=True, array_like=True):
    """What is told about a service in another language than German; empty: as in German. `bring`: none, or a text for each German one."""

    language: LanguageTag
    plain: str = ""
    bring: tuple[str, ...] = ()


class Agency(msgspec.Struct, frozen=True, array_like=True):
    """An office that people speak with. It takes documents iff it has `inboxes`: newest last, old epochs kept until their last document is
    gone. `signing_key`: Ed25519, 32 bytes, for its receipts. `name` is German and in full, `short` fits on a button. A `dispatcher`
    is asked by whoever does not know which agency is theirs. `texts`: in other languages; German stands beside them."""

    id: AgencyId
    name: str
    short: str
    hours: Hours
    phone: str = ""
    address: str = ""
    inboxes: tuple[InboxKey, ...] = ()
    signing_key: Key | None = None
    dispatcher: bool = False
    texts: tuple[AgencyTexts, ...] = ()


class FormerKey(msgspec.Struct, frozen=True, array_like=True):
    """What an agency signed with (Ed25519, 32 bytes) before it made new keys or left: receipts that bear it may still be on their way."""

    agency: AgencyId
    signing_key: Key


class Service(msgspec.Struct, frozen=True, array_like=True):
    """What people come for: LeiKa key, official name, the concern in plain words (German), and words that people search it by. `bring`: the
    papers that are asked for, in plain German words, at most BRING_MAX. `texts`: in other languages; German stands beside them."""

    id: ServiceId
    name: str
    plain: str
    keywords: tuple[str, ...] = ()
    bring: tuple[str, ...] = ()
    texts: tuple[ServiceTexts, ...] = ()


class Route(msgspec.Struct, frozen=True, array_like=True):
    """For `service` in the places whose regional key begins with `area`, `agency` is competent."""

    service: ServiceId
    area: AreaId
    agency: AgencyId


class CabinRow(msgspec.Struct, frozen=True, array_like=True):
    """A cabin that is admitted. `code`: three letters that its receipt numbers begin with. Keys: Ed25519 and CURVE public, 32 bytes each."""

    site: SiteId
    name: str
    code: str
    area: AreaId
    address: str
    signing_key: Key
    curve_key: Key


class HubRow(msgspec.Struct, frozen=True, array_like=True):
    """The hub: `address` as in `tcp://hub.example:7400`, public keys of 32 bytes, and the recipient `age1pq1…` of the cabins' journal keys."""

    name: str
    address: str
    curve_key: Key
    signing_key: Key
    journal_recipient: str


class Directory(Signable, frozen=True, array_like=True):
    """Everything cabins and agencies must believe about each other. `version` grows by 1; `previous` is the SHA-256 of the signed body
    before, NO_DIRECTORY for the first. `holidays_region` as in `DE-BB`. `former_cabins`: machines that were replaced or revoked; what they
    signed before may still lie unopened in an inbox. `former_keys`: of agencies, none of which is its key today."""

    context: ClassVar[bytes] = b"kabine/directory/1"
    grows: ClassVar[bool] = True

    version: Number
    previous: Hash
    published_at: Moment
    hub: HubRow
    agencies: tuple[Agency, ...]
    services: tuple[Service, ...]
    routes: tuple[Route, ...]
    cabins: tuple[CabinRow, ...]
    holidays_region: str
    former_cabins: tuple[CabinRow, ...] = ()
    former_keys: tuple[FormerKey, ...] = ()


def competent(directory: Directory, service: ServiceId, area: AreaId) -> Agency:
    """The agency for `service` at the place `area`: of the routes whose area begins its regional key the longest wins. Raises
    Refused(UNKNOWN_AGENCY) when there is none."""
    fitting = [route for route in directory.routes if route.service == service and area.startswith(route.area)]
    if not fitting:
        raise Refused(
            Code.UNKNOWN_AGENCY,
            f"No agency is named for service {service} in area {area}.",
            "Ask the dispatcher, or add a route to the directory.",
        )
    return agency(directory, max(fitting, key=lambda route: len(route.area)).agency)


def agency(directory: Directory, id: AgencyId) -> Agency:
    """Raises Refused(UNKNOWN_AGENCY)."""
    for candidate in directory.agencies:
        if candidate.id == id:
            return candidate
    raise Refused(Code.UNKNOWN_AGENCY, f"The directory knows no agency “{id[:80]}”.")


def signing_keys(directory: Directory, id: AgencyId) -> tuple[Key, ...]:
    """What agency `id` signs with, then what it signed with before; it may have left since. Raises Refused(UNKNOWN_AGENCY) when there is none."""
    now = tuple(each.signing_key for each in directory.agencies if each.id == id and each.signing_key is not None)
    known = (*now, *(former.signing_key for former in directory.former_keys if former.agency == id))
    if not known:
        raise Refused(Code.UNKNOWN_AGENCY, f"The directory names no signing key of “{id[:80]}”.")
    return known


def cabin(directory: Directory, site: SiteId) -> CabinRow:
    """Raises Refused(NOT_ENROLLED)."""
    for candidate in directory.cabins:
        if candidate.site == site:
            return candidate
    raise Refused(Code.NOT_ENROLLED, f"The directory knows no cabin “{site[:80]}”.")


def machines(directory: Directory, site: SiteId) -> tuple[CabinRow, ...]:
    """The cabin at `site` and all that stood there before, newest first: one of them signed what came from there. Raises
    Refused(NOT_ENROLLED) when there never was one."""
    known = tuple(row for row in (*directory.cabins, *directory.former_cabins) if row.site == site)
    if not known:
        cabin(directory, site)
    return known


def service(directory: Directory, id: ServiceId) -> Service:
    """Raises Refused(UNKNOWN_AGENCY): without the service there is no agency for it."""
    for candidate in directory.services:
        if candidate.id == id:
            return candidate
    raise Refused(
        Code.UNKNOWN_AGENCY,
        f"The directory knows no service “{id[:80]}”.",
        "Look at `kabine directory show` for the services there are.",
    )


def dispatcher(directory: Directory) -> Agency:
    """The first agency that is one. Raises Refused(UNKNOWN_AGENCY)."""
    for candidate in directory.agencies:
        if candidate.dispatcher:
            return candidate
    raise Refused(Code.UNKNOWN_AGENCY, "The directory names no dispatcher.")


def inbox(agency: Agency) -> InboxKey:
    """The key to seal to today. Raises Refused(BAD_KEY) when the agency takes no documents."""
    if not agency.inboxes:
        raise Refused(
            Code.BAD_KEY,
            f"“{agency.id}” takes no documents: it has no inbox key.",
            "Run `kabine inbox keygen` at the agency, then `kabine agency key` with its card at the hub, and publish the directory.",
        )
    return agency.inboxes[-1]
