"""The agency's connector believes nobody: what was altered or held back is named, and the rest arrives all the same."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import codec, contacts, limits
from protocol.directory import Directory
from protocol.errors import Refused, Unavailable
from protocol.ids import EnvelopeId, SiteId
from protocol.keys import SigningPair
from protocol.manifest import Happening, Signed, sign, unverified
from tests.journeys.stage import AGENCY, OTHER_AGENCY, Stage, stage
from tests.journeys.waiting import until
from tests.killed import killed_before
from tools.closed import Closed
from tools.inbox import opened_inbox
from tools.letter import Letter
from tools.line import Line
from tools.numbering import LATE_SECONDS

NOBODY = "tcp://127.0.0.1:1"  # where nobody listens
FAR_SECONDS = 0.1  # one way. On such a line little is asked for at a time, so that what is small goes first
PASSING_BYTES = 256 * 1024


def test_a_returned_document_is_returned_once_and_the_cabin_hears_why(town: Stage) -> None:
    receipt, other = (town.hand_in("templin", town.page(seed), agency=OTHER_AGENCY, secured=True) for seed in (1, 2))
    words = "Bitte geben Sie das beim Sozialamt ab."
    nameless = town.pull("--return", "wrong-agency", "--text", words, agency=OTHER_AGENCY)
    assert nameless.returncode == 1
    assert "2 documents wait; a return is for one." in nameless.stderr
    silent = town.pull("--return", "wrong-agency", "--receipt", receipt, agency=OTHER_AGENCY)
    assert silent.returncode == 1
    assert "A return needs --text" in silent.stderr

    done = town.pull("--return", "wrong-agency", "--text", words, "--receipt", receipt, "--json", agency=OTHER_AGENCY)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["receipt"], told["state"]) == (receipt, "returned")
    last = told["receipts"][-1]
    assert (last["happening"], last["reason"], last["text"]) == ("returned", "wrong-agency", words)
    until(lambda: town.state("templin", receipt) == "returned", "the cabin hears of it")
    assert town.state("templin", other) == "secured"
    again = town.pull("--receipt", receipt, agency=OTHER_AGENCY)
    assert again.returncode == 1
    assert f"No document {receipt} waits in this inbox." in again.stderr
    assert town.record(receipt, OTHER_AGENCY)["receipts"] == told["receipts"]


def test_what_others_have_put_into_the_folder_stays_and_keeps_nobody_from_the_rest(town: Stage) -> None:
    """A file that has a document's name: the document is called otherwise. Where that is taken too it waits, and the next one is taken."""
    scanned, refused, fine = (
        town.hand_in("templin", town.page(seed), agency=OTHER_AGENCY, secured=True) for seed in (3, 4, 5)
    )
    into = town.house.folder / "shared"
    into.mkdir()
    for name in (f"{scanned}.pdf", f"{refused}.pdf", f"{longer(town, refused)}.json"):
        (into / name).write_text("of somebody else")
    done = town.pull(agency=OTHER_AGENCY, into=into)
    assert done.returncode == 1
    assert f"REFUSED {refused}: Other files stand where" in done.stderr
    assert {happened(town, receipt)[-1] for receipt in (scanned, fine)} == {"accepted"}
    assert (
        (into / f"{longer(town, scanned)}.pdf").read_bytes()[:5] == (into / f"{fine}.pdf").read_bytes()[:5] == b"%PDF-"
    )
    assert happened(town, refused) == ["stored"]
    assert sorted(path.name for path in into.iterdir() if path.read_bytes() == b"of somebody else") == sorted(
        [f"{scanned}.pdf", f"{refused}.pdf", f"{longer(town, refused)}.json"]
    )
    (into / f"{refused}.pdf").unlink()
    assert town.pull(agency=OTHER_AGENCY, into=into).returncode == 0
    assert (into / f"{refused}.pdf").read_bytes().startswith(b"%PDF-")


