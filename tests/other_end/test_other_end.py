"""A cabin and an agency's connector in another language (the files beside this one, written from SPEC.md alone), against a real hub."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import codec
from protocol.ids import EnvelopeId
from protocol.manifest import Happening, Receipt, Signed, digest_of, sign
from tests.edge.cabin import AGENCY as AGENCY_OF_CABIN
from tests.edge.cabin import AUTHORITY, BEGAN, HUB, directory, public
from tests.journeys.stage import Said, kabine
from tests.journeys.waiting import until
from tools.rig import PASSPHRASE, Rig, rig
from tools.town import HOUSING_OFFICE, SOCIAL_OFFICE

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORDS = ROOT / "protocol" / "words_de.txt"
AGENCY = str(HOUSING_OFFICE)
OTHER_AGENCY = str(SOCIAL_OFFICE)
LARGE_BYTES = 1_300_000
WANT_BYTES = 65_536  # the longest that this cabin answers


def node(program: str, *arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
    """How a program of the other end came to its end, and what it said."""
    found = shutil.which("node")
    if found is None or not (ROOT / "node_modules" / "age-encryption").is_dir():
        pytest.fail("The other end is missing: install Node (>= 20.19) and run `npm ci`, or simply `make test`.")
    done = subprocess.run(
        [found, str(HERE / f"{program}.mjs"), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


class House:
    """A hub, and an agency with keys and connector of ours; cabins of the other end."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.passphrase = rig.folder / "passphrase"
        self.passphrase.write_text(f"{PASSPHRASE}\n")

    def kabine(self, *arguments: str | Path) -> Said:
        done = kabine(*arguments, "--hub", self.rig.hub)
        assert done.returncode == 0, done.stderr
        return done

    def signed(self, *arguments: str | Path) -> Said:
        """The same, of a command that signs a directory."""
        return self.kabine(*arguments, "--passphrase-file", self.passphrase)

    def status(self, site: str) -> Any:
        """What the hub says about this cabin."""
        [found] = json.loads(kabine("fleet", "status", "--site", site, "--json", "--hub", self.rig.hub).stdout)["sites"]
        return found

    def claimed(self, site: str) -> Path:
        """The folder of a cabin that has claimed this site with an invitation of the hub."""
        folder = self.rig.cabin(site)
        invitation = json.loads(self.kabine("cabin", "invite", site, "--json").stdout)["invitation"]

        def enrolled() -> list[dict[str, Any]] | None:
            """A hub lets in whom it has just invited within a quarter of a second."""
            code, said = node("cabin", "enrol", folder, invitation, WORDS)
            assert code == 0 or "refuses this key" in said[-1]["text"]
            return said if code == 0 else None

        [said] = until(enrolled, "the hub knows the invitation")
        shown = self.kabine("cabin", "list").stdout
        assert said["words"] in shown
        return folder

    def paper(self, seed: int, size: int = 3000) -> Path:
        path = self.rig.folder / f"{seed}.pdf"
        path.write_bytes(b"%PDF-1.7\n" + random.Random(seed).randbytes(size) + b"\n%%EOF\n")
        return path

    def pulled(self) -> dict[str, bytes]:
        """What the real connector has opened of all that came to the agency, by receipt number."""
        into = self.rig.folder / "opened"
        card = self.rig.folder / "hub-card.txt"
        done = kabine("inbox", "pull", "--keys", self.rig.keys(AGENCY), "--hub", str(card), "--into", into)
        assert done.returncode == 0, done.stderr
        return {path.stem: path.read_bytes() for path in into.glob("*.pdf")}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with rig(tmp_path_factory.mktemp("house"), [HOUSING_OFFICE]) as made:
        yield House(made)


def of(word: str, said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in said if line["word"] == word]


def run(folder: Path, *arguments: str | Path) -> list[dict[str, Any]]:
    """What a cabin said that ran until all was there."""
    code, said = node("cabin", "run", folder, *arguments)
    assert code == 0, said
    assert not of("set aside", said)
    return said


def refused(folder: Path, *arguments: str | Path) -> tuple[str, list[dict[str, Any]]]:
    """The word with which the hub refused it, and what it said."""
    code, said = node("cabin", "run", folder, *arguments)
    assert code == 1, said
    [line] = of("refused", said)
    return line["code"], said


