"""A district to simulate: keys, directory, cabins that are confirmed, agencies that have an inbox. Everything from one seed.

It is founded with the functions that the operator's commands call.
"""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from cloud import enrolment
from cloud.directory import draft, publish
from cloud.storage.database import Database, sqlite_url
from protocol.contacts import HubCard, InboxCard
from protocol.directory import HubRow
from protocol.enrolment import Invitation, make_claim
from protocol.ids import AgencyId, SiteId
from protocol.keys import CurvePair, SigningPair
from protocol.manifest import Signed
from protocol.recipients import HybridIdentity
from tools.town import Site, Town, uckermark

BEGAN: Final = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
HUB_FILE: Final = "hub.sqlite"
SOFTWARE: Final = "kabine simulated"
_ADDRESS: Final = "tcp://hub.example:7400"
AGENCIES_MAX: Final = 2  # of the example; more would only be more of the same


@dataclass
class CabinKeys:
    """What a cabin has made, and the invitation it has used."""

    site: Site
    curve: CurvePair
    signing: SigningPair
    invitation: Invitation


@dataclass
class District:
    """`dice` gives the keys."""

    dice: random.Random
    town: Town = field(default_factory=uckermark)
    cabins: list[CabinKeys] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.authority, self.signing = SigningPair.generate(self.random), SigningPair.generate(self.random)
        self.curve = CurvePair.generate(self.random)
        journal = HybridIdentity.generate(self.random)
        self.journal = journal
        self.agencies: dict[AgencyId, tuple[SigningPair, CurvePair]] = {
            agency.id: (SigningPair.generate(self.random), CurvePair.generate(self.random))
            for agency in self.town.agencies[:AGENCIES_MAX]
        }
        self._cards: dict[AgencyId, list[InboxCard]] = {id: [] for id in self.agencies}
        for id in self.agencies:
            self.new_card(id)

    def random(self, size_bytes: int) -> bytes:
        """From the seed."""
        return self.dice.randbytes(size_bytes)

    @property
    def row(self) -> HubRow:
        """The hub in the directory."""
        return HubRow("Uckermark", _ADDRESS, self.curve.public, self.signing.public, str(self.journal.recipient()))

    def found(self, folder: Path, cabins: int) -> Signed:
        """Make the hub's folder, with that many cabins confirmed and a directory in force; the directory."""
        (folder / HUB_FILE).write_bytes(_empty())
        database = Database(sqlite_url(folder / HUB_FILE))
        try:
            with database.turn() as connection:
                self._draft(connection)
                self.cabins += [self.enrol(connection, site, BEGAN) for site in self.sites(cabins)]
                return self.publish(connection, BEGAN)
        finally:
            database.close()

    def sites(self, count: int) -> list[Site]:
        """Places for so many cabins: those of the example, and where they do not suffice, one more in each of them, and one more."""
        places = self.town.sites
        rounds = -(-count // len(places))
        every = [*places, *(_another(place, number) for number in range(2, rounds + 1) for place in places)]
        return every[:count]

    def publish(self, connection: Connection, now: datetime) -> Signed:
        """The next directory, signed and in force."""
        noun = publish.build(connection, self.row, self.town.holidays_region, now)
        _, signed = publish.sign(publish.unsigned(noun), self.authority.private())
        publish.put_in_force(connection, signed, self.authority.public, now)
        return signed

    def _draft(self, connection: Connection) -> None:
        for agency in self.town.agencies:
            draft.add_agency(connection, agency)
        for id in self.agencies:
            self.take_over(connection, id)

    def new_card(self, id: AgencyId, *, anew: bool = False) -> None:
        """The agency makes another key for its inbox; all its keys where it begins `anew`, with a connector on another machine."""
        if anew:
            self.agencies[id] = (SigningPair.generate(self.random), CurvePair.generate(self.random))
        (signing, curve), cards = self.agencies[id], self._cards[id]
        recipient = str(HybridIdentity.generate(self.random).recipient())
        cards.append(InboxCard(id, len(cards) + 1, recipient, signing.public, curve.public))

    def take_over(self, connection: Connection, id: AgencyId) -> None:
        """The agency as it is, with all cards that it has ever made, in any order; what is known already changes nothing."""
        if all(each.id != id for each in draft.agencies(connection)):
            draft.add_agency(connection, next(each for each in self.town.agencies if each.id == id))
        cards = self._cards[id]
        for card in self.dice.sample(cards, len(cards)):
            draft.set_inbox_key(connection, card)

    def enrol(self, connection: Connection, site: Site, now: datetime) -> CabinKeys:
        """Invite a machine to this site, let it claim, compare the words and confirm: from now on it is the one."""
        card = HubCard(_ADDRESS, self.curve.public, self.authority.public)
        invitation = enrolment.invite(connection, site.id, site.name, site.area, site.address, card, self.random, now)
        keys = CabinKeys(site, CurvePair.generate(self.random), SigningPair.generate(self.random), invitation)
        claim = make_claim(invitation, keys.curve, keys.signing, self.random(16), SOFTWARE)
        enrolment.claim(connection, CurvePair(invitation.curve_secret).public, claim, self.curve, now)
        enrolment.confirm(connection, site.id, now)
        return keys


def at(seconds: float) -> datetime:
    """The calendar as people write it."""
    return BEGAN + timedelta(seconds=seconds)


def _another(place: Site, number: int) -> Site:
    return replace(place, id=SiteId(f"{place.id}-{number}"), name=f"{place.name} {number}")


@cache
def _empty() -> bytes:
    """A hub's database in shape and with nothing in it: to bring one into shape takes half a second."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / HUB_FILE
        Database(sqlite_url(path)).close()
        return path.read_bytes()
