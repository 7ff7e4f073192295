"""How a cabin becomes trusted, at the hub: invite, claim, confirm, revoke, and the live list of who may speak.

A site may be invited while its machine still works: the new machine takes its place when it is confirmed, not before. Every machine
gets a receipt code of its own, because it counts its receipt numbers anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from cloud.admission import Guest, Kind
from cloud.enrolment_table import Event, State, next_state
from cloud.storage import schema
from protocol import keys, limits
from protocol.contacts import HubCard
from protocol.directory import CabinRow
from protocol.enrolment import Claim, Invitation, check_invitation, read_claim
from protocol.enrolment import cabin_fingerprint as fingerprint
from protocol.errors import Code, Refused, Unavailable
from protocol.ids import CODE_LETTERS, AreaId, SiteId
from protocol.keys import CurvePair
from protocol.manifest import Signed
from protocol.randomness import Random, draw

# A spent or expired invitation is let in for so much longer, to be told why it is of no use: a closed door explains nothing.
FAREWELL_SECONDS: Final = 7 * 24 * 3600
_IN_SERVICE: Final = (State.CONFIRMED, State.REPLACING)
_CODES_DRAWN_MAX: Final = (
    1000  # at random; while one in fifty is free, a thousand miss it once in 600 million invitations
)
_FORGOTTEN: Final = {"claimed_curve_key": None, "claimed_signing_key": None, "claimed_code": None}


@dataclass(frozen=True)
class Cabin:
    """A site and its machine. `words` are of the confirmed machine, `claimed_words` of one that waits for confirmation; empty when there is
    none. `since`: of `state`. `invited_until`: an invitation that can still be used ends then."""

    site: SiteId
    name: str
    code: str
    area: AreaId
    address: str
    state: State
    since: datetime | None
    software: str
    words: tuple[str, ...]
    claimed_words: tuple[str, ...]
    invited_until: datetime | None


def cabins(connection: Connection, now: datetime) -> list[Cabin]:
    """Every site there ever was, by name."""
    column = schema.invitation.c
    usable = select(column.site, column.expires_at).where(column.used_at.is_(None), column.expires_at > now)
    until = {row.site: row.expires_at for row in connection.execute(usable.order_by(column.expires_at))}
    rows = connection.execute(select(schema.cabin).order_by(schema.cabin.c.site))
    return [_cabin(row, until.get(row.site)) for row in rows]


def cabin(connection: Connection, site: SiteId, now: datetime) -> Cabin:
    """Raises Refused(NOT_ENROLLED), naming the sites there are."""
    every = cabins(connection, now)
    for each in every:
        if each.site == site:
            return each
    known = ", ".join(each.site for each in every) or "none"
    raise Refused(
        Code.NOT_ENROLLED,
        f"The hub knows no cabin “{site[:80]}”; known: {known}.",
        f"Look at `kabine cabin list`, or invite it with `kabine cabin invite {site[:80]}`.",
    )


def waiting_words(connection: Connection, site: SiteId) -> tuple[str, ...]:
    """Words of the machine that waits for confirmation; empty when none does."""
    row = connection.execute(select(schema.cabin).where(schema.cabin.c.site == site)).first()
    return () if row is None else _words(site, row.claimed_curve_key, row.claimed_signing_key)


def invite(
    connection: Connection,
    site: SiteId,
    name: str,
    area: AreaId,
    address: str,
    hub: HubCard,
    random: Random,
    now: datetime,
) -> Invitation:
    """A one-time invitation to `site`. Earlier ones that were not used lose their worth, and a claim that waits is forgotten; a confirmed
    machine keeps working until another is confirmed in its place."""
    row = connection.execute(select(schema.cabin).where(schema.cabin.c.site == site)).first()
    state = State.INVITED if row is None else next_state(State(row.state), Event.INVITE)
    column = schema.invitation.c
    connection.execute(
        update(schema.invitation)
        .where(column.site == site, column.used_at.is_(None), column.expires_at > now)
        .values(expires_at=now)
    )
    code = _unused_code(connection, random)
    pair = CurvePair.generate(random)
    expires_at = now + timedelta(seconds=limits.INVITATION_SECONDS)
    connection.execute(
        insert(schema.invitation).values(public_key=pair.public, site=site, code=code, expires_at=expires_at)
    )
    known: dict[str, Any] = {"name": name, "area": area, "address": address, "state": state, "invited_at": now}
    if row is None:
        connection.execute(insert(schema.cabin).values(site=site, code=code, **known))
    else:
        if state is State.INVITED:
            # No machine works under the old code any more.
            known |= {"code": code, "curve_key": None, "signing_key": None, "revoked_at": None, "confirmed_at": None}
        connection.execute(
            update(schema.cabin).where(schema.cabin.c.site == site).values(**known, **_FORGOTTEN, claimed_at=None)
        )
    return Invitation(site, name, code, area, hub.address, hub.curve_key, hub.authority_key, pair.secret, expires_at)


def claim(connection: Connection, one_time_key: bytes, signed: Signed, hub: CurvePair, now: datetime) -> Claim:
    """A machine that spoke with the one-time key (32 bytes, public) claims its site. The same claim again is no error: the answer was lost.

    Raises Refused: INVITATION_SPENT when used, expired or replaced by a later invitation; BAD_SIGNATURE, BAD_KEY or MALFORMED when the
    claim is not sound; NOT_YOURS when it names another site or invitation."""
    claimed = read_claim(signed, hub)
    invitation = connection.execute(
        select(schema.invitation).where(schema.invitation.c.public_key == one_time_key)
    ).first()
    if invitation is None:
        raise Refused(Code.INVITATION_SPENT, "The hub has never given this invitation.")
    if claimed.site != invitation.site or claimed.invitation != one_time_key:
        raise Refused(
            Code.NOT_YOURS,
            f"This invitation is for “{invitation.site}”; the claim is for “{claimed.site}”.",
            "Enrol with the invitation of this very site.",
        )
    row = connection.execute(select(schema.cabin).where(schema.cabin.c.site == claimed.site)).one()
    made = (claimed.curve_key, claimed.signing_key)
    if invitation.used_at is not None and made in (
        (row.claimed_curve_key, row.claimed_signing_key),
        (row.curve_key, row.signing_key),
    ):
        return claimed
    check_invitation(invitation.expires_at, invitation.used_at, now)
    state = next_state(State(row.state), Event.CLAIM)
    _check_unique(connection, claimed)
    connection.execute(
        update(schema.invitation).where(schema.invitation.c.public_key == one_time_key).values(used_at=now)
    )
    connection.execute(
        update(schema.cabin)
        .where(schema.cabin.c.site == claimed.site)
        .values(
            state=state,
            claimed_curve_key=claimed.curve_key,
            claimed_signing_key=claimed.signing_key,
            claimed_code=invitation.code,
            claimed_at=now,
            software=claimed.software,
        )
    )
    return claimed


def confirm(connection: Connection, site: SiteId, now: datetime) -> Cabin:
    """The words are the same on both screens: the machine that waits is the cabin from now on. Raises Refused."""
    row = _row(connection, site, now)
    state = next_state(State(row.state), Event.CONFIRM)
    connection.execute(
        update(schema.cabin)
        .where(schema.cabin.c.site == site)
        .values(
            state=state,
            curve_key=row.claimed_curve_key,
            signing_key=row.claimed_signing_key,
            code=row.claimed_code,
            confirmed_at=now,
            **_FORGOTTEN,
        )
    )
    return cabin(connection, site, now)


def revoke(connection: Connection, site: SiteId, now: datetime) -> Cabin:
    """Neither its machine nor one that waits nor an invitation is admitted any more; everything delivered stays. Raises Refused."""
    row = _row(connection, site, now)
    state = next_state(State(row.state), Event.REVOKE)
    column = schema.invitation.c
    connection.execute(
        update(schema.invitation)
        .where(column.site == site, column.used_at.is_(None), column.expires_at > now)
        .values(expires_at=now)
    )
    connection.execute(
        update(schema.cabin).where(schema.cabin.c.site == site).values(state=state, revoked_at=now, **_FORGOTTEN)
    )
    return cabin(connection, site, now)


def admitted(connection: Connection, now: datetime) -> list[Guest]:
    """Everybody who may speak at `now`: confirmed machines, machines that wait, invitations, agencies' connectors."""
    guests = []
    for row in connection.execute(select(schema.cabin).where(schema.cabin.c.state != State.REVOKED)):
        if row.state in _IN_SERVICE:
            guests.append(Guest(Kind.CABIN, row.site, row.curve_key))
        if row.claimed_curve_key is not None:
            guests.append(Guest(Kind.CLAIMED, row.site, row.claimed_curve_key))
    recent = schema.invitation.c.expires_at > now - timedelta(seconds=FAREWELL_SECONDS)
    for row in connection.execute(select(schema.invitation).where(recent)):
        guests.append(Guest(Kind.INVITATION, row.site, row.public_key))
    for row in connection.execute(select(schema.agency).where(schema.agency.c.curve_key.is_not(None))):
        guests.append(Guest(Kind.AGENCY, row.id, row.curve_key))
    return guests


