"""The draft of the next directory: agencies, services and routes as the operator edits them. Nothing here is in force before `publish`."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from cloud.storage import schema
from cloud.storage.database import stored, upsert
from protocol import codec, hours, limits
from protocol.contacts import InboxCard
from protocol.directory import Agency, AgencyTexts, Directory, FormerKey, InboxKey, Route, Service, ServiceTexts
from protocol.errors import Code, Refused
from protocol.hours import Hours
from protocol.ids import AgencyId, AreaId, LanguageTag, ServiceId

_REMOVED: Final = b""  # in place of the definition of an agency that leaves with the next directory


def agencies(connection: Connection) -> tuple[Agency, ...]:
    """All agencies, by identifier."""
    column = schema.agency.c
    there = select(column.definition).where(column.definition != _REMOVED).order_by(column.id)
    return tuple(_agency(raw) for raw in connection.execute(there).scalars())


def agency(connection: Connection, id: AgencyId) -> Agency:
    """Raises Refused(UNKNOWN_AGENCY), naming those there are."""
    raw = _definition(connection, id)
    if not raw:
        known = ", ".join(each.id for each in agencies(connection)) or "none"
        raise Refused(
            Code.UNKNOWN_AGENCY,
            f"There is no agency “{id[:80]}”; known: {known}.",
            "Look at `kabine agency list`, or add it with `kabine agency add`.",
        )
    return _agency(raw)


def add_agency(connection: Connection, new: Agency) -> None:
    """Raises Refused when the name is taken or the hours are wrong."""
    if _definition(connection, new.id):
        raise Refused(
            Code.MALFORMED,
            f"There is an agency “{new.id}” already.",
            f"Correct it with `kabine agency change {new.id}`, give it a key with `kabine agency key {new.id} --card …`, or take another name.",
        )
    _check(new.hours)
    connection.execute(delete(schema.agency).where(schema.agency.c.id == new.id))  # one that was to leave
    connection.execute(insert(schema.agency).values(id=new.id, definition=codec.encode(new)))


def change_agency(connection: Connection, id: AgencyId, **changes: Any) -> Agency:
    """Replace fields of an agency; other languages keep what was made from words that stay. Raises Refused for an unknown one, and for wrong
    hours."""
    before = agency(connection, id)
    changed = msgspec.structs.replace(before, **changes)
    if "texts" not in changes:
        kept = (_still_called(texts, before, changed) for texts in before.texts)
        changed = msgspec.structs.replace(changed, texts=tuple(texts for texts in kept if texts.name or texts.short))
    _check(changed.hours)
    _write(connection, changed)
    return changed


def _still_called(texts: AgencyTexts, before: Agency, after: Agency) -> AgencyTexts:
    name = texts.name if before.name == after.name else ""
    return AgencyTexts(texts.language, name, texts.short if before.short == after.short else "")


def remove_agency(connection: Connection, id: AgencyId, *, stolen: bool = False) -> None:
    """Take an agency and its routes out of the next directory; until that is in force cabins seal to it, and its connector is admitted. Raises
    Refused while documents lie unopened in its inbox.

    `stolen`: nothing more that its keys sign is believed, which can be said as well of one that has left already."""
    if not (stolen and _has_left(connection, id)):
        leaving = agency(connection, id)
        expect_empty(connection, id)
        _formerly(connection, id, leaving.signing_key)
        connection.execute(delete(schema.route).where(schema.route.c.agency == id))
        connection.execute(update(schema.agency).where(schema.agency.c.id == id).values(definition=_REMOVED))
    if stolen:
        disown(connection, id)


def let_go(connection: Connection, before: Directory, after: Directory) -> None:
    """With `after` in force, agencies that were removed are gone, their connectors too. Raises Refused while documents lie unopened in an inbox
    that only `before` knows: nobody could fetch them any more."""
    staying = {each.id for each in after.agencies}
    for each in before.agencies:
        if each.id not in staying:
            expect_empty(connection, each.id)
    column = schema.agency.c
    connection.execute(delete(schema.agency).where(column.definition == _REMOVED, column.id.not_in(staying)))


def expect_empty(connection: Connection, id: AgencyId) -> None:
    """Raises Refused while documents lie unopened in this inbox."""
    column = schema.document.c
    open_states = ("announced", "stored", "fetched", "forwarded")
    waiting = connection.execute(
        select(column.envelope).where(column.agency == id, column.state.in_(open_states))
    ).all()
    if waiting:
        raise Refused(
            Code.OUT_OF_ORDER,
            f"{len(waiting)} document{'s' * (len(waiting) != 1)} for “{id}” {'is' if len(waiting) == 1 else 'are'} neither accepted nor returned.",
            "Empty the inbox with `kabine inbox pull` first.",
        )


def set_inbox_key(connection: Connection, card: InboxCard) -> Agency:
    """Take over the keys on an inbox card, whose own signature was checked when it was read. With a card that is older than the newest one known
    what was sealed to it is served, nothing else: a hub that came back from a backup, or has taken the agency in anew, may have to be told of it.

    What the agency signed with until now stays in the directory as a former key, so that cabins that were away believe its receipts.

    The same card again changes nothing. Raises Refused: UNKNOWN_AGENCY; OUT_OF_ORDER when there is another key of this epoch; BAD_KEY when its
    connector's key belongs to another agency."""
    known = agency(connection, card.agency)
    key, newest = InboxKey(card.epoch, card.recipient), known.inboxes[-1].epoch if known.inboxes else 0
    if key not in known.inboxes:
        if any(each.epoch == card.epoch for each in known.inboxes):
            raise Refused(
                Code.OUT_OF_ORDER,
                f"“{card.agency}” has another key of epoch {card.epoch} already.",
                f"Make new keys with `kabine inbox keygen --epoch {newest + 1}` (docs/keys.md).",
            )
        inboxes = sorted((*known.inboxes, key), key=lambda each: each.epoch)
        known = msgspec.structs.replace(known, inboxes=tuple(inboxes))
    if known.signing_key != card.signing_key:
        _formerly(connection, card.agency, card.signing_key if card.epoch < newest else known.signing_key)
    if card.epoch < newest:
        _write(connection, known)
        return known
    known = msgspec.structs.replace(known, signing_key=card.signing_key)
    column = schema.agency.c
    query = select(column.id).where(column.curve_key == card.curve_key, column.id != card.agency)
    other = connection.execute(query).scalar()
    if other is not None:
        raise Refused(
            Code.BAD_KEY,
            f"The connector's key on this card belongs to “{other}”.",
            "Make keys for every agency of its own with `kabine inbox keygen`.",
        )
    _write(connection, known)
    connection.execute(update(schema.agency).where(column.id == card.agency).values(curve_key=card.curve_key))
    return known


