"""A hub that was brought back from an older copy: its log goes on behind what the cabin holds, and what is lost is named."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, insert, select

from cloud.admission import Admission, Guest, Kind
from cloud.directory import publish
from cloud.fleet import facts, status
from cloud.fleet.status import Severity
from cloud.restored import GONE, RESTORED
from cloud.storage import schema
from cloud.storage.schema import alarm, document, down_entry, down_epoch
from cloud.turn import ANNOUNCED, LOST
from protocol import entries
from protocol.entries import EpochOpened, Mark, ReceiptGiven
from protocol.frames import Entries, Hello, Refused
from protocol.ids import Digest, SiteId
from protocol.manifest import Signed
from tests.cloud.at_the_door import Wire, hub_of
from tests.cloud.conftest import Cabin, Town

SITE = SiteId("templin")


def hello(town: Town, cabin: Cabin, heard: Mark, **changes: Any) -> Hello:
    made = Hello((1,), SITE, b"boot", 1, cabin.mark, heard.number, 4, "kabine", town.now, heard=heard)
    return msgspec.structs.replace(made, **changes)


def events(town: Town, after: int = 0) -> list[tuple[int, int, type]]:
    found = town.ledger.log(SITE).read(after, 1 << 20, 100)
    return [(one.epoch, one.number, type(entries.read(one.payload, None, one.epoch, one.number))) for one in found]


def published(town: Town, version: int, hours: float = 0) -> publish.Published:
    """The directory in force, so many hours from now."""
    return publish.Published(version, Digest(bytes(32)), 0, Signed(b"", b""), town.now + timedelta(hours=hours))


def due(connection: Connection, before: publish.Published) -> int:
    return publish._due(connection, before.version, before.published_at)


def alarms(town: Town) -> list[str]:
    with town.ledger.database.reading() as connection:
        return list(connection.execute(select(alarm.c.kind)).scalars())


def rows(town: Town, table: Any) -> list[Any]:
    with town.ledger.database.reading() as connection:
        return list(connection.execute(select(table)).all())


def committed(town: Town, cabin: Cabin) -> None:
    town.commit(cabin)
    town.ledger.settle()


# What the cabin heard from the hub before the copy was brought back.
THEN = entries.following(Mark(0, 6, b"h" * 32), 0, b"\x00words")
HEARD = Mark(0, 7, THEN.hash)


def test_its_log_goes_on_behind_what_the_cabin_holds(town: Town) -> None:
    cabin = town.cabin(SITE)
    committed(town, cabin)
    written = town.ledger.log(SITE).last()
    assert 0 < written.number < HEARD.number
    assert town.ledger.reopens(SITE, hello(town, cabin, HEARD))
    town.ledger.settle()
    log = town.ledger.log(SITE)
    assert (log.first(), log.acknowledged(), log.last().number) == (8, 7, 8 + written.number)
    opened = log.read(7, 1, 1)[0]
    assert opened.hash == entries.chain(HEARD.hash, 1, 8, opened.payload)
    event = entries.read(opened.payload, None, 1, 8)
    assert isinstance(event, EpochOpened)
    assert (event.wrapped_key, event.follows) == (b"", HEARD)
    # Once more what it cannot have heard, in the order in which it was written.
    assert [kind for _, _, kind in events(town, 8)] == [entries.DirectoryPublished] * written.number
    assert alarms(town) == [RESTORED]
    assert not town.ledger.reopens(SITE, hello(town, cabin, HEARD))
    assert not town.ledger.reopens(SITE, hello(town, cabin, log.last()))


def test_all_of_it_is_there_after_a_restart(town: Town) -> None:
    cabin = town.cabin(SITE)
    committed(town, cabin)
    town.ledger.reopens(SITE, hello(town, cabin, HEARD))
    town.ledger.settle()
    last = town.ledger.log(SITE).last()
    town.close()
    town.open()
    log = town.ledger.log(SITE)
    assert (log.last(), log.first(), log.acknowledged()) == (last, 8, 7)
    assert not town.ledger.reopens(SITE, hello(town, cabin, HEARD))
    town.deliver(cabin)
    assert events(town, last.number) == [(1, last.number + 1, ReceiptGiven)]
    assert [row.first for row in rows(town, down_epoch)] == [8]


def test_a_second_copy_opens_a_later_epoch(town: Town) -> None:
    cabin = town.cabin(SITE)
    committed(town, cabin)
    for heard in (HEARD, Mark(5, 7, b"x" * 32), Mark(1, 20, b"y" * 32), Mark()):
        town.ledger.reopens(SITE, hello(town, cabin, heard))
        town.ledger.settle()
        last = town.ledger.log(SITE).last()
        assert town.ledger.log(SITE).first() == heard.number + 1
        assert last.number > heard.number
    assert [(row.epoch, row.first) for row in rows(town, down_epoch)] == [(1, 8), (6, 8), (7, 21), (8, 1)]
    assert [row.number for row in rows(town, down_entry)] == list(range(1, last.number + 1))
    assert [kind for _, _, kind in events(town)].count(EpochOpened) == 1


def test_a_cabin_that_came_back_older_as_well_hears_of_its_documents_again(town: Town) -> None:
    """The receipts of what waits in it were said before the epoch that the hub opened behind the cabin's newer disk."""
    cabin = town.cabin(SITE)
    town.deliver(cabin)
    older = town.ledger.log(SITE).last()
    announced = cabin.mark
    for heard in (Mark(0, 40, b"h" * 32), Mark(older.epoch, 1, b"i" * 32)):
        assert town.ledger.reopens(SITE, hello(town, cabin, heard))
        town.ledger.settle()
    assert cabin.mark == announced
    assert [kind for _, _, kind in events(town, 1)][:2] == [EpochOpened, ReceiptGiven]
    assert town.ledger.log(SITE).first() == 2