def admitted_cabins(connection: Connection) -> tuple[CabinRow, ...]:
    """Rows of the next directory: confirmed machines, by site."""
    column = schema.cabin.c
    rows = connection.execute(select(schema.cabin).where(column.state.in_(_IN_SERVICE)).order_by(column.site))
    return tuple(
        CabinRow(
            site=row.site,
            name=row.name,
            code=row.code,
            area=row.area,
            address=row.address,
            signing_key=row.signing_key,
            curve_key=row.curve_key,
        )
        for row in rows
    )


def _row(connection: Connection, site: SiteId, now: datetime) -> Row[Any]:
    cabin(connection, site, now)
    return connection.execute(select(schema.cabin).where(schema.cabin.c.site == site)).one()


def _cabin(row: Row[Any], invited_until: datetime | None) -> Cabin:
    state = State(row.state)
    since = {
        State.INVITED: row.invited_at,
        State.CLAIMED: row.claimed_at,
        State.CONFIRMED: row.confirmed_at,
        State.REPLACING: row.claimed_at,
        State.REVOKED: row.revoked_at,
    }[state]
    return Cabin(
        site=row.site,
        name=row.name,
        code=row.code,
        area=row.area,
        address=row.address,
        state=state,
        since=since,
        software=row.software or "",
        words=_words(row.site, row.curve_key, row.signing_key),
        claimed_words=_words(row.site, row.claimed_curve_key, row.claimed_signing_key),
        invited_until=invited_until,
    )