def former_keys(connection: Connection) -> tuple[FormerKey, ...]:
    """What agencies signed with before, do not sign with today, and nobody has stolen."""
    column = schema.former_key.c
    believed = select(schema.former_key).where(~column.stolen).order_by(column.agency, column.signing_key)
    rows = connection.execute(believed)
    today = {(each.id, each.signing_key) for each in agencies(connection)}
    known = (FormerKey(AgencyId(row.agency), row.signing_key) for row in rows)
    return tuple(each for each in known if (each.agency, each.signing_key) not in today)


def disown(connection: Connection, id: AgencyId) -> None:
    """Believe nothing more that is signed with what this agency signed with before: somebody else may sign with it. An older card that comes later
    changes nothing in that."""
    connection.execute(update(schema.former_key).where(schema.former_key.c.agency == id).values(stolen=True))


def _has_left(connection: Connection, id: AgencyId) -> bool:
    signed_before = select(schema.former_key.c.agency).where(schema.former_key.c.agency == id)
    return not _definition(connection, id) and connection.execute(signed_before).first() is not None


def _formerly(connection: Connection, id: AgencyId, key: bytes | None) -> None:
    if key is not None:  # what is known of it already stays: it may be stolen
        upsert(connection, schema.former_key, [{"agency": id, "signing_key": key}])


