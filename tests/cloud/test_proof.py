"""„Ist alles angekommen?“: yes only when numbers and hash chain agree and no document is under way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cloud.fleet.proof import Held, Reported, Verdict, prove
from protocol.entries import GENESIS, Mark, following

NOW = datetime(2026, 5, 3, 12, 40, tzinfo=UTC)
AT = datetime(2026, 5, 3, 12, 32, tzinfo=UTC)


def marks(count: int, salt: bytes = b"") -> list[Mark]:
    """Ends of a real chain after 0, 1, 2 … entries."""
    chain = [Mark()]
    for number in range(count):
        entry = following(chain[-1], 1, b"\0" + salt + number.to_bytes(2, "big"))
        chain.append(Mark(1, entry.number, entry.hash))
    return chain


def test_everything_has_arrived() -> None:
    chain = marks(412)
    proof = prove(Reported(412, chain[412].hash, AT), Held(412, chain[412].hash), 0, NOW)
    assert proof.complete
    assert proof.verdict is Verdict.AGREES
    assert (proof.entries, proof.missing, proof.up_to) == (412, 0, AT)
    assert proof.text == "Alle 412 Vorgänge bis 14:32 angekommen."


def test_the_hub_may_hold_more_than_was_reported_by_then() -> None:
    chain = marks(5)
    assert prove(Reported(3, chain[3].hash, AT), Held(5, chain[3].hash), 0, NOW).complete


def test_missing_entries_are_counted() -> None:
    chain = marks(412)
    proof = prove(Reported(412, chain[412].hash, AT), Held(409, None), 0, NOW)
    assert not proof.complete
    assert (proof.verdict, proof.missing) == (Verdict.MISSING, 3)
    assert proof.text == "3 Vorgänge von 412 fehlen noch (Stand 14:32)."


def test_same_number_and_another_chain_is_broken() -> None:
    proof = prove(Reported(7, marks(7)[7].hash, AT), Held(7, marks(7, b"other")[7].hash), 0, NOW)
    assert not proof.complete
    assert proof.verdict is Verdict.BROKEN
    assert proof.text.startswith("Kette stimmt nicht")


def test_an_entry_changed_long_ago_breaks_the_chain_at_the_end() -> None:
    mark = Mark()
    for number in range(1, 10):
        entry = following(mark, 1, b"\0altered" if number == 2 else b"\0" + (number - 1).to_bytes(2, "big"))
        mark = Mark(1, entry.number, entry.hash)
    assert prove(Reported(9, marks(9)[9].hash, AT), Held(9, mark.hash), 0, NOW).verdict is Verdict.BROKEN


@pytest.mark.parametrize(("under_way", "text"), [(1, "1 Dokument ist noch nicht"), (2, "2 Dokumente sind noch nicht")])
def test_entries_arrived_is_not_documents_arrived(under_way: int, text: str) -> None:
    chain = marks(4)
    proof = prove(Reported(4, chain[4].hash, AT), Held(4, chain[4].hash), under_way, NOW)
    assert proof.verdict is Verdict.AGREES
    assert not proof.complete
    assert "angekommen" not in proof.text
    assert text in proof.text


def test_what_was_lost_in_the_cabin_is_said() -> None:
    chain = marks(4)
    proof = prove(Reported(4, chain[4].hash, AT), Held(4, chain[4].hash, lost=2), 0, NOW)
    assert not proof.complete
    assert "2 Vorgänge gingen verloren: mit einem beschädigten Speicher in der Kabine, oder weil" in proof.text


def test_nothing_reported_is_unknown() -> None:
    proof = prove(None, Held(4, None), 0, NOW)
    assert (proof.verdict, proof.complete, proof.up_to) == (Verdict.UNKNOWN, False, None)


def test_an_empty_log_is_complete() -> None:
    proof = prove(Reported(0, GENESIS, AT), Held(0, GENESIS), 0, NOW)
    assert proof.complete
    assert proof.text == "Bis 14:32 gab es keine Vorgänge."


def test_an_entry_no_longer_held_proves_nothing() -> None:
    proof = prove(Reported(3, marks(3)[3].hash, AT), Held(9, None), 0, NOW)
    assert (proof.verdict, proof.complete) == (Verdict.UNKNOWN, False)


def test_another_day_is_printed_with_its_date() -> None:
    chain = marks(1)
    proof = prove(Reported(1, chain[1].hash, AT - timedelta(days=1)), Held(1, chain[1].hash), 0, NOW)
    assert proof.text == "Der einzige Vorgang bis 02.05. 14:32 angekommen."