def sealed(said: list[dict[str, Any]]) -> list[str]:
    return [line["receipt"] for line in of("sealed", said)]


def offsets(said: list[dict[str, Any]], receipt: str) -> list[int]:
    return [line["offset"] for line in of("chunk", said) if line["receipt"] == receipt]


def happenings(said: list[dict[str, Any]], receipt: str) -> list[str]:
    return [line["happening"] for line in of("receipt", said) if line["receipt"] == receipt]


def test_every_example_of_the_specification() -> None:
    assert node("examples", ROOT / "protocol" / "SPEC.md", WORDS) == (0, [])


def test_papers_arrive_through_a_cut_and_a_crash(house: House) -> None:
    folder = house.claimed("templin")
    papers = [house.paper(1), house.paper(2, LARGE_BYTES)]
    code, said = refused(folder, AGENCY, *papers)
    assert code == "not-confirmed"
    small, large = sealed(said)
    house.signed("cabin", "confirm", "templin", "--yes")

    # Cut in the middle: the same log goes on, the document at a byte that is not its first, and nothing that has arrived is said again.
    said = run(folder, "--cut-after", "400000")
    cut = said.index(of("cut", said)[0])
    before, after = said[:cut], said[cut:]
    # The receipt for the small one may be on its way when the line is cut.
    assert happenings(said, small) == happenings(after, large) == ["stored"]
    assert offsets(before, large)[0] == 0
    assert 0 < offsets(after, large)[0] <= offsets(before, large)[-1] + WANT_BYTES
    assert not offsets(after, small)
    first, *_, last = of("up", said)
    assert first["committed"] < last["committed"]

    # Killed in the middle: another process, a new epoch, the same keys and the same log.
    papers.append(house.paper(3, LARGE_BYTES))
    code, before = node("cabin", "run", folder, AGENCY, papers[-1], "--die-after", "400000")
    assert code == -signal.SIGKILL
    [third] = sealed(before)
    said = run(folder)
    assert 0 < offsets(said, third)[0] <= offsets(before, third)[-1] + WANT_BYTES

    # The agency has each of them, and the cabin hears so.
    opened = house.pulled()
    assert opened == {receipt: paper.read_bytes() for receipt, paper in zip([small, large, third], papers, strict=True)}
    said = run(folder, "--until", "accepted")
    assert all(happenings(said, receipt)[-2:] == ["fetched", "accepted"] for receipt in opened)
    until(lambda: house.status("templin")["waiting_documents"] == 0, "the hub hears that nothing waits any more")
    found = house.status("templin")
    assert found["proof"]["complete"], found
    assert found["documents"] == dict.fromkeys(found["documents"], 0) | {"announced": 3, "stored": 3}


def test_a_cabin_out_of_an_older_image_is_refused(house: House) -> None:
    folder = house.claimed("gartz")
    house.signed("cabin", "confirm", "gartz", "--yes")
    older = folder.with_name("older")
    shutil.copytree(folder, older)
    run(folder, AGENCY, house.paper(11))
    assert refused(older, AGENCY, house.paper(12))[0] == "log-fork"


def test_what_its_key_has_not_signed_is_set_aside(house: House) -> None:
    folder = house.claimed("gramzow")
    house.signed("cabin", "confirm", "gramzow", "--yes")
    [sound] = sealed(run(folder, AGENCY, house.paper(21)))
    keys = folder / "keys.json"
    keys.write_text(json.dumps({**json.loads(keys.read_text()), "signingSeed": "11" * 32}))
    [wrong] = sealed(run(folder, AGENCY, house.paper(22), "--until", "announced"))
    until(lambda: house.status("gramzow")["quarantined_entries"] == 1, "the hub has looked at it")
    found = house.status("gramzow")
    assert found["documents"]["stored"] == 1
    assert any("signature" in finding["text"] for finding in found["findings"])
    opened = house.pulled()
    assert sound in opened
    assert wrong not in opened


class Office:
    """An agency of the other end; its keys are in the directory."""

    def __init__(self, house: House, folder: Path) -> None:
        self.keys, self.into, self.hub = folder / "keys", folder / "opened", house.rig.folder / "hub-card.txt"
        code, [made] = node("agency", "keygen", self.keys, OTHER_AGENCY, WORDS)
        assert code == 0
        card = folder / "card.txt"
        card.write_text(made["card"])
        assert made["words"] in house.signed("agency", "key", OTHER_AGENCY, "--card", card, "--publish").stdout

    def pull(self, *arguments: str) -> list[dict[str, Any]]:
        code, said = node("agency", "pull", self.keys, self.hub, self.into, *arguments)
        assert code == 0
        return said


