"""What the tests of an operator's commands share besides the folder: a machine that claims a site, cards, the directory in force."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from cloud import enrolment, premises
from cloud.directory import publish
from protocol.contacts import InboxCard, write_inbox_card
from protocol.directory import Directory
from protocol.enrolment import invitation_key, make_claim, read_invitation
from protocol.ids import AgencyId, SiteId
from protocol.keys import CurvePair, SigningPair
from protocol.recipients import HybridIdentity
from protocol.runtime.world import REAL

PASSPHRASE = "sieben Störche über Templin"
Run = Callable[..., Result]


def claim(place: Path, run: Run, site: str = "templin", seed: int = 1) -> tuple[str, ...]:
    """A machine claims `site`; gives the words on its screen."""
    shown = json.loads(run("cabin", "invite", site, "--area", "12073", "--json").output)
    invitation = read_invitation(shown["invitation"])
    drawn = random.Random(seed)
    curve, signing = CurvePair.generate(drawn.randbytes), SigningPair.generate(drawn.randbytes)
    signed = make_claim(invitation, curve, signing, bytes(16), "0.1.0")
    with premises.opened(place / "hub") as opened, opened.database.turn() as connection:
        enrolment.claim(connection, invitation_key(invitation), signed, opened.keys.curve, REAL.utc())
        return enrolment.waiting_words(connection, SiteId(site))


def card(agency: str, epoch: int = 1, seed: int = 5) -> str:
    drawn = random.Random(seed)
    signing, curve = SigningPair.generate(drawn.randbytes), CurvePair.generate(drawn.randbytes)
    recipient = str(HybridIdentity(drawn.randbytes(32)).recipient())
    return write_inbox_card(InboxCard(AgencyId(agency), epoch, recipient, signing.public, curve.public), signing)


def in_force(place: Path) -> Directory:
    with premises.opened(place / "hub") as opened, opened.database.reading() as connection:
        current = publish.current(connection)
    assert current is not None
    return current.directory