@pytest.fixture
def overtaken(town: Stage) -> Iterator[tuple[str, str, Line]]:
    """A large document that a small one has overtaken. The line is held: the rest of the large one passes when it is released, and not before."""
    line = town.house.lines[SiteId("gartz")]
    line.cut()
    large = town.hand_in("gartz", *(town.photograph(seed) for seed in range(4)))
    small = town.hand_in("gartz", town.page(3))
    line.delay_seconds = FAR_SECONDS
    line.hold(PASSING_BYTES)
    line.mend()
    try:
        until(lambda: delivered(town, small), "the small one is in the inbox")
        [(size_bytes,)] = town.ask("SELECT size_bytes FROM document WHERE receipt = ?", large)
        assert size_bytes > PASSING_BYTES, "the large one is too small to be held"
        yield large, small, line
    finally:
        line.delay_seconds = 0.0
        line.release()
    town.drained("gartz")


def test_a_document_overtaken_by_smaller_ones_is_no_reason_for_a_warning(
    town: Stage, overtaken: tuple[str, str, Line]
) -> None:
    """On a slow line small documents overtake a large one; the connector waits for the number, and warns of nothing."""
    large, small, line = overtaken
    first = town.pull()
    assert first.returncode == 0, first.stderr
    assert "note: 1 document of the cabin gartz before " + small + " has not come yet" in first.stderr
    assert "WARNING" not in first.stderr
    assert not delivered(town, large)
    line.release()
    town.drained("gartz")
    second = town.pull()
    assert (second.returncode, second.stderr) == (0, "")
    assert {large, small} <= set(town.opened())


def test_what_comes_between_counting_and_listing_is_counted_once(town: Stage, overtaken: tuple[str, str, Line]) -> None:
    """The large one arrives when its gap is known and the inbox is not listed yet: it is taken, and warned of by nobody."""
    large, _, line = overtaken
    with opened_inbox(town.house.keys(AGENCY), str(town.house.folder / "hub-card.txt")) as connector:
        assert [problem[:4] for problem in connector.problems()] == ["note"]
        line.release()
        until(lambda: delivered(town, large), "the large one")
        for letter in connector.letters():
            assert isinstance(letter, Letter)
            connector.close(connector.fetched(letter), connector.take(letter, town.into()), Happening.ACCEPTED)
        assert list(connector.problems()) == []


def test_what_another_machine_has_accepted_meanwhile_keeps_its_record(town: Stage) -> None:
    """Two with the same keys pull into one folder. The slower one wrote the record anew as it had seen it, without what was signed since."""
    receipt = town.hand_in("templin", town.page(31), secured=True)
    with opened_inbox(town.house.keys(AGENCY), str(town.house.folder / "hub-card.txt")) as connector:
        (letter,) = connector.letters()
        assert isinstance(letter, Letter)
        assert town.pull().returncode == 0
        connector.take(letter, town.into())
        with pytest.raises(Refused, match="somebody else has acted"):
            connector.fetched(letter)
    told = town.record(receipt)["receipts"]
    assert [event["happening"] for event in told] == ["stored", "fetched", "accepted"]


def test_a_connector_killed_before_any_of_its_files_appears_goes_on(town: Stage) -> None:
    """The real command is killed before the first file has its name, before the second … By
    then the hub has answered all that it was told before. The next run opens the same document again, and once it is accepted."""
    states = []
    for seed in range(10, 30):
        receipt = town.hand_in("templin", town.page(seed), secured=True)
        ended = killed_before(1 + len(states), *town.pulling())
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        states.append(happened(town, receipt)[-1])
        if states[-1] == "accepted":
            assert proven(town, receipt), "the hub was told and forgets it with its disk: nothing here would know"
        done = town.pull("--json")
        assert done.returncode == 0, done.stderr
        opened = [json.loads(line)["receipt"] for line in done.stdout.splitlines()]
        assert opened == ([] if states[-1] == "accepted" else [receipt])
        assert happened(town, receipt) == ["stored", "fetched", "accepted"]
    assert list(dict.fromkeys(states)) == ["stored", "fetched", "accepted"]
    assert not list(town.into().glob(".*")), "drafts of killed runs"
    until(lambda: town.state("templin", receipt) == "accepted", "the cabin hears of it")
    town.whole(["templin", "gartz"])