def test_a_twin_hears_of_its_documents_what_only_the_other_one_has_heard(town: Town) -> None:
    """It had heard of them from another database of this hub; what was signed there goes on from receipts that the twin had acknowledged here, and
    was refused (`kabine simulate --days 4 --seed 12000279 --cabins 2`)."""
    cabin = town.cabin(SITE)
    for _ in range(2):
        town.deliver(cabin)
    log = town.ledger.log(SITE)
    said = log.last().number
    assert [kind for _, _, kind in events(town, said - 2)] == [ReceiptGiven, ReceiptGiven]
    log.acknowledge(said)
    assert town.ledger.reopens(SITE, hello(town, cabin, Mark(0, said - 1, b"t" * 32)))
    town.ledger.settle()
    assert [kind for _, _, kind in events(town, said - 1)] == [
        EpochOpened,
        *[ReceiptGiven] * 3,
    ]  # both, and what it lacks


def test_a_cabin_that_holds_what_the_hub_has_said_is_none_of_this(town: Town) -> None:
    cabin = town.cabin(SITE)
    committed(town, cabin)
    for number in range(3):
        town.ledger.append(SITE, entries.DirectoryPublished(9 + number, cabin.document().digest, 5))
        town.ledger.settle()
    for entry in town.ledger.log(SITE).read(0, 1 << 20, 100):
        held = Mark(entry.epoch, entry.number, entry.hash)
        assert not town.ledger.reopens(SITE, hello(town, cabin, held))
    assert not town.ledger.reopens(SITE, hello(town, cabin, Mark()))
    assert town.ledger.settle().alarms == []


def test_a_cabin_that_is_itself_an_older_copy_or_a_clone_proves_nothing(town: Town) -> None:
    cabin = town.cabin(SITE)
    committed(town, cabin)
    before = cabin.mark
    cabin.open_epoch()
    committed(town, cabin)
    assert not town.ledger.reopens(SITE, hello(town, cabin, HEARD, last=before))
    assert not town.ledger.reopens(SITE, hello(town, cabin, HEARD, last=Mark(1, cabin.mark.number, b"c" * 32)))
    # A release that does not say what it holds.
    assert not town.ledger.reopens(SITE, hello(town, cabin, Mark(), committed=7))


def test_what_was_secured_and_is_nowhere_any_more_is_lost_and_only_asked_for_with_the_next_link(town: Town) -> None:
    cabin = town.cabin(SITE)
    gone, waits = cabin.document(size=4000), cabin.document(size=5000)
    cabin.event(gone.event)
    cabin.event(waits.event)
    committed(town, cabin)
    town.ledger.reopens(SITE, hello(town, cabin, HEARD))
    town.ledger.settle()
    town.ledger.gone(SITE, gone.digest)
    town.ledger.settle()
    assert [(row.envelope, row.state, row.trouble is None) for row in sorted(rows(town, document), key=lambda r: r.number)] == [
        (gone.manifest.envelope, LOST, False),
        (waits.manifest.envelope, ANNOUNCED, True),
    ]  # fmt: skip
    assert alarms(town) == [RESTORED]
    assert [wanted.digest for wanted in town.ledger.wanted(SITE)] == [gone.digest, waits.digest]
    town.ledger.gone(SITE, gone.digest)
    assert town.ledger.settle().alarms == []
    assert {row.envelope: row.state for row in rows(town, document)}[gone.manifest.envelope] == LOST


def test_what_is_lost_is_named_until_somebody_has_looked(town: Town) -> None:
    cabin = town.cabin(SITE)
    gone = cabin.document()
    cabin.event(gone.event)
    committed(town, cabin)
    town.ledger.reopens(SITE, hello(town, cabin, HEARD))
    town.ledger.settle()
    town.ledger.gone(SITE, gone.digest)
    town.ledger.observe(SITE, hello(town, cabin, HEARD), -1.0, town.now)
    town.later(seconds=5)
    town.ledger.settle()
    with town.ledger.database.turn() as connection:
        found = facts.only(facts.read(connection, town.now), SITE)
        state = status.fleet(found, town.now).sites[0]
        told = [
            finding for finding in state.findings if f"{gone.manifest.receipt} ({gone.manifest.agency})" in finding.text
        ]
        assert [finding.severity for finding in told] == [Severity.CRITICAL]
        assert "1 Dokument war gesichert und fehlt" in state.proof.text
        assert not state.proof.complete
        assert facts.clear_alarms(connection, SITE, town.now)
        state = status.fleet(facts.only(facts.read(connection, town.now), SITE), town.now).sites[0]
        assert gone.manifest.receipt not in " ".join(finding.text for finding in state.findings)
        assert state.facts.documents.lost == 1


