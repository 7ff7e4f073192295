"""Entries that are not as they should be: held, set aside in words, a person called, and the log goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cloud import known
from cloud.site_log import NUMBER_MAX
from cloud.storage import schema
from protocol import entries, limits, manifest
from protocol.entries import DirectoryPublished, DocumentSealed, Mark, ReceiptGiven, VisitEnded
from protocol.errors import Refused
from protocol.ids import Digest
from protocol.manifest import Signed

if TYPE_CHECKING:
    from tests.cloud.conftest import Cabin, Town


def set_aside(town: Town) -> list[tuple[int, str]]:
    return [(row.number, row.reason) for row in town.rows(schema.quarantine)]


def take(town: Town, cabin: Cabin) -> list[str]:
    """Commit and settle; the kinds of alarm."""
    town.commit(cabin)
    news = town.ledger.settle()
    assert town.ledger.log(cabin.site).theirs() == cabin.mark
    assert sum(row.last - row.first + 1 for row in town.rows(schema.up_run)) == cabin.mark.number
    return [alarm.kind for alarm in news.alarms]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 2}, "unsupported-version"),
        ({"suite": "rot13"}, "unsupported-version"),
        ({"cabin": "gartz"}, "not-yours"),
        ({"agency": "Sozialamt \x00"}, "malformed"),
        ({"agency": "finanzamt"}, "unknown-agency"),
        ({"epoch": 2}, "unknown-agency"),
        ({"counter": 0}, "malformed"),
        ({"counter": NUMBER_MAX + 1}, "malformed"),
        ({"epoch": NUMBER_MAX + 1}, "malformed"),
        ({"receipt": "no number"}, "malformed"),
        ({"envelope": b"short"}, "malformed"),
        ({"previous": b""}, "malformed"),
        ({"payload_sha256": b""}, "malformed"),
        ({"length_bytes": 5000}, "malformed"),
        ({"length_bytes": -1}, "malformed"),
    ],
)
def test_a_bad_manifest(town: Town, changes: dict[str, Any], reason: str) -> None:
    cabin = town.cabin()
    cabin.event(cabin.document(**changes).event)
    assert take(town, cabin) == [reason]
    assert set_aside(town) == [(2, reason)]
    assert town.rows(schema.document) == []
    good = cabin.document(agency="wohngeldstelle-uckermark")
    cabin.event(good.event)
    assert take(town, cabin) == []
    assert [row.envelope for row in town.rows(schema.document)] == [good.manifest.envelope]


@pytest.mark.parametrize("size", [limits.ENVELOPE_BYTES_MAX + 1, 2**40])
def test_too_large(town: Town, size: int) -> None:
    cabin = town.cabin()
    event = cabin.document().event
    cabin.event(DocumentSealed(event.manifest, event.summary, event.digest, size))
    assert take(town, cabin) == ["too-large"]


@pytest.mark.parametrize("spoil", ["body", "signature", "other key", "no manifest"])
def test_a_manifest_that_the_cabin_did_not_sign(town: Town, another: Callable[..., Cabin], spoil: str) -> None:
    cabin = town.cabin()
    event = cabin.document().event
    body, signature = event.manifest.body, event.manifest.signature
    forged = {
        "body": Signed(body[:-1] + bytes([body[-1] ^ 1]), signature),
        "signature": Signed(body, bytes(64)),
        "other key": another("templin", "forger").document().event.manifest,
        "no manifest": manifest.sign(cabin.document().manifest, cabin.key)
        if spoil == ""
        else Signed(b"\xc0", cabin.key.sign(b"kabine/manifest/1\0\xc0")),
    }[spoil]
    cabin.event(DocumentSealed(forged, event.summary, event.digest, event.size_bytes))
    (kind,) = take(town, cabin)
    assert kind == ("malformed" if spoil == "no manifest" else "bad-signature")
    assert town.rows(schema.document) == []


@pytest.mark.parametrize(
    "payload",
    [
        b"\x07what is this",
        b"\x00\xc1",
        entries.clear(ReceiptGiven(Signed(b"", b""))),
        entries.clear(DirectoryPublished(1, Digest(bytes(32)), 1)),
        entries.SEALED + bytes(40),
    ],
)
def test_entries_that_no_cabin_writes(town: Town, payload: bytes) -> None:
    cabin = town.cabin()
    cabin.write(payload)
    assert take(town, cabin) == ["malformed"]


def test_an_epoch_out_of_bounds_is_refused_before_it_is_held(town: Town) -> None:
    cabin = town.cabin()
    cabin.epoch = NUMBER_MAX + 1
    cabin.write(b"\x00")
    with pytest.raises(Refused, match="out of bounds"):
        town.commit(cabin)


def test_a_journal_key_for_another_hub(town: Town) -> None:
    cabin = town.cabin()
    cabin.open_epoch(wrapped=bytes(1168))
    cabin.event(cabin.document().event)
    assert take(town, cabin) == ["not-yours", "malformed"]
    cabin.open_epoch()
    cabin.event(cabin.document(counter=1, previous=manifest.NO_MANIFEST).event)
    assert take(town, cabin) == []


def test_an_epoch_is_opened_once(town: Town) -> None:
    cabin = town.cabin()
    cabin.epoch -= 1
    first = cabin.journal_key
    cabin.open_epoch()
    cabin.journal_key = first
    cabin.event(cabin.document().event)
    assert take(town, cabin) == ["malformed"]
    assert len(town.rows(schema.document)) == 1


def test_journal_keys_are_found_after_a_restart(town: Town) -> None:
    cabin = town.cabin()
    take(town, cabin)
    town.close()
    town.open()
    cabin.event(cabin.document().event)
    assert take(town, cabin) == []
    assert len(town.rows(schema.document)) == 1


def test_lost_entries_are_counted_and_said(town: Town) -> None:
    cabin = town.cabin()
    cabin.open_epoch(follows=Mark(1, cabin.mark.number + 7, bytes(32)))
    assert take(town, cabin) == ["entries-missing"]
    assert town.rows(schema.link)[0].up_missing == 7


def test_a_missing_document_is_noticed_and_the_others_arrive(town: Town) -> None:
    cabin = town.cabin()
    town.deliver(cabin)
    withheld = cabin.document()
    document = cabin.document()
    cabin.event(document.event)
    assert take(town, cabin) == ["chain-broken"]
    town.send(document)
    assert town.ledger.settle().delivered == {"sozialamt-uckermark"}
    town.deliver(cabin)
    assert [row.counter for row in town.rows(schema.document)] == [1, withheld.manifest.counter + 1, 4]
    assert len(town.rows(schema.alarm)) == 1


def test_what_a_turn_says_is_remembered_however_few_things_are(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has not yet written can be looked up nowhere."""
    monkeypatch.setattr(known, "_KEPT_MAX", 1)
    cabin = town.cabin()
    for agency in ("sozialamt-uckermark", "wohngeldstelle-uckermark") * 2:
        cabin.event(cabin.document(agency=agency).event)
        cabin.open_epoch()
    assert take(town, cabin) == []
    assert [row.counter for row in town.rows(schema.document)] == [1, 1, 2, 2]