@pytest.fixture(scope="module")
def office(house: House, tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(house, tmp_path_factory.mktemp("office"))


def test_an_agency_of_the_other_end(house: House, office: Office) -> None:
    folder = house.claimed("lychen")
    house.signed("cabin", "confirm", "lychen", "--yes")

    paper = house.paper(31, LARGE_BYTES)
    [accepted] = sealed(run(folder, OTHER_AGENCY, paper))
    assert [(line["receipt"], line["state"]) for line in office.pull()] == [(accepted, "accepted")]
    assert (office.into / f"{accepted}.pdf").read_bytes() == paper.read_bytes()

    [returned] = sealed(run(folder, OTHER_AGENCY, house.paper(32)))
    said = office.pull("--return", "wrong-agency", "--text", "Bitte zur Wohngeldstelle.")
    assert [(line["receipt"], line["state"]) for line in said] == [(returned, "returned")]
    said = run(folder)
    assert happenings(said, accepted)[-1] == "accepted"
    assert [(line["by"], line["text"]) for line in of("receipt", said)][-1] == (
        OTHER_AGENCY,
        "Bitte zur Wohngeldstelle.",
    )


def test_a_hub_out_of_an_older_copy(house: House, office: Office) -> None:
    """It goes on behind what the cabin has heard; the agency proves what came to it; the rest is lost: this cabin keeps nothing that is stored."""
    folder = house.claimed("angermuende")
    house.signed("cabin", "confirm", "angermuende", "--yes")
    run(folder)
    hub, copy = house.rig.hub, house.rig.folder / "copy"
    house.rig.stop("hub")
    shutil.copytree(hub, copy)
    house.rig.start_hub()
    [came] = sealed(run(folder, OTHER_AGENCY, house.paper(41)))
    assert [line["state"] for line in office.pull()] == ["accepted"]
    [lost] = sealed(run(folder, OTHER_AGENCY, house.paper(42)))
    house.rig.stop("hub")
    shutil.rmtree(hub)
    copy.rename(hub)
    house.rig.start_hub()

    def asked_for() -> bool:
        run(folder, "--until", "announced")
        return len(house.status("angermuende")["lost_documents"]) == 2

    until(asked_for, "the hub knows what the cabin keeps no more")
    answers = {line["receipt"]: line["known"] for line in office.pull()}
    assert answers == {came: True, lost: False}
    said = run(folder, "--until", "announced")
    assert (happenings(said, came)[-1], happenings(said, lost)[-1]) == ("accepted", "lost")


def test_it_believes_keys_of_before_and_follows_what_an_agency_says_anew() -> None:
    keys = [Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2, 3)]
    manifest = Signed(b"a manifest", b"")

    def said(previous: Signed, happening: Happening, key: Ed25519PrivateKey, text: str = "") -> Signed:
        by = "hub" if happening is Happening.STORED else AGENCY_OF_CABIN
        return sign(Receipt(1, EnvelopeId(bytes(16)), happening, by, BEGAN, digest_of(previous), "", text), key)

    stored = said(manifest, Happening.STORED, HUB)
    fetched = said(stored, Happening.FETCHED, keys[1])
    anew = said(stored, Happening.FETCHED, keys[0], "anew")
    receipts = [stored, fetched, anew, said(anew, Happening.ACCEPTED, keys[0])]
    shown = ["stored", "fetched", "fetched", "accepted"]
    for known, expected in (((keys[0], keys[1]), shown), ((keys[0],), ["stored", "stored", "fetched", "accepted"])):
        signed = directory(1, office_keys=known)
        arguments = (
            public(AUTHORITY),
            codec.encode(signed),
            AGENCY_OF_CABIN,
            bytes(16),
            digest_of(manifest),
            *map(codec.encode, receipts),
        )
        code, lines = node("way", *(each if isinstance(each, str) else each.hex() for each in arguments))
        assert (code, [line["happening"] for line in lines]) == (0, expected)
        assert ["signature" in line["refused"] for line in lines] == [False, known == (keys[0],), False, False]