def test_what_was_carried_off_from_a_killed_run_does_not_come_again_without_a_word(town: Stage, tmp_path: Path) -> None:
    """Offices watch their folder and carry off what appears there, also between the moment at which it does and that at which the hub hears of it."""
    for before in range(1, 20):
        receipt = town.hand_in("templin", town.page(50 + before), secured=True)
        killed_before(before, *town.pulling())
        if receipt in town.opened():
            break
        assert town.pull().returncode == 0
    assert happened(town, receipt) == ["stored", "fetched"]  # killed before the record's next renaming
    for path in town.into().glob(f"{receipt}.*"):
        shutil.move(path, tmp_path)
    done = town.pull()
    assert done.returncode == 0, done.stderr
    assert f"note: {receipt} was taken up before" in done.stderr
    assert (tmp_path / f"{receipt}.pdf").read_bytes() == town.opened()[receipt].read_bytes()


def test_a_return_that_the_hub_did_not_hear_stays_a_return(templin: Stage) -> None:
    """Somebody has decided it and written to the visitor; the next run, perhaps of a timer, accepted the document."""
    templin.into().mkdir(parents=True)
    receipt = templin.hand_in("templin", templin.page(1), secured=True)
    words = "Bitte geben Sie das beim Sozialamt ab."
    with opened_inbox(templin.house.keys(AGENCY), str(templin.house.folder / "hub-card.txt")) as connector:
        (letter,) = connector.letters()
        assert isinstance(letter, Letter)
        taken = connector.take(letter, templin.into())
        fetched = connector.fetched(letter)
        templin.house.stop("hub")
        with pytest.raises(Unavailable):
            connector.close(fetched, taken, Happening.RETURNED, "wrong-agency", words)
    templin.house.start_hub()
    done = templin.pull()
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert f"note: {receipt} was returned here" in done.stderr
    assert happened(templin, receipt) == ["stored", "fetched", "returned"]
    assert templin.record(receipt)["receipts"][-1]["text"] == words


def flips(stage: Stage, receipt: str) -> None:
    """One bit of this document's bytes turns over on the hub's disk."""
    [(segment, position, length)] = stage.ask(
        "SELECT segment, position_bytes, length_bytes FROM piece JOIN document ON document.id = piece.blob WHERE receipt = ? LIMIT 1",
        receipt,
    )
    with stage.segment(segment).open("r+b") as file:
        file.seek(position + length // 2)
        [byte] = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))


def lies_there(stage: Stage, receipt: str) -> bool:
    """Is it in its inbox, and what the cabin sealed?"""
    [(digest, there)] = stage.ask(
        "SELECT digest, stored_at IS NOT NULL FROM document JOIN blob USING (id) WHERE receipt = ?", receipt
    )
    return bool(there) and hashlib.sha256(stage.envelope(digest)).digest() == digest


@pytest.fixture(scope="module")
def altered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, list[str]]]:
    """Four documents at the hub. The first one's bytes and the second one's manifest were altered on its disk, by one bit each."""
    with stage(tmp_path_factory.mktemp("altered"), "templin") as made:
        receipts = [made.hand_in("templin", made.page(seed), secured=True) for seed in range(4)]
        flips(made, receipts[0])
        [(body,)] = made.ask("SELECT manifest_body FROM document WHERE receipt = ?", receipts[1])
        made.alter("UPDATE document SET manifest_body = ? WHERE receipt = ?", flipped(body), receipts[1])
        yield made, receipts


