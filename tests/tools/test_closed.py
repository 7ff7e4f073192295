"""What a connector keeps of documents that it has closed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.errors import Unavailable
from protocol.ids import EnvelopeId
from protocol.manifest import Happening, Receipt, Signed, digest_of, sign
from tools import closed
from tools.closed import Closed

NOON = datetime(2026, 7, 31, 12, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def envelope(number: int) -> EnvelopeId:
    return EnvelopeId(number.to_bytes(16, "big"))


def events(of: EnvelopeId, text: str = "") -> tuple[Signed, ...]:
    stored = sign(Receipt(1, of, Happening.STORED, "hub", NOON, bytes(32)), KEY)
    reason = "unreadable" if text else ""
    last = Happening.RETURNED if text else Happening.ACCEPTED
    return stored, sign(Receipt(1, of, last, "sozialamt", NOON, digest_of(stored), reason, text), KEY)


def test_what_was_closed_is_known_after_a_restart_and_to_the_word(tmp_path: Path) -> None:
    kept = Closed(tmp_path)
    assert kept.get(envelope(1)) is None
    kept.put(envelope(1), events(envelope(1)))
    kept.put(envelope(2), events(envelope(2), "Bitte neu."))
    kept = Closed(tmp_path)
    first, second = kept.get(envelope(1)), kept.get(envelope(2))
    assert first is not None
    assert second is not None
    assert first.receipts == events(envelope(1))
    assert (second.last.happening, second.last.text, second.last.at) == (Happening.RETURNED, "Bitte neu.", NOON)
    assert kept.get(envelope(3)) is None


def test_what_only_stood_somewhere_is_known_as_that(tmp_path: Path) -> None:
    """It proves nothing: a run may have ended before its papers had their names."""
    kept = Closed(tmp_path)
    assert not kept.begun(envelope(1))
    kept.put(envelope(1), events(envelope(1))[:1], heard=False)
    assert (kept.begun(envelope(1)), kept.get(envelope(1))) == (True, None)
    kept.put(envelope(1), events(envelope(1)), heard=False)
    to_be_told = kept.get(envelope(1))
    assert to_be_told is not None
    assert not to_be_told.heard
    kept.put(envelope(1), events(envelope(1)))
    told = kept.get(envelope(1))
    assert told is not None
    assert told.heard


def test_the_oldest_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closed, "DOCUMENTS_MAX", 3)
    monkeypatch.setattr(closed, "SLACK", 2)
    kept = Closed(tmp_path)
    for number in range(6):
        kept.put(envelope(number), events(envelope(number)))
        os.utime(tmp_path / closed.FOLDER / envelope(number).hex(), ns=(number, number))
    assert [kept.get(envelope(number)) is not None for number in range(6)] == [False, False, False, True, True, True]


def test_a_damaged_one_is_as_good_as_none(tmp_path: Path) -> None:
    kept = Closed(tmp_path)
    kept.put(envelope(1), events(envelope(1)))
    (tmp_path / closed.FOLDER / envelope(1).hex()).write_bytes(b"?")
    assert kept.get(envelope(1)) is None


def test_a_folder_that_nobody_may_write_says_so(tmp_path: Path) -> None:
    (tmp_path / closed.FOLDER).write_bytes(b"no folder")
    with pytest.raises(Unavailable):
        Closed(tmp_path).put(envelope(1), events(envelope(1)))