def services(connection: Connection) -> tuple[Service, ...]:
    """All services, by LeiKa key."""
    column = schema.service.c
    rows = connection.execute(select(column.definition).order_by(column.id)).scalars()
    return tuple(stored(Service, raw, limits.DIRECTORY_BYTES_MAX) for raw in rows)


def service(connection: Connection, id: ServiceId) -> Service:
    """Raises Refused(UNKNOWN_AGENCY), naming those there are: without the service there is no agency for it."""
    known = services(connection)
    for each in known:
        if each.id == id:
            return each
    raise Refused(
        Code.UNKNOWN_AGENCY,
        f"There is no service {id[:80]}; known: {', '.join(f'{each.id} ({each.name})' for each in known) or 'none'}.",
        "Look at `kabine directory show`; a new one is added with `kabine directory service`.",
    )


def put_service(connection: Connection, service: Service) -> None:
    """Add or replace."""
    upsert(connection, schema.service, [{"id": service.id, "definition": codec.encode(service)}])


def remove_service(connection: Connection, id: ServiceId) -> Service:
    """Take a service and its routes out of the next directory; gives what it was. Documents name an agency and not a service, so those that wait
    are fetched as before. Raises Refused for an unknown one."""
    gone = service(connection, id)
    connection.execute(delete(schema.route).where(schema.route.c.service == id))
    connection.execute(delete(schema.service).where(schema.service.c.id == id))
    return gone


def put_in_german(connection: Connection, german: Service) -> tuple[LanguageTag, ...]:
    """Add a service, or replace what it says in German. Other languages keep what was made from words that stay; the languages that lose some
    are returned."""
    before = next((each for each in services(connection) if each.id == german.id), german)
    kept = tuple(_kept(texts, before, german) for texts in before.texts)
    put_service(
        connection, msgspec.structs.replace(german, texts=tuple(texts for texts in kept if texts.plain or texts.bring))
    )
    return tuple(
        old.language
        for old, new in zip(before.texts, kept, strict=True)
        if old.plain != new.plain or (old.bring and not new.bring)
    )


def _kept(texts: ServiceTexts, before: Service, after: Service) -> ServiceTexts:
    paper_by_german = dict(zip(before.bring, texts.bring, strict=False))
    bring = tuple(paper_by_german.get(paper, "") for paper in after.bring)
    return ServiceTexts(texts.language, texts.plain if before.plain == after.plain else "", bring if all(bring) else ())


def routes(connection: Connection) -> tuple[Route, ...]:
    """All routes, by service and area."""
    column = schema.route.c
    rows = connection.execute(select(schema.route).order_by(column.service, column.area))
    return tuple(Route(ServiceId(row.service), AreaId(row.area), AgencyId(row.agency)) for row in rows)


def put_route(connection: Connection, route: Route) -> None:
    """Add or replace: one agency per service and area. Raises Refused for an unknown agency or service."""
    agency(connection, route.agency)
    service(connection, route.service)
    row = {"service": route.service, "area": route.area, "agency": route.agency}
    upsert(connection, schema.route, [row])


def _definition(connection: Connection, id: AgencyId) -> bytes | None:
    return connection.execute(select(schema.agency.c.definition).where(schema.agency.c.id == id)).scalar()


def _agency(raw: bytes) -> Agency:
    return stored(Agency, raw, limits.DIRECTORY_BYTES_MAX)


def _write(connection: Connection, agency: Agency) -> None:
    column = schema.agency.c
    connection.execute(update(schema.agency).where(column.id == agency.id).values(definition=codec.encode(agency)))


def _check(of: Hours) -> None:
    found = hours.mistakes(of)
    if found:
        raise Refused(Code.MALFORMED, f"The opening hours are not sound: {'; '.join(found)}.", "Correct the hours.")
