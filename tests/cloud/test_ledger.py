"""A turn of the hub: what arrives, what is durable after it, what others learn."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from sqlalchemy import select

from cloud.storage import schema
from cloud.storage.blobs import files
from protocol import codec, manifest
from protocol.entries import GENESIS, DirectoryPublished, Mark, ReceiptGiven, VisitEnded
from protocol.errors import Mistake, Unavailable
from protocol.frames import Beat, Hello, Vitals
from protocol.ids import Digest
from protocol.manifest import Happening, Receipt

if TYPE_CHECKING:
    from tests.cloud.conftest import Cabin, Document, Town


def hello(town: Town, last: Mark) -> Hello:
    return Hello((1,), "templin", b"boot", 1, last, 0, 0, "kabine 0.1.0", town.now)


def test_a_document_is_announced_fetched_delivered_and_signed_for(town: Town) -> None:
    cabin = town.cabin()
    document = cabin.document()
    cabin.event(document.event)
    town.commit(cabin)
    news = town.ledger.settle()
    assert [(w.site, w.digest, w.size_bytes, w.have_bytes) for w in news.wanted] == [
        ("templin", document.digest, 5000, 0)
    ]
    assert town.ledger.log(cabin.site).theirs() == cabin.mark
    town.send(document, upto=3000)
    assert town.ledger.settle().delivered == set()
    town.send(document)
    news = town.ledger.settle()
    assert news.delivered == {"sozialamt-uckermark"}
    assert news.appended == {"templin"}
    directory, receipt = town.events(cabin)
    assert isinstance(directory, DirectoryPublished)
    assert isinstance(receipt, ReceiptGiven)
    stored = manifest.verify(Receipt, receipt.receipt, town.hub_key.public_key().public_bytes_raw())
    assert (stored.happening, stored.by, stored.envelope) == (Happening.STORED, "hub", document.manifest.envelope)
    assert stored.previous == manifest.digest_of(document.event.manifest)
    assert town.ledger.read_blob(document.digest, 1000, 9000) == (document.blob[1000:], 5000)
    (row,) = town.rows(schema.document)
    assert (row.state, row.place, row.stored_at, row.trouble) == ("stored", 1, town.now, None)
    assert town.rows(schema.alarm) == []


def test_nothing_to_do_is_no_transaction(town: Town) -> None:
    town.ledger.settle()
    witness = sqlite3.connect(town.folder / "hub.sqlite")
    before = witness.execute("PRAGMA data_version").fetchone()
    for _ in range(3):
        assert town.ledger.settle().appended == set()
    assert witness.execute("PRAGMA data_version").fetchone() == before
    witness.close()


@pytest.mark.parametrize("moment", ["before the turn", "after the sync", "after the commit"])
def test_a_power_cut_loses_nothing_acknowledged_and_doubles_nothing(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    cabin = town.cabin()
    first, second = cabin.document(), cabin.document()
    cabin.event(first.event)
    cabin.event(second.event)
    town.commit(cabin)
    town.ledger.settle()
    town.send(first)
    town.send(second, upto=2000)
    copies: list[Town] = []

    def cut() -> None:
        copies.append(town.power_cut(tmp_path / "copy"))

    if moment == "before the turn":
        cut()
    elif moment == "after the sync":
        sync = town.ledger.blobs.sync
        monkeypatch.setattr(town.ledger.blobs, "sync", lambda: (sync(), cut()))
    town.ledger.settle()
    if moment == "after the commit":
        cut()
    (copy,) = copies
    delivered = moment == "after the commit"
    assert copy.ledger.blobs.have(second.digest) == (2000 if delivered else 0)
    assert [row.state for row in copy.rows(schema.document)] == ["stored" if delivered else "announced", "announced"]
    wanted = copy.ledger.wanted(cabin.site)
    assert [(w.digest, w.have_bytes) for w in wanted] == (
        [(second.digest, 2000)] if delivered else [(first.digest, 0), (second.digest, 0)]
    )
    for document in (first, second):  # the cabin goes on where the hub is
        if document.digest in {w.digest for w in wanted}:
            copy.send(document)
    copy.ledger.settle()
    assert [row.state for row in copy.rows(schema.document)] == ["stored", "stored"]
    assert sorted(row.place for row in copy.rows(schema.document)) == [1, 2]
    assert len(copy.rows(schema.receipt)) == 2
    assert [type(event) for event in copy.events(cabin)] == [DirectoryPublished, ReceiptGiven, ReceiptGiven]
    for document in (first, second):
        assert copy.ledger.read_blob(document.digest, 0, 9999) == (document.blob, 5000)
    copy.close()


def test_a_failed_fsync_ends_the_process_with_nothing_acknowledged(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cabin = town.cabin()
    document = cabin.document()
    cabin.event(document.event)
    town.commit(cabin)
    town.ledger.settle()
    town.send(document)

    def refuse(descriptor: int) -> None:
        raise OSError(5, os.strerror(5))

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fdatasync", refuse)
        with pytest.raises(Unavailable, match="Input/output error"):
            town.ledger.settle()
    with pytest.raises(Unavailable, match="could not be made durable"):
        town.ledger.settle()
    with pytest.raises(Unavailable):
        town.ledger.blobs.keep(Digest(bytes(32)), 0, b"more")
    copy = town.power_cut(tmp_path / "copy")
    assert [row.state for row in copy.rows(schema.document)] == ["announced"]
    assert copy.ledger.wanted(cabin.site)[0].have_bytes == 0
    copy.close()


def test_bytes_that_are_not_what_was_announced_are_asked_for_again(town: Town) -> None:
    cabin = town.cabin()
    document = cabin.document()
    cabin.event(document.event)
    town.commit(cabin)
    town.ledger.settle()
    damaged = bytes([document.blob[0] ^ 1]) + document.blob[1:]
    for attempt in (1, 2, 3):
        town.ledger.keep(document.digest, 0, damaged)
        news = town.ledger.settle()
        assert news.delivered == set()
        assert [w.have_bytes for w in news.wanted] == ([0] if attempt < 3 else [])
        assert [alarm.kind for alarm in news.alarms] == ([] if attempt < 3 else ["blob-damaged"])
        assert town.ledger.blobs.have(document.digest) == 0
    assert [w.digest for w in town.ledger.wanted(cabin.site)] == [document.digest]
    town.send(document)
    assert town.ledger.settle().delivered == {"sozialamt-uckermark"}
    assert [row.trouble for row in town.rows(schema.document)] == [None]


@pytest.mark.parametrize("part", ["header_sha256", "payload_sha256", "length_bytes"])
def test_bytes_that_the_manifest_does_not_sign_are_set_aside(town: Town, part: str) -> None:
    cabin = town.cabin()
    document = cabin.document(**{part: 17 if part == "length_bytes" else bytes(32)})
    cabin.event(document.event)
    town.commit(cabin)
    town.ledger.settle()
    town.send(document)
    news = town.ledger.settle()
    assert news.delivered == set()
    assert [alarm.kind for alarm in news.alarms] == ["blob-damaged"]
    (row,) = town.rows(schema.document)
    assert (row.state, row.place) == ("quarantined", None)
    assert town.ledger.wanted(cabin.site) == []
    assert town.ledger.read_blob(document.digest, 0, 10) is None


def test_bytes_that_nobody_awaits_are_not_kept(town: Town) -> None:
    town.ledger.keep(Digest(bytes(32)), 0, b"out of nowhere")
    assert town.ledger.blobs.have(Digest(bytes(32))) == 0


def test_a_new_directory_is_announced_once(town: Town) -> None:
    cabin = town.cabin()
    town.commit(cabin)
    assert town.ledger.settle().appended == {"templin"}
    town.ledger.announce_directory([cabin.site])
    assert town.ledger.settle().appended == set()
    town.publish("sozialamt-uckermark")
    town.ledger.announce_directory([cabin.site])
    assert town.ledger.settle().appended == {"templin"}
    first, second = town.events(cabin)
    assert isinstance(first, DirectoryPublished)
    assert isinstance(second, DirectoryPublished)
    assert (first.version, second.version) == (1, 2)
    for event in (first, second):
        found = town.ledger.read_directory(event.digest, 0, 1 << 24)
        assert found is not None
        assert found[1] == event.size_bytes == len(found[0])
        assert town.ledger.read_blob(event.digest, 10, 5) == (found[0][10:15], event.size_bytes)
    assert town.ledger.read_directory(Digest(bytes(32)), 0, 10) is None


def test_a_cabin_whose_disk_has_lost_the_directory_is_told_of_it_again(town: Town) -> None:
    """It was told, and held an older one until the next was published: what is salvaged from a damaged buffer may lack what was written last
    (`kabine simulate --days 4 --seed 28 --cabins 2`). Whoever refuses it is not made to fetch it with every connection."""
    cabin = town.cabin()
    town.commit(cabin)
    town.publish("sozialamt-uckermark")
    town.ledger.announce_directory([cabin.site])
    town.ledger.settle()
    for version, appended in ((2, set()), (1, {"templin"}), (1, set())):
        greeting = msgspec.structs.replace(hello(town, cabin.mark), directory_version=version)
        town.ledger.observe(cabin.site, greeting, -1.0, town.now)
        assert town.ledger.settle().appended == appended
    assert [one.version for one in town.events(cabin) if isinstance(one, DirectoryPublished)][-2:] == [2, 2]


def test_contacts_are_written_together(town: Town) -> None:
    cabin = town.cabin()
    town.commit(cabin)
    town.ledger.started(town.now)
    town.ledger.settle()
    vitals = Vitals(waiting_documents=3)
    town.ledger.observe(
        cabin.site, msgspec.structs.replace(hello(town, cabin.mark), directory_version=1), -1.0, town.now
    )
    town.ledger.observe(cabin.site, Beat(1, town.now, 0, 0.0, cabin.mark, vitals), 0.08, town.now)
    town.ledger.settle()
    assert not town.rows(schema.link)[0].connected
    town.later(seconds=2)
    town.ledger.settle()
    (row,) = town.rows(schema.link)
    assert (row.connected, row.boot, row.software, row.round_trip_seconds) == (True, b"boot", "kabine 0.1.0", 0.08)
    assert (row.reported_number, row.reported_hash) == (cabin.mark.number, cabin.mark.hash)
    assert codec.decode(Vitals, row.vitals, 1000) == vitals
    assert row.clock_offset_seconds == pytest.approx(0.04)
    town.ledger.disconnected(cabin.site, town.now)
    town.later(seconds=3)
    town.ledger.settle()
    (row,) = town.rows(schema.link)
    assert (row.connected, row.since) == (False, town.now.replace(second=2))


def test_the_hub_says_that_it_lives_every_five_seconds(town: Town) -> None:
    town.ledger.started(town.now)
    began = town.now
    for seconds, expected in ((0, 0), (4, 0), (5, 5), (9, 5), (10, 10)):
        town.now = began.replace(second=seconds)
        town.ledger.alive(town.now)
        town.ledger.settle()
        (row,) = town.rows(schema.hub)
        assert row.alive_at == began.replace(second=expected)
    assert row.pid == os.getpid()


def test_a_start_finds_nobody_connected(town: Town) -> None:
    cabin = town.cabin()
    town.commit(cabin)
    town.ledger.settle()
    town.ledger.observe(cabin.site, hello(town, cabin.mark), -1.0, town.now)
    town.later(seconds=5)
    town.ledger.settle()
    assert town.rows(schema.link)[0].connected
    town.ledger.started(town.now)
    assert not town.rows(schema.link)[0].connected


def test_a_replaced_machine_begins_both_logs_anew(town: Town) -> None:
    old = town.cabin()
    town.deliver(old)
    lost = old.document()
    old.event(lost.event)
    town.commit(old)
    town.ledger.settle()
    new = town.cabin(machine="second")
    log = town.ledger.log(new.site)
    assert (log.theirs(), log.last().number, log.first()) == (Mark(), 0, 1)
    assert log.last().hash == GENESIS
    town.deliver(new)
    assert town.ledger.wanted(new.site) == []
    assert [alarm.kind for alarm in town.rows(schema.alarm)] == ["machine-replaced"]
    assert [(row.machine, row.state) for row in town.rows(schema.document)] == [
        (1, "stored"), (1, "announced"), (2, "stored"),
    ]  # fmt: skip
    assert [type(event) for event in town.events(new)] == [DirectoryPublished, ReceiptGiven]
    town.close()
    town.open()
    assert town.ledger.log(new.site).theirs() == new.mark


def test_closed_documents_are_let_go_after_their_time(town: Town) -> None:
    cabin = town.cabin()
    documents = [town.deliver(cabin) for _ in range(3)]
    with town.database.turn() as connection:
        for document, state, days in ((documents[0], "accepted", 40), (documents[1], "returned", 10)):
            connection.execute(
                schema.document.update()
                .where(schema.document.c.envelope == document.manifest.envelope)
                .values(state=state, closed_at=town.now.replace(year=2026, month=1 if days == 40 else 2))
            )
    assert town.ledger.expire(town.now, 31) == 1
    town.ledger.settle()
    assert [row.freed_at for row in town.rows(schema.document)] == [town.now, None, None]
    assert town.ledger.read_blob(documents[0].digest, 0, 10) is None
    assert town.ledger.read_blob(documents[1].digest, 0, 10) is not None
    assert town.ledger.expire(town.now, 31) == 0
    with town.database.reading() as connection:
        assert len(connection.execute(select(schema.receipt)).all()) == 3


def test_alarms_of_the_loop_are_kept(town: Town) -> None:
    town.ledger.alarm(town.cabin().site, "log-fork", "The cabin was cloned.\x00")
    assert [alarm.kind for alarm in town.ledger.settle().alarms] == ["log-fork"]
    assert town.rows(schema.alarm)[0].text == "The cabin was cloned.\ufffd"


def test_a_log_with_a_gap_is_our_mistake(town: Town) -> None:
    cabin = town.cabin()
    cabin.open_epoch()
    cabin.event(VisitEnded(bytes(16), town.now, town.now, "left", 0, "de"))
    with pytest.raises(Mistake, match="1 was next"):
        town.ledger.log(cabin.site).commit(cabin.log[2:])


def test_a_cabin_that_lost_entries_goes_on_and_a_person_is_called(town: Town) -> None:
    cabin = town.cabin()
    cabin.open_epoch()
    town.ledger.log(cabin.site).commit(cabin.log)
    town.ledger.settle()
    for _ in range(3):
        cabin.event(VisitEnded(bytes(16), town.now, town.now, "left", 0, "de"))
    after = cabin.open_epoch()
    town.ledger.log(cabin.site).commit([after])
    assert [alarm.kind for alarm in town.ledger.settle().alarms] == ["entries-missing"]
    assert town.ledger.log(cabin.site).theirs().number == 6
    assert town.rows(schema.link)[0].up_missing == 3


def test_an_entry_of_an_earlier_epoch_that_goes_on_with_the_chain_is_applied_as_any(town: Town) -> None:
    cabin = town.cabin()
    earlier = cabin.epoch, cabin.journal_key
    cabin.open_epoch()
    later = cabin.epoch, cabin.journal_key
    for cabin.epoch, cabin.journal_key in (earlier, later, earlier):
        cabin.event(VisitEnded(bytes(16), town.now, town.now, "left", 0, "de"))
    town.commit(cabin)
    town.ledger.settle()
    cabin.epoch = later[0]
    cabin.open_epoch()
    town.commit(cabin)
    assert town.ledger.settle().alarms == []
    assert town.ledger.log(cabin.site).theirs() == cabin.mark
    assert town.rows(schema.quarantine) == []
    assert [row.visits for row in town.rows(schema.visit_day)] == [3]


def test_ten_thousand_places_are_small(town: Town) -> None:
    import tracemalloc

    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    logs = [town.ledger.log(f"site-{number}") for number in range(200)]
    town.ledger.settle()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert used / len(logs) < 2048


def test_a_database_older_than_the_documents_beside_it_calls_a_person_and_loses_none_of_them(
    town: Town, tmp_path: Path
) -> None:
    cabin = town.cabin()
    town.commit(cabin)
    town.ledger.settle()
    older = town.power_cut(tmp_path / "copy")  # its database; then documents come
    older.close()
    for _ in range(2):
        document = _deliver(town, cabin)
    town.close()
    shutil.rmtree(older.folder / "blobs")
    shutil.copytree(town.folder / "blobs", older.folder / "blobs")
    for _ in range(2):  # starts
        older.open()
        older.ledger.settle()
        assert [row.kind for row in older.rows(schema.alarm)] == ["segment-unknown"]
        assert "000001.aside" in older.rows(schema.alarm)[0].text
        older.close()
    assert document.blob in (older.folder / "blobs" / "000001.aside").read_bytes()
    town.open()


def test_whoever_dies_between_two_things_to_be_told_tells_both(town: Town, tmp_path: Path) -> None:
    """An older database lacks what the newer one has let go of, and does not know what lies beside it; the process dies before its first turn."""
    cabin = town.cabin()
    town.commit(cabin)
    town.ledger.blobs._segment_bytes = 1  # each document lies in a file of its own
    _deliver(town, cabin)
    older = town.power_cut(tmp_path / "copy")
    older.close()
    _deliver(town, cabin)
    town.close()
    shutil.rmtree(older.folder / "blobs")
    shutil.copytree(town.folder / "blobs", older.folder / "blobs")
    (older.folder / "blobs" / "000001.segment").unlink()
    older.open()
    older.close()
    older.open()
    older.ledger.settle()
    assert {row.kind for row in older.rows(schema.alarm)} == {"segment-unknown", "segment-damaged"}
    older.close()
    town.open()


def _deliver(town: Town, cabin: Cabin) -> Document:
    document = cabin.document()
    cabin.event(document.event)
    town.commit(cabin)
    town.ledger.settle()
    town.send(document)
    town.ledger.settle()
    return document
