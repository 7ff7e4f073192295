"""Whatever is wrong is said in two lines, what happened and what to do; nothing is lost, and the next document goes through."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from tests.journeys.stage import AGENCY, OTHER_AGENCY, Said, Stage, kabine, process
from tests.journeys.waiting import until

HUGE = 10**15


# --- papers -----------------------------------------------------------------------------------------------------
def pdf_of(pages: int, **options: Any) -> bytes:
    document: Any = pymupdf.open()
    for number in range(pages):
        document.new_page().insert_text((72, 72), f"Blatt {number + 1} " * 30)
    raw: bytes = document.tobytes(**options)
    return raw


def png(width: int, height: int) -> bytes:
    """White, one bit a pixel: small as a file, however large it is."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(1)
    row = b"\0" + b"\xff" * ((width + 7) // 8)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


PAPERS: dict[str, tuple[str, Callable[[Stage], bytes], str]] = {
    "not an image": ("a.jpg", lambda _: b"Sehr geehrte Damen und Herren\n" * 50, "is neither a picture nor a PDF"),
    "0 bytes": ("b.pdf", lambda _: b"", "is empty (0 bytes)"),
    "truncated PDF": ("c.pdf", lambda _: pdf_of(9)[:-900], "is damaged or incomplete: the PDF breaks off"),
    "half a PDF": ("d.pdf", lambda _: (raw := pdf_of(9))[: len(raw) // 2], "is damaged or incomplete"),
    "only a head": ("e.pdf", lambda _: b"%PDF-1.7\n", "is damaged or incomplete"),
    "encrypted PDF": (
        "f.pdf",
        lambda _: pdf_of(1, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="geheim", owner_pw="auch"),
        "is locked with a password",
    ),
    "20,000 x 20,000": ("g.png", lambda _: png(20_000, 20_000), "has more than 120 million pixels"),
    "301 pages": ("h.pdf", lambda _: pdf_of(301), "has 301 pages; at most 300 fit in one"),
    "truncated JPEG": ("i.jpg", lambda stage: stage.page(90).read_bytes()[:9000], "is damaged or incomplete"),
    "truncated PNG": ("j.png", lambda _: png(800, 1200)[:-40], "is damaged or incomplete"),
}


@pytest.mark.parametrize("what", PAPERS)
def test_bad_paper_is_refused_in_words_and_the_next_document_goes_through(town: Stage, what: str) -> None:
    name, made, words = PAPERS[what]
    path = town.papers / name
    path.write_bytes(made(town))
    before = town.handed_in("templin")
    done = town.kabine("edge", "submit", town.house.cabin("templin"), "--agency", AGENCY, town.page(1), path)
    refused(done, f"“{name}” {words}" if "pixels" not in words and "pages" not in words else words)
    assert town.handed_in("templin") == before
    assert path.exists()
    receipt = town.hand_in("templin", town.page(2), secured=True)
    assert set(town.handed_in("templin")) - set(before) == {receipt}


@pytest.mark.parametrize(
    ("path", "words"), [("nirgends.pdf", "There is no file “nirgends.pdf”."), ("", "is a folder, not a file")]
)
def test_what_is_no_file_is_said(town: Stage, path: str, words: str) -> None:
    refused(town.kabine("edge", "submit", town.house.cabin("templin"), "--agency", AGENCY, town.papers / path), words)


# --- addressees -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--agency", "finanzamt"), "finanzamt"),
        (("--agency", "aok-nordost"), "takes no documents: it has no inbox key"),
        (("--service", "99102005017000"), "takes no documents: it has no inbox key"),
        (("--service", "99999999999999"), "99999999999999"),
        (("--service", "Wohngeld"), "A LeiKa key has 14 digits"),
        ((), "Neither an agency nor a service was named"),
        (("--agency", AGENCY, "--title", "T" * 121), "The title has 121 characters"),
    ],
)
def test_a_wrong_addressee_is_refused_before_any_page_is_taken(
    town: Stage, options: tuple[str, ...], words: str
) -> None:
    done = town.kabine("edge", "submit", town.house.cabin("templin"), town.page(3), *options)
    refused(done, words)
    if "finanzamt" in options or "no inbox key" in words:
        assert AGENCY in done.stderr, "the agencies that there are"
    assert "page 1" not in done.stdout


# --- enrolment --------------------------------------------------------------------------------------------------
def test_an_invitation_works_once_and_not_for_ever(town: Stage) -> None:
    used = town.says("cabin", "invite", "lychen", "--hub", town.house.hub)["invitation"]
    first = town.enrol(used, "lychen")
    assert first.returncode == 0, first.stderr
    refused(town.enrol(used, "thief"), "was used already")
    refused(town.enrol(used, "lychen"), "There is an enrolled cabin in")
    assert not (town.house.cabin("thief") / "edge.toml").exists()

    expired = town.says("cabin", "invite", "gramzow", "--hub", town.house.hub)["invitation"]
    town.alter("UPDATE invitation SET expires_at = expires_at - 25 * 3600 * 1000000 WHERE site = 'gramzow'")
    refused(town.enrol(expired, "gramzow"), "has expired")
    refused(town.enrol(used[:-7], "typo"), "whole")
    again = town.says("cabin", "invite", "gramzow", "--hub", town.house.hub)["invitation"]
    second = town.enrol(again, "gramzow")
    assert second.returncode == 0, "the keys of the first attempt are used: " + second.stderr


def test_nothing_is_signed_with_a_wrong_passphrase(town: Stage) -> None:
    before = town.ask("SELECT max(version) FROM published")
    wrong = town.house.folder / "wrong-passphrase"
    wrong.write_text("nicht diese\n")
    options = ("--hub", town.house.hub, "--passphrase-file", wrong)
    service = ("--name", "Wohngeld", "--plain", "Zuschuss zur Miete, neu")
    drafted = town.kabine("directory", "service", "99107023017000", "--hub", town.house.hub, *service)
    assert drafted.returncode == 0, drafted.stderr
    refused(town.kabine("directory", "publish", *options), "passphrase")
    assert town.ask("SELECT max(version) FROM published") == before
    done = town.kabine("directory", "publish", *town.as_authority())
    assert done.returncode == 0, done.stderr
    assert town.ask("SELECT max(version) - 1 FROM published") == before


# --- machines ---------------------------------------------------------------------------------------------------
def test_a_full_disk_takes_no_document_and_keeps_those_it_has(town: Stage) -> None:
    config = town.house.cabin("gartz") / "edge.toml"
    kept, before = config.read_text(), town.hand_in("gartz", town.page(4))
    town.house.stop("cabin-gartz")
    config.write_text(kept.replace("#free_bytes_min = 209715200", f"free_bytes_min = {HUGE}"))
    town.house.start_cabin("gartz")
    done = town.kabine("edge", "submit", town.house.cabin("gartz"), "--agency", AGENCY, town.page(5))
    refused(done, "There is no room left on the cabin's disk.")
    assert "page 1" not in done.stdout
    town.drained("gartz")
    assert set(town.handed_in("gartz")) == {before}
    town.house.stop("cabin-gartz")
    config.write_text(kept)
    town.house.start_cabin("gartz")
    town.hand_in("gartz", town.page(5), secured=True)


def test_a_hub_without_room_leaves_documents_in_their_cabins_until_there_is_some(town: Stage) -> None:
    config = town.house.hub / "hub.toml"
    kept = config.read_text()
    town.house.stop("hub")
    config.write_text(kept.replace("#free_bytes_min = 209715200", f"free_bytes_min = {HUGE}"))
    town.house.start_hub()
    until(lambda: town.connected("templin"), "the cabin is back")
    receipts = [town.hand_in("templin", town.page(100 + number)) for number in range(5)]
    until(lambda: all(town.ask("SELECT 1 FROM document WHERE receipt = ?", each) for each in receipts), "all announced")
    assert town.waiting("templin") == 5
    assert "disk.full" in (town.house.hub / "hub.log").read_text()
    town.house.stop("hub")
    config.write_text(kept)
    town.house.start_hub()
    town.drained("templin")
    assert {town.state("templin", each) for each in receipts} == {"secured"}


def test_a_port_in_use_is_named(town: Stage, tmp_path: Path) -> None:
    address = f"tcp://127.0.0.1:{town.house.port}"
    made = town.kabine(
        *("hub", "init", tmp_path / "second", "--listen", address, "--work-factor", "10"), *town.as_authority()[2:]
    )
    assert made.returncode == 0, made.stderr
    done = process("hub", "run", tmp_path / "second")
    refused(done, f"Cannot listen at {address}: Address already in use")
    assert "hub.toml" in done.stderr


@pytest.mark.parametrize("place", ["below a file", "proc"])
def test_a_folder_that_cannot_be_written_is_named(town: Stage, place: str) -> None:
    where = town.passphrase / "folder" if place == "below a file" else Path("/proc/kabine")
    invitation = town.says("cabin", "invite", "angermuende", "--hub", town.house.hub)["invitation"]
    for command in (
        ("hub", "init", where, *town.as_authority()[2:]),
        ("edge", "enrol", invitation, "--dir", where),
        ("inbox", "keygen", "--keys", where, "--agency", "finanzamt"),
    ):
        refused(town.kabine(*command), str(where.parent if place == "below a file" else where))
    refused(town.pull(into=where, agency=OTHER_AGENCY), f"Cannot make the folder {where}")


@pytest.mark.parametrize("command", ["run", "status", "doctor", "submit"])
def test_a_folder_without_a_cabin_is_said(tmp_path: Path, command: str) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        done = (process if command == "run" else kabine)(
            "edge", command, folder, *(("--agency", AGENCY, __file__) if command == "submit" else ())
        )
        assert done.returncode in ((2,) if command == "doctor" else (1,)), done.stderr
        assert "edge" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_mistakes_in_a_configuration_are_told_together(town: Stage) -> None:
    config = town.house.cabin("gartz") / "edge.toml"
    kept = config.read_text()
    config.write_text(
        kept.replace("#free_bytes_min = 209715200", 'free_bytes_min = "much"\nfree_bites = 3').replace(
            "#pages = 3", "pages = 999"
        )
    )
    town.house.stop("cabin-gartz")
    done = process("edge", "run", town.house.cabin("gartz"))
    refused(done, "disk.free_bytes_min", "free_bites", "scanner.pages")
    config.write_text(kept)
    town.house.start_cabin("gartz")
    town.hand_in("gartz", town.page(8), secured=True)


def refused(done: Said, *words: str) -> None:
    """Exit code 1; one line that says what happened, one that says what to do (what the hub says comes as one); no trace of our insides."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    *_, last = lines = done.stderr.rstrip().splitlines()
    assert lines[0].startswith("kabine: ")
    for each in words:
        assert each in done.stderr
    assert last.startswith("  ") or "`kabine " in last, "what to do"