def test_what_was_altered_at_the_hub_is_refused_and_keeps_nobody_from_the_rest(
    altered: tuple[Stage, list[str]],
) -> None:
    """The hub reads with its connector, and has the document from its cabin again a moment later."""
    stage, [bytes_altered, manifest_altered, *good] = altered
    done = stage.pull()
    assert done.returncode == 1
    assert f"REFUSED {bytes_altered}: " in done.stderr
    assert "REFUSED at place 2: No machine of the cabin templin has signed document" in done.stderr
    assert f"Not taken: {bytes_altered}, the one at place 2." in done.stderr
    files = sorted(f"{name}.{kind}" for name in good for kind in ("json", "pdf"))
    assert sorted(path.name for path in stage.into().iterdir()) == files
    until(lambda: lies_there(stage, bytes_altered), "its cabin has given it again")
    assert happened(stage, bytes_altered) == happened(stage, manifest_altered) == ["stored"]
    assert stage.state("templin", bytes_altered) == "secured"
    said = stage.kabine("fleet", "status", "--hub", stage.house.hub)
    assert said.returncode >= 1
    assert f"Document {bytes_altered} of templin was altered on the hub's disk (000001.segment)." in said.stdout
    one = stage.pull("--receipt", bytes_altered)
    assert "Not taken: the one at place 2." in one.stderr
    assert "WARNING" not in one.stderr
    assert bytes_altered in stage.opened()
    until(lambda: stage.state("templin", bytes_altered) == "accepted", "the cabin hears of it")
    status = stage.house.status("templin")
    assert status is not None
    assert status.troubles == ()


def test_a_following_connector_goes_on_after_altered_documents(altered: tuple[Stage, list[str]]) -> None:
    stage, _ = altered
    stage.follow()
    good = []
    for seed in range(2):
        good.append(stage.hand_in("templin", stage.page(10 + seed)))
        until(lambda: len(stage.reports) == len(good), "what comes is taken")
    assert [report["receipt"] for report in stage.reports] == good
    log = stage.house.folder / "logs" / f"inbox-{AGENCY}.err"
    until(
        lambda: (said := log.read_text()).count("REFUSED") == 1 + said.count("waiting:"),
        "each is named once, and again when the line was gone",
    )


def test_a_following_connector_takes_what_it_refused_when_it_is_there_again(altered: tuple[Stage, list[str]]) -> None:
    stage, _ = altered
    stage.house.kill(f"inbox-{AGENCY}")
    receipt = stage.hand_in("templin", stage.page(20), secured=True)
    flips(stage, receipt)
    stage.follow()
    log = stage.house.folder / "logs" / f"inbox-{AGENCY}.err"
    until(lambda: f"REFUSED {receipt}: " in log.read_text(), "it is refused")
    until(lambda: stage.reports[-1]["receipt"] == receipt, "it is taken")
    assert log.read_text().count(f"REFUSED {receipt}: ") == 1


def test_what_the_hub_has_mended_is_taken_and_missed_no_more(altered: tuple[Stage, list[str]]) -> None:
    stage, [_, manifest_altered, *_] = altered
    stage.house.kill(f"inbox-{AGENCY}") if f"inbox-{AGENCY}" in stage.house.processes else None
    assert [gap["first"] for gap in gaps(stage)] == [2]
    [(body,)] = stage.ask("SELECT manifest_body FROM document WHERE receipt = ?", manifest_altered)
    stage.alter("UPDATE document SET manifest_body = ? WHERE receipt = ?", flipped(body), manifest_altered)
    done = stage.pull("--receipt", manifest_altered)
    assert done.returncode == 0, done.stderr
    assert not gaps(stage)


