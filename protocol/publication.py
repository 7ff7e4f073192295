"""What makes a directory acceptable: signed by the authority, on the chain, and sound in itself. SPEC.md section 8."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from protocol import codec, hours, limits
from protocol.directory import NO_DIRECTORY, Agency, CabinRow, Directory, HubRow
from protocol.errors import Code, Refused
from protocol.ids import CODE_LETTERS, agency_id, area_id, service_id, site_id
from protocol.manifest import Signed, digest_of, unverified, verify
from protocol.recipients import HybridRecipient, parse_recipient

_KEY_BYTES: Final = 32
_ADDRESS = re.compile(r"tcp://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_CODE = re.compile(rf"[{CODE_LETTERS}]{{3}}")


def verify_first(signed: Signed, authority_key: bytes) -> Directory:
    """The directory a node takes when it holds none yet; any version will do, for a cabin may join late.

    Raises Refused: BAD_SIGNATURE when `authority_key` (Ed25519, 32 bytes, pinned at enrolment) did not sign it, MALFORMED when it is not
    sound."""
    directory = verify(Directory, signed, authority_key, limits.DIRECTORY_BYTES_MAX)
    validate(directory)
    return directory


def verify_successor(current: Signed, new: Signed, authority_key: bytes) -> Directory:
    """The directory that takes the place of `current`, which was accepted before; the same one again is no error.

    A node that was away is offered only the newest, and cannot check the links between. So a higher version with a valid signature may
    skip versions; where it is the very next one, its `previous` must be the digest of `current`. Raises Refused as `verify_first` does,
    and OFF_CHAIN for an older one, for the same version with another body, and for a next one that follows another directory."""
    held = unverified(Directory, current, limits.DIRECTORY_BYTES_MAX)
    directory = verify_first(new, authority_key)
    if directory.version < held.version:
        raise Refused(
            Code.OFF_CHAIN,
            f"Directory {directory.version} is older than {held.version}, which is in force here.",
            "Publish a new version; an old one is never taken back.",
        )
    if directory.version == held.version and new.body != current.body:
        raise Refused(Code.OFF_CHAIN, f"There are two different directories with the version {held.version}.")
    if directory.version == held.version + 1 and directory.previous != digest_of(current):
        raise Refused(
            Code.OFF_CHAIN,
            f"Directory {directory.version} does not follow the one with version {held.version} held here.",
        )
    return directory


def validate(directory: Directory) -> None:
    """Raises Refused that names every mistake: MALFORMED, or TOO_LARGE when it has more than limits.DIRECTORY_BYTES_MAX bytes."""
    size_bytes = len(codec.encode(directory))
    if size_bytes > limits.DIRECTORY_BYTES_MAX:
        raise Refused(
            Code.TOO_LARGE,
            f"A directory of {size_bytes} bytes; at most {limits.DIRECTORY_BYTES_MAX} are allowed.",
            "Remove cabins and agencies that are no longer there.",
        )
    found = list(mistakes(directory))
    if found:
        raise Refused(
            Code.MALFORMED,
            f"The directory has {len(found)} mistake{'s' * (len(found) > 1)}: {'; '.join(found)}.",
            "Correct this in the drafts and publish again.",
        )


def mistakes(directory: Directory) -> Iterator[str]:
    """What is wrong with it, one after the other, in words."""
    if directory.version < 1:
        yield f"version {directory.version} is less than 1"
    if len(directory.previous) != _KEY_BYTES:
        yield "the digest of the directory before has not 32 bytes"
    elif (directory.previous == NO_DIRECTORY) != (directory.version == 1):
        yield "the first directory, and only the first, follows none"
    if directory.published_at.tzinfo is None:
        yield "the time of publication has no zone"
    yield from _refused(hours.holidays_of, directory.holidays_region)
    yield from _in("hub", _hub(directory.hub))
    yield from _twice("agency", (agency.id for agency in directory.agencies))
    for agency in directory.agencies:
        yield from _in(f"agency {agency.id}", _agency(agency))
    if not any(agency.dispatcher for agency in directory.agencies):
        yield "no agency is the dispatcher"
    yield from _services_and_routes(directory)
    yield from _twice("cabin", (cabin.site for cabin in directory.cabins))
    yield from _twice("receipt code", (cabin.code for cabin in directory.cabins))
    yield from _twice("key", (cabin.curve_key.hex() for cabin in directory.cabins))
    for cabin in directory.cabins:
        yield from _in(f"cabin {cabin.site}", _cabin(cabin))


def _hub(hub: HubRow) -> Iterator[str]:
    yield from _text("name", hub.name)
    yield from address_mistakes(hub.address)
    yield from _key("CURVE key", hub.curve_key)
    yield from _key("signing key", hub.signing_key)
    yield from _recipient("journal recipient", hub.journal_recipient)


def _agency(agency: Agency) -> Iterator[str]:
    yield from _refused(agency_id, agency.id)
    yield from _text("name", agency.name)
    yield from _text("short name", agency.short)
    yield from hours.mistakes(agency.hours)
    epoch = 0
    for key in agency.inboxes:
        if key.epoch <= epoch:
            yield f"inbox epoch {key.epoch} does not come after {epoch}"
        epoch = key.epoch
        yield from _recipient(f"inbox key of epoch {key.epoch}", key.recipient)
    if agency.signing_key is not None:
        yield from _key("signing key", agency.signing_key)
    elif agency.inboxes:
        yield "it takes documents and has no key to sign receipts with"


def _services_and_routes(directory: Directory) -> Iterator[str]:
    services = {service.id for service in directory.services}
    agencies = {agency.id for agency in directory.agencies}
    yield from _twice("service", (service.id for service in directory.services))
    for service in directory.services:
        yield from _refused(service_id, service.id)
        yield from _in(f"service {service.id}", _text("name", service.name))
        yield from _in(f"service {service.id}", _text("concern in plain words", service.plain))
    yield from _twice("route", (f"{route.service} in {route.area}" for route in directory.routes))
    for route in directory.routes:
        if route.service not in services:
            yield f"a route names the service {route.service}, which there is not"
        if route.agency not in agencies:
            yield f"a route names the agency {route.agency}, which there is not"
        yield from _refused(area_id, route.area)


def _cabin(cabin: CabinRow) -> Iterator[str]:
    yield from _refused(site_id, cabin.site)
    yield from _text("name", cabin.name)
    yield from code_mistakes(cabin.code)
    yield from _refused(area_id, cabin.area)
    yield from _key("signing key", cabin.signing_key)
    yield from _key("CURVE key", cabin.curve_key)


def address_mistakes(address: str) -> Iterator[str]:
    """What is wrong with the address of a hub, in words."""
    fitting = _ADDRESS.fullmatch(address)
    if fitting is None or not 0 < int(fitting[1]) < 65536:
        yield f"“{address[:80]}” is no address as in tcp://hub.example:7400"


def code_mistakes(code: str) -> Iterator[str]:
    """What is wrong with the code that a cabin's receipt numbers begin with, in words."""
    if _CODE.fullmatch(code) is None:
        yield f"“{code[:20]}” is no code of three letters as in 7K2 (without 0 O 1 I L)"


def _in(place: str, found: Iterable[str]) -> Iterator[str]:
    return (f"{place}: {what}" for what in found)


def _twice(kind: str, names: Iterable[str]) -> Iterator[str]:
    return (f"{kind} {name} is there {count} times" for name, count in Counter(names).items() if count > 1)


def _text(kind: str, text: str) -> Iterator[str]:
    if not text.strip() or len(text) > limits.TITLE_CHARS_MAX:
        yield f"its {kind} has {len(text)} characters, not 1 to {limits.TITLE_CHARS_MAX}"


def _key(kind: str, key: bytes) -> Iterator[str]:
    if len(key) != _KEY_BYTES:
        yield f"its {kind} has {len(key)} bytes, not {_KEY_BYTES}"


def _recipient(kind: str, text: str) -> Iterator[str]:
    try:
        recipient = parse_recipient(text)
    except Refused as error:
        yield f"its {kind} is none: {error.what.rstrip('.')}"
        return
    if not isinstance(recipient, HybridRecipient) or str(recipient) != text:
        yield f"its {kind} is not post-quantum (age1pq1…)"


def _refused(check: Callable[[str], object], text: str) -> Iterator[str]:
    try:
        check(text)
    except Refused as error:
        yield error.what.rstrip(".")