def test_the_next_directory_comes_after_those_that_cabins_hold(town: Town) -> None:
    """As the very next one it would have to follow a directory that the hub no longer knows."""
    cabin = town.cabin(SITE)
    committed(town, cabin)
    with town.ledger.database.reading() as connection:
        assert due(connection, published(town, 1)) == 2
    town.ledger.reopens(SITE, hello(town, cabin, HEARD, directory_version=4))
    town.ledger.settle()
    town.ledger.reopens(SITE, hello(town, cabin, Mark(1, 9, b"z" * 32), directory_version=1 << 40))
    town.ledger.settle()
    with town.ledger.database.reading() as connection:
        held = [due(connection, published(town, version, hours=1)) for version in (1, 3, 4, 6)]
    assert held == [6, 6, 5, 7]


def test_what_cabins_refused_a_further_directory_puts_right(town: Town) -> None:
    """A cabin was away while an older copy published other directories of the numbers that it holds: it refuses the one that follows those. The hub
    said that there was nothing new to publish (`kabine simulate --days 4 --seed 12200196 --cabins 2`)."""
    cabin = town.cabin(SITE)
    committed(town, cabin)
    before = published(town, 5)
    town.later(seconds=60)
    town.ledger.reopens(SITE, hello(town, cabin, HEARD, directory_version=4))
    town.ledger.settle()
    with town.ledger.database.reading() as connection:
        assert due(connection, before) == 7
        assert due(connection, published(town, 7, hours=1)) == 8


@pytest.mark.parametrize(("held", "other"), [(3, False), (4, True), (5, True), (9, True), (1 << 40, False)])
def test_an_administrator_sees_that_cabins_may_hold_another_directory_until_one_is_published(
    town: Town, held: int, other: bool
) -> None:
    """An older copy had published anew what a cabin holds otherwise, of the very same number: nobody was told."""
    cabin = town.cabin(SITE)
    committed(town, cabin)
    with town.ledger.database.turn() as connection:
        connection.execute(
            insert(schema.published).values(version=5, digest=bytes(32), signed=b"", published_at=town.now)
        )
    town.later(seconds=60)
    town.ledger.reopens(SITE, hello(town, cabin, HEARD, directory_version=held))
    town.ledger.settle()
    with town.ledger.database.reading() as connection:
        found = status.fleet(facts.read(connection, town.now), town.now).findings
        assert any("kabine directory publish" in finding.text for finding in found) == other
        next_one = due(connection, published(town, 5, hours=-1 / 60))
    assert (next_one > 6) == other
    with town.ledger.database.turn() as connection:
        row = {"version": next_one, "digest": bytes(31) + b"1", "signed": b"", "published_at": town.now}
        connection.execute(insert(schema.published).values(row))
    with town.ledger.database.reading() as connection:
        assert not facts.read(connection, town.now).directory_needed


def test_what_a_cabin_has_lost_by_itself_is_told_and_may_still_come(town: Town) -> None:
    cabin = town.cabin(SITE)
    document_ = cabin.document()
    cabin.event(document_.event)
    committed(town, cabin)
    town.ledger.gone(SITE, document_.digest)
    town.ledger.settle()
    assert alarms(town) == [GONE]
    assert [wanted.digest for wanted in town.ledger.wanted(SITE)] == [document_.digest]


@pytest.mark.parametrize("where", ["before", "beside"])
def test_no_connection_stands_on_a_log_that_begins_anew(town: Town, where: str) -> None:
    """A clone and the cabin itself greeted in turn, one turn apart or in the same; the connection of the one asked for entries that were gone with
    the Hello of the other, and the hub ended on it (`kabine simulate --days 4 --seed 7200001 --cabins 50`)."""
    cabin = town.cabin(SITE)
    committed(town, cabin)
    admission, wire = Admission(), Wire()
    admission.replace([Guest(Kind.CABIN, SITE, b"\x01")])
    user = Guest(Kind.CABIN, SITE, b"\x01").user
    hub = hub_of(town, wire, admission, lambda: 1000.0)
    known, unknown = (hello(town, cabin, Mark()), b"knows less"), (hello(town, cabin, HEARD), b"knows more")
    if where == "before":
        wire.comes(user, *known)
        for _ in range(3):
            hub.turn(0.0)
        assert any(isinstance(frame, Entries) for _, frame in wire.said)
        wire.comes(user, *unknown)
    else:
        wire.comes(user, *unknown)
        wire.comes(user, *known)
    for _ in range(4):
        hub.turn(0.0)
    first, last = (b"knows less", b"knows more") if where == "before" else (b"knows more", b"knows less")
    refused = [(route, frame.code) for route, frame in wire.said if isinstance(frame, Refused)]
    assert refused == [(first, "superseded")]
    assert [route for route, frame in wire.said if isinstance(frame, Hello)] == [first, last]