def test_a_hub_that_drops_a_document_is_found_out(templin: Stage) -> None:
    first, dropped, last = (templin.hand_in("templin", templin.page(seed), secured=True) for seed in range(3))
    templin.house.stop("hub")
    with closing(sqlite3.connect(templin.house.hub / "hub.sqlite")) as database, database:
        [(id,)] = database.execute("SELECT id FROM document WHERE receipt = ?", (dropped,)).fetchall()
        database.execute("DELETE FROM document WHERE id = ?", (id,))
        database.execute("DELETE FROM receipt WHERE document = ?", (id,))
    templin.house.start_hub()
    noticed = templin.pull()
    assert noticed.returncode == 0, noticed.stderr
    assert f"note: 1 document of the cabin templin before {last} has not come yet" in noticed.stderr
    assert sorted(templin.opened()) == sorted([first, last])

    memory = templin.house.keys(AGENCY) / "memory.json"
    now = datetime.now(UTC)
    remembered = json.loads(memory.read_bytes())
    [row] = remembered["cabins"].values()
    [gap] = row["gaps"]
    assert (gap["first"], gap["last"], row["counter"]) == (2, 2, 3)
    gap["since"] = (now - timedelta(seconds=LATE_SECONDS + 60)).isoformat()
    memory.write_text(json.dumps(remembered))
    warned = templin.pull()
    assert (
        f"WARNING: 1 document of the cabin templin before {last} has been missing since {now - timedelta(hours=1, minutes=1):%Y-%m-%d}"
        in warned.stderr
    )
    assert "Ask the operator of the hub" in warned.stderr


def test_a_district_with_a_new_hub_keeps_its_agencies(town: Stage) -> None:
    """Its authority's key was stolen: what the old one has signed, whatever its version, stands in nobody's way once the new hub's card is given."""
    kept = town.house.keys(OTHER_AGENCY) / "directory"
    assert town.pull(agency=OTHER_AGENCY).returncode == 0
    current = kept.read_bytes()
    directory = unverified(Directory, codec.decode(Signed, current, limits.DIRECTORY_BYTES_MAX))
    old = sign(msgspec.structs.replace(directory, version=99), Ed25519PrivateKey.from_private_bytes(bytes(32)))
    kept.write_bytes(codec.encode(old))
    done = town.pull(agency=OTHER_AGENCY)
    assert done.returncode == 0, done.stderr
    assert kept.read_bytes() == current


def test_a_directory_that_is_damaged_on_its_disk_is_fetched_anew(town: Stage) -> None:
    assert town.pull(agency=OTHER_AGENCY).returncode == 0
    kept = town.house.keys(OTHER_AGENCY) / "directory"
    whole = kept.read_bytes()
    for damaged in (b"", whole[:-9], b"\x93abc"):
        kept.write_bytes(damaged)
        done = town.pull(agency=OTHER_AGENCY)
        assert done.returncode == 0, done.stderr
        assert kept.read_bytes() == whole


def test_the_card_of_a_hub_that_is_not_there_or_not_the_one_is_not_kept(town: Stage) -> None:
    """Whoever mistypes --hub once does not speak with the wrong one from then on."""
    assert town.pull(agency=OTHER_AGENCY).returncode == 0
    kept = town.house.keys(OTHER_AGENCY) / "hub.txt"
    text = kept.read_text()
    card = contacts.read_hub_card(text)
    for wrong in (
        msgspec.structs.replace(card, authority_key=SigningPair.generate(os.urandom).public),
        msgspec.structs.replace(card, address=NOBODY),
    ):
        done = town.pull("--hub", contacts.write_hub_card(wrong), agency=OTHER_AGENCY)
        assert done.returncode == 1
        assert kept.read_text() == text