def test_chains_go_on_after_a_restart(town: Town) -> None:
    cabin = town.cabin()
    town.deliver(cabin)
    town.deliver(cabin, agency="wohngeldstelle-uckermark")
    town.close()
    town.open()
    town.deliver(cabin)
    assert town.rows(schema.alarm) == []
    assert sorted((row.agency, row.place) for row in town.rows(schema.document)) == [
        ("sozialamt-uckermark", 1), ("sozialamt-uckermark", 2), ("wohngeldstelle-uckermark", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("together", [True, False])
def test_the_same_document_again_changes_nothing(town: Town, together: bool) -> None:
    cabin = town.cabin()
    document = cabin.document()
    cabin.event(document.event)
    if not together:
        take(town, cabin)
        town.send(document)
        town.ledger.settle()
    cabin.event(document.event)
    assert take(town, cabin) == []
    assert len(town.rows(schema.document)) == 1


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("same", ["envelope", "digest"])
def test_an_envelope_or_bytes_announced_as_something_else(town: Town, same: str, together: bool) -> None:
    cabin, other = town.cabin(), town.cabin("gartz")
    document = cabin.document()
    cabin.event(document.event)
    town.commit(cabin)
    if not together:
        town.ledger.settle()
    replay = other.document(**({"envelope": document.manifest.envelope} if same == "envelope" else {})).event
    digest = document.digest if same == "digest" else replay.digest
    other.event(DocumentSealed(replay.manifest, replay.summary, digest, replay.size_bytes))
    town.commit(other)
    assert [alarm.kind for alarm in town.ledger.settle().alarms] == ["out-of-order"]
    assert [row.site for row in town.rows(schema.document)] == ["templin"]
    assert [row.site for row in town.rows(schema.quarantine)] == ["gartz"]


def test_an_agency_that_comes_later(town: Town) -> None:
    cabin = town.cabin()
    documents = [cabin.document(agency="finanzamt") for _ in range(3)]
    for document in documents:
        cabin.event(document.event)
    assert take(town, cabin) == ["unknown-agency"] * 3
    assert {row.agency for row in town.rows(schema.quarantine)} == {"finanzamt"}
    town.close()
    town.open()
    town.ledger.settle()
    assert len(set_aside(town)) == 3
    town.publish("finanzamt")
    wanted = town.ledger.settle().wanted
    assert [w.digest for w in wanted] == [document.digest for document in documents]
    assert set_aside(town) == []
    for document in documents:
        town.send(document)
    assert town.ledger.settle().delivered == {"finanzamt"}
    assert len(town.rows(schema.alarm)) == 3


def test_a_cabin_that_is_confirmed_later(town: Town, another: Callable[..., Cabin]) -> None:
    cabin = another("lychen")
    cabin.open_epoch()
    document = cabin.document()
    cabin.event(document.event)
    assert take(town, cabin) == ["not-confirmed"]
    town.confirm(cabin)
    assert [w.digest for w in town.ledger.settle().wanted] == [document.digest]


def test_visits_are_counted_by_the_day_and_their_entries_stay_sealed(town: Town) -> None:
    cabin = town.cabin()
    evening = town.now.replace(hour=23, minute=30)  # in Berlin it is tomorrow
    for at, outcome, documents, face in (
        (town.now, "handed-in", 2, 3),
        (town.now, "left", 0, 0),
        (evening, "handed-in", 1, 1),
    ):
        cabin.event(VisitEnded(bytes(16), at, at, outcome, documents, "de", face, "1"))
    assert take(town, cabin) == []
    cabin.event(VisitEnded(bytes(16), town.now, town.now, "timed-out", 0, "de", 2))
    assert take(town, cabin) == []
    rows = [tuple(row) for row in town.rows(schema.visit_day)]
    day, tomorrow = town.now.date(), town.now.date() + timedelta(days=1)
    assert rows == [("templin", str(day), 3, 1, 2, 1, 1, 0), ("templin", str(tomorrow), 1, 1, 1, 0, 0, 1)]


def test_a_cabin_that_talks_nonsense_about_visits_stops_nobody(town: Town) -> None:
    cabin = town.cabin()
    last = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    for _ in range(3):
        cabin.event(VisitEnded(bytes(16), last, last, "handed-in", limits.NUMBER_MAX, "de", limits.NUMBER_MAX))
    assert take(town, cabin) == []
    assert [row.documents for row in town.rows(schema.visit_day)] == [3000]