def _words(site: SiteId, curve_key: bytes | None, signing_key: bytes | None) -> tuple[str, ...]:
    if curve_key is None or signing_key is None:
        return ()
    return keys.words(fingerprint(site, curve_key, signing_key))


def _check_unique(connection: Connection, claimed: Claim) -> None:
    """One machine stands at one site: a key that is known elsewhere is a copied folder."""
    column = schema.cabin.c
    for key in (column.curve_key, column.claimed_curve_key):
        query = select(column.site).where(key == claimed.curve_key, column.site != claimed.site)
        other = connection.execute(query).scalar()
        if other is not None:
            raise Refused(
                Code.BAD_KEY,
                f"These keys belong to the cabin “{other}” already.",
                "Enrol into a new folder; do not copy that of another cabin.",
            )


def _unused_code(connection: Connection, random: Random) -> str:
    """Three letters that no machine ever had. Raises Unavailable when none are found that are free."""
    used = set(connection.execute(select(schema.invitation.c.code)).scalars())
    for _ in range(_CODES_DRAWN_MAX):
        rank = int.from_bytes(draw(random, 8), "big")
        code = "".join(CODE_LETTERS[rank // len(CODE_LETTERS) ** place % len(CODE_LETTERS)] for place in (2, 1, 0))
        if code not in used:
            return code
    raise Unavailable(
        f"{len(used)} of {len(CODE_LETTERS) ** 3} receipt codes of three letters are given, and no free one was found.",
        "Start a second hub for further cabins.",
    )