def test_an_agency_with_new_keys_opens_what_was_sealed_to_the_old_one(templin: Stage, tmp_path: Path) -> None:
    """As docs/keys.md says: a new folder, its card to the hub, the old identity behind the new one, and what the old keys' runs remember."""
    before = templin.hand_in("templin", templin.page(3), secured=True)
    assert templin.pull().returncode == 0
    waits = templin.hand_in("templin", templin.page(1), secured=True)
    with opened_inbox(templin.house.keys(AGENCY), str(templin.house.folder / "hub-card.txt")) as connector:
        (letter,) = connector.letters()
        assert isinstance(letter, Letter)
        connector.take(letter, templin.into())
        connector.fetched(letter)  # and there the last run with the old keys was cut off
    old, new = templin.house.keys(AGENCY), tmp_path / "new"
    unlocked = ("--hub", str(templin.house.hub), "--passphrase-file", str(templin.passphrase))
    for words in (
        ("inbox", "keygen", "--keys", str(new), "--agency", AGENCY, "--epoch", "2"),
        ("agency", "key", AGENCY, "--card", str(new / "card.txt"), "--publish", *unlocked),
    ):
        done = templin.kabine(*words)
        assert done.returncode == 0, done.stderr
    with (new / "identity.txt").open("a") as file:
        file.write((old / "identity.txt").read_text())
    shutil.copy(old / "memory.json", new)
    shutil.copytree(old / "closed", new / "closed")
    later = templin.hand_in("templin", templin.page(2), secured=True)

    def pulled() -> str | None:
        done = templin.pull("--keys", str(new))
        return f"said: {done.stderr}" if done.returncode == 0 else None

    assert until(pulled, "the hub, which is busy beside other tests, answers the new keys") == "said: "
    assert set(templin.opened()) == {before, waits, later}
    assert happened(templin, waits) == ["stored", "fetched", "accepted"]

    # As in a copy of the hub from before the first pull, to which the new keys were given again: what the old ones had signed it believes no more.
    of_before = "(SELECT id FROM document WHERE receipt = ?)"
    templin.alter(f"DELETE FROM receipt WHERE number > 1 AND document = {of_before}", before)
    templin.alter("UPDATE document SET state = 'stored', closed_at = NULL WHERE receipt = ?", before)
    done = templin.pull("--keys", str(new))
    assert done.returncode == 0, done.stderr
    assert f"{before} came a second time" in done.stderr
    assert happened(templin, before) == ["stored", "fetched", "accepted"]


def test_the_keys_of_another_agency_open_nothing(town: Stage) -> None:
    for agency in (AGENCY, OTHER_AGENCY):
        town.hand_in("templin", town.page(5), agency=agency, secured=True)
    keys = town.house.keys(OTHER_AGENCY)
    mine = keys / "card.txt"
    kept = mine.read_bytes()
    mine.write_bytes((town.house.keys(AGENCY) / "card.txt").read_bytes())
    try:
        done = town.pull(agency=OTHER_AGENCY, into=town.house.folder / "stolen")
    finally:
        mine.write_bytes(kept)
    assert done.returncode == 1
    assert not list((town.house.folder / "stolen").iterdir())


def proven(stage: Stage, receipt: str) -> bool:
    """Has the connector kept what it has signed about a document in the end?"""
    [(envelope,)] = stage.ask("SELECT envelope FROM document WHERE receipt = ?", receipt)
    return Closed(stage.house.keys(AGENCY)).get(EnvelopeId(envelope)) is not None


def longer(stage: Stage, receipt: str) -> str:
    """What a document is called where its number is taken."""
    [(envelope,)] = stage.ask("SELECT envelope FROM document WHERE receipt = ?", receipt)
    return f"{receipt}-{envelope.hex()[:8]}"


def delivered(stage: Stage, receipt: str) -> bool:
    """Does it lie in its inbox?"""
    return bool(stage.ask("SELECT 1 FROM document WHERE receipt = ? AND place IS NOT NULL", receipt))


def gaps(stage: Stage) -> list[dict[str, Any]]:
    """Which numbers of the one cabin the connector misses."""
    [row] = json.loads((stage.house.keys(AGENCY) / "memory.json").read_bytes())["cabins"].values()
    return list(row["gaps"])


def flipped(body: bytes) -> bytes:
    """One bit of it is another."""
    return body[:-1] + bytes([body[-1] ^ 1])


def happened(stage: Stage, receipt: str) -> list[str]:
    """What the hub knows of a document."""
    rows = stage.ask(
        "SELECT happening FROM receipt JOIN document ON document.id = receipt.document WHERE document.receipt = ? ORDER BY receipt.number",
        receipt,
    )
    return [happening for (happening,) in rows]
