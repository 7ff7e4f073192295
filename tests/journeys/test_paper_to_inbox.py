"""From paper to inbox: three drawn pages become a PDF at the agency, and everything that was signed can be checked again."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pymupdf
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud import premises
from cloud.directory import publish
from hardware.simulated import paper
from protocol.contacts import read_inbox_card
from protocol.directory import Directory
from tests.journeys.stage import AGENCY, Stage
from tests.journeys.waiting import until


def test_three_pages_go_from_paper_to_the_inbox(town: Stage) -> None:
    pages = paper.draw_scan(7, 3, town.papers, dpi=150)
    done = town.kabine(
        "edge",
        "submit",
        town.house.cabin("templin"),
        "--agency",
        AGENCY,
        "--title",
        "Mietvertrag",
        "--wait",
        "secured",
        "--json",
        *pages,
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["event"] for each in told] == ["page", "page", "page", "captured", "sealed", "accepted", "secured"]
    accepted, secured = told[-2], told[-1]
    assert 0 <= accepted["seconds"] <= secured["seconds"]
    receipt = secured["receipt"]

    [listed] = town.says(
        "inbox", "list", "--keys", town.house.keys(AGENCY), "--hub", town.house.folder / "hub-card.txt"
    )["documents"]
    assert (listed["receipt"], listed["state"], listed["summary"]["title"]) == (receipt, "stored", "Mietvertrag")
    pulled = town.pull("--json")
    assert pulled.returncode == 0, pulled.stderr
    assert json.loads(pulled.stdout)["receipt"] == receipt

    with pymupdf.open(town.opened()[receipt]) as pdf:
        assert pdf.page_count == 3
    record = town.record(receipt)
    assert [page["page"] for page in record["document"]["verdicts"]] == [1, 2, 3]
    check_signatures(record, directory_of(town), town)
    until(lambda: town.state("templin", receipt) == "accepted", "the cabin hears that the agency has it")
    town.whole(["templin"])


def test_the_fleet_proves_that_everything_has_arrived(town: Stage) -> None:
    receipt = town.hand_in("gartz", town.page(1), secured=True)
    handed_in_at = datetime.now(UTC)

    def proven() -> Any:
        """A proof speaks of a moment; it must be one after the document was handed in, and of all that the hub holds now."""
        [site] = town.says("fleet", "status", "--hub", town.house.hub, "--site", "gartz")["sites"]
        up_to = datetime.fromisoformat(site["proof"]["up_to"] or "1970-01-01T00:00Z")
        [(entries,)] = town.ask("SELECT up_number FROM link WHERE site = 'gartz'")
        proof = site["proof"]["complete"] and up_to > handed_in_at and site["proof"]["entries"] == entries
        return site if proof and site["connected"] else None

    site = until(proven, "everything has arrived", look_seconds=0.5)
    assert (site["connected"], site["proof"]["missing"], site["documents"]["under_way"]) == (True, 0, 0)
    assert (site["waiting_documents"], site["documents"]["stored"]) == (0, 1)
    assert site["proof"]["entries"] > 0
    assert town.ask("SELECT receipt FROM document WHERE site = 'gartz'") == [(receipt,)]
    order = ("fleet", "status", "--hub", town.house.hub, "--site", "gartz")
    spoken = until(lambda: (said := town.kabine(*order)).returncode == 0 and said, "in words as well", look_seconds=0.5)
    assert "angekommen" in spoken.stdout


def test_a_service_alone_finds_the_competent_agency(town: Stage) -> None:
    done = town.kabine(
        *("edge", "submit", town.house.cabin("gartz"), "--service", "99107023017000", "--json", town.page(2))
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["agency"] == "wohngeldstelle-uckermark"


def check_signatures(record: dict[str, Any], directory: Directory, town: Stage) -> None:
    """With nothing but Ed25519 and SHA-256: the cabin signed the manifest, hub and agency the events, each names the one before."""
    cabin = next(row for row in directory.cabins if row.site == record["cabin"])
    manifest = bytes.fromhex(record["manifest"]["body"])
    check(cabin.signing_key, b"kabine/manifest/1", record["manifest"])
    card = read_inbox_card((town.house.keys(record["agency"]) / "card.txt").read_text())
    previous, at = hashlib.sha256(manifest).digest(), datetime.fromisoformat(record["captured_at"])
    assert [(event["happening"], event["by"]) for event in record["receipts"]] == [
        ("stored", "hub"),
        ("fetched", record["agency"]),
        ("accepted", record["agency"]),
    ]
    for event in record["receipts"]:
        body = check(
            directory.hub.signing_key if event["by"] == "hub" else card.signing_key, b"kabine/receipt/1", event
        )
        version, envelope, happening, by, signed_at, named, *_ = msgspec.msgpack.decode(body)
        assert (version, envelope.hex(), happening, by) == (1, record["envelope"], event["happening"], event["by"])
        assert named == previous
        assert signed_at >= at
        assert signed_at == datetime.fromisoformat(event["at"])
        previous, at = hashlib.sha256(body).digest(), signed_at


def check(key: bytes, context: bytes, signed: dict[str, str]) -> bytes:
    """The body of what this key signed. Raises InvalidSignature."""
    body = bytes.fromhex(signed["body"])
    Ed25519PublicKey.from_public_bytes(key).verify(bytes.fromhex(signed["signature"]), context + b"\0" + body)
    return body


def directory_of(town: Stage) -> Directory:
    """The directory in force at the hub."""
    with premises.opened(town.house.hub) as place, place.database.reading() as connection:
        current = publish.current(connection)
    assert current is not None
    return current.directory
