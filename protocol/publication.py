"""What makes a directory acceptable: signed by the authority, on the chain, and sound in itself. SPEC.md section 10."""

from __future__ import annotations

from collections.abc import Iterator

from protocol import codec, hours, limits, soundness
from protocol.directory import (
    BRING_MAX,
    GERMAN,
    LANGUAGES_MAX,
    NO_DIRECTORY,
    Agency,
    AgencyTexts,
    CabinRow,
    Directory,
    HubRow,
    Service,
    ServiceTexts,
)
from protocol.errors import Code, Refused
from protocol.ids import agency_id, area_id, language_tag, service_id, site_id
from protocol.manifest import Signed, digest_of, unverified, verify


def verify_first(signed: Signed, authority_key: bytes) -> Directory:
    """The directory a node takes when it holds none yet; any version will do, for a cabin may join late.

    Raises Refused: BAD_SIGNATURE when `authority_key` (Ed25519, 32 bytes, pinned at enrolment) did not sign it, MALFORMED when it is not
    sound."""
    directory = verify(Directory, signed, authority_key, limits.DIRECTORY_BYTES_MAX)
    _expect_sound(directory)
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
    """May this draft be signed? Raises Refused that names every mistake: MALFORMED, or TOO_LARGE when it has more than
    limits.DIRECTORY_BYTES_MAX bytes."""
    raw = codec.encode(directory)
    if len(raw) > limits.DIRECTORY_BYTES_MAX:
        raise Refused(
            Code.TOO_LARGE,
            f"A directory of {len(raw)} bytes; at most {limits.DIRECTORY_BYTES_MAX} are allowed.",
            "Remove cabins and agencies that are no longer there.",
        )
    _expect_sound(codec.decode(Directory, raw, len(raw)))  # nobody could read it with a key that is none


def _expect_sound(directory: Directory) -> None:
    soundness.expect("directory", mistakes(directory), "Correct this in the drafts and publish again.")


def mistakes(directory: Directory) -> Iterator[str]:
    """What is wrong with it, one after the other, in words."""
    if directory.version < 1:
        yield f"version {directory.version} is less than 1"
    if (directory.previous == NO_DIRECTORY) != (directory.version == 1):
        yield "the first directory, and only the first, follows none"
    yield from soundness.refused(hours.holidays_of, directory.holidays_region)
    yield from soundness.within("hub", _hub(directory.hub))
    yield from soundness.twice("agency", (agency.id for agency in directory.agencies))
    for agency in directory.agencies:
        yield from soundness.within(f"agency {agency.id}", agency_mistakes(agency))
    if not any(agency.dispatcher for agency in directory.agencies):
        yield "no agency is the dispatcher"
    yield from _services_and_routes(directory)
    yield from soundness.twice("cabin", (cabin.site for cabin in directory.cabins))
    former = [(former.agency, former.signing_key.hex()) for former in directory.former_keys]
    yield from soundness.twice("former key", (" ".join(each) for each in former))
    for id, _ in former:
        yield from soundness.within("former key", soundness.refused(agency_id, id))
    every = (*directory.cabins, *directory.former_cabins)
    yield from soundness.twice("receipt code", (cabin.code for cabin in every))
    yield from soundness.twice("key", (cabin.curve_key.hex() for cabin in every))
    for cabin in every:
        yield from soundness.within(f"cabin {cabin.site}", _cabin(cabin))


def _hub(hub: HubRow) -> Iterator[str]:
    yield from soundness.text("name", hub.name)
    yield from soundness.address(hub.address)
    yield from soundness.recipient("journal recipient", hub.journal_recipient)


def agency_mistakes(agency: Agency) -> Iterator[str]:
    """What is wrong with one of them, by itself."""
    yield from soundness.refused(agency_id, agency.id)
    yield from soundness.text("name", agency.name)
    yield from soundness.text("short name", agency.short)
    yield from hours.mistakes(agency.hours)
    epoch = 0
    for key in agency.inboxes:
        if key.epoch <= epoch:
            yield f"inbox epoch {key.epoch} does not come after {epoch}"
        epoch = key.epoch
        yield from soundness.recipient(f"inbox key of epoch {key.epoch}", key.recipient)
    if agency.inboxes and agency.signing_key is None:
        yield "it takes documents and has no key to sign receipts with"
    yield from _languages(agency.texts)
    for texts in agency.texts:
        for kind, words in (("name", texts.name), ("short name", texts.short)):
            yield from _translated(f"{kind} in {texts.language}", words)


def _services_and_routes(directory: Directory) -> Iterator[str]:
    services = {service.id for service in directory.services}
    agencies = {agency.id for agency in directory.agencies}
    yield from soundness.twice("service", (service.id for service in directory.services))
    for service in directory.services:
        yield from soundness.refused(service_id, service.id)
        yield from soundness.within(f"service {service.id}", service_mistakes(service))
    yield from soundness.twice("route", (f"{route.service} in {route.area}" for route in directory.routes))
    for route in directory.routes:
        if route.service not in services:
            yield f"a route names the service {route.service}, which there is not"
        if route.agency not in agencies:
            yield f"a route names the agency {route.agency}, which there is not"
        yield from soundness.refused(area_id, route.area)


def service_mistakes(service: Service) -> Iterator[str]:
    """What is wrong with one of them, by itself."""
    yield from soundness.text("name", service.name)
    yield from soundness.text("concern in plain words", service.plain)
    for paper in service.bring:
        yield from soundness.text("paper to bring", paper)
    if len(service.bring) > BRING_MAX:
        yield f"{len(service.bring)} papers to bring are more than {BRING_MAX}"
    yield from _languages(service.texts)
    for texts in service.texts:
        yield from _translated(f"concern in {texts.language}", texts.plain)
        for paper in texts.bring:
            yield from soundness.text(f"paper to bring in {texts.language}", paper)
        if texts.bring and len(texts.bring) != len(service.bring):
            yield f"{len(texts.bring)} papers to bring in {texts.language} are not the {len(service.bring)} in German"


def _languages(texts: tuple[AgencyTexts, ...] | tuple[ServiceTexts, ...]) -> Iterator[str]:
    """Each once, and none of them German: that is told beside them."""
    if len(texts) > LANGUAGES_MAX:
        yield f"{len(texts)} languages are more than {LANGUAGES_MAX}"
    yield from soundness.twice("language", (each.language for each in texts))
    for each in texts:
        yield from soundness.refused(language_tag, each.language)
        if each.language == GERMAN:
            yield "its German texts stand among those of other languages"


def _translated(kind: str, words: str) -> Iterator[str]:
    if words:
        yield from soundness.text(kind, words)


def _cabin(cabin: CabinRow) -> Iterator[str]:
    yield from soundness.refused(site_id, cabin.site)
    yield from soundness.text("name", cabin.name)
    yield from soundness.code(cabin.code)
    yield from soundness.refused(area_id, cabin.area)
