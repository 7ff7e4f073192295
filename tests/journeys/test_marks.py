"""What stands on the paper is read by its agency and by nobody else: marks that were planted are looked for everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from hardware.simulated import paper
from protocol.ids import SiteId
from tests.journeys.kiosk import children
from tests.journeys.stage import AGENCY, OTHER_AGENCY, Stage, stage
from tests.journeys.waiting import until

NAME = "Zwetschgenberger"
PHONE = "03987 4711815"
TITLE = f"Widerspruch von {NAME}"
SERVICE = "99107013017000"
TWIN = "99102005017000"  # stands in the directory just as often as SERVICE, and nobody asked for it
MARKS = (NAME, PHONE, TITLE, SERVICE)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A house in every state at once: one document opened, one in another agency's inbox, one that waits in the cabin."""
    folder = tmp_path_factory.mktemp("planted")
    with stage(folder, "templin") as made:
        page = made.papers / "page.jpg"
        paper.draw_page(1, 150, "letter", f"{NAME} Tel. {PHONE}").save(page, dpi=(150, 150))
        # As bytes that are found: a comment in a JPEG is no pixel.
        page.write_bytes(page.read_bytes() + f"{NAME} {PHONE}".encode())
        made.follow()
        opened = submit(made, page, AGENCY)
        until(lambda: made.state("templin", opened) == "accepted", "the agency has it")
        until(lambda: opened in made.opened())
        submit(made, page, OTHER_AGENCY)
        made.drained("templin")
        made.house.lines[SiteId("templin")].cut()
        submit(made, page, AGENCY)
        assert made.waiting("templin") == 1
        yield made


def submit(made: Stage, page: Path, agency: str) -> str:
    done = made.kabine(
        *("edge", "submit", made.house.cabin("templin"), page, "--title", TITLE),
        *("--agency", agency, "--service", SERVICE),
    )
    assert done.returncode == 0, done.stderr
    assert not any(mark in done.stdout + done.stderr for mark in MARKS)
    return next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("accepted"))


def test_the_search_finds_what_is_there(planted: Stage) -> None:
    """Positive control: the agency's folder and the input hold the marks, in every way in which one may be written."""
    found = search(planted.house.folder)
    [record], [page] = planted.into().glob("*.json"), planted.papers.iterdir()
    assert {TITLE, NAME, SERVICE} <= found[record]
    assert {NAME, PHONE} <= found[page]


@pytest.mark.parametrize("written", ["utf-8", "utf-16-le", "hex", "url", "lower"])
def test_the_search_finds_a_mark_however_it_is_written(tmp_path: Path, written: str) -> None:
    forms = dict(zip(("utf-8", "utf-16-le", "hex", "url", "lower"), ways(PHONE), strict=True))
    (tmp_path / "log").write_bytes(b"x" * 70_000 + forms[written] + b"x")
    assert search(tmp_path) == {tmp_path / "log": {PHONE}}


def test_no_mark_stands_in_any_other_file(planted: Stage) -> None:
    found = search(planted.house.folder)
    elsewhere = {path for path in found if path.parent not in (planted.into(), planted.papers)}
    assert not elsewhere
    assert not [path for path in planted.house.folder.rglob("*") if any(mark in path.name for mark in MARKS)]


def test_the_files_that_were_searched_are_those_that_matter(planted: Stage) -> None:
    names = {path.name for path in planted.house.folder.rglob("*") if path.is_file() and path.stat().st_size}
    assert {"hub.sqlite", "hub.log", "buffer.sqlite", "buffer.sqlite-wal", "edge.log", "high-water"} <= names
    assert [path for path in (planted.house.hub / "blobs").iterdir() if path.stat().st_size]


def test_no_mark_stands_in_a_process_for_others_to_see(planted: Stage) -> None:
    """Command lines, environments and open files of hub, cabin, its worker and the connector."""
    nodes = [process.pid for process in planted.house.processes.values()]

    def looked_at() -> list[bytes]:
        """Of all four; nothing when one has ended meanwhile: behind a visit the worker is replaced."""
        before = with_children(nodes)
        found = [shown_by(process) for process in before]
        return found if len(found) == 4 and all(found) and with_children(nodes) == before else []

    for shown in until(looked_at, "hub, cabin, its worker and connector"):
        assert not marks_in(shown)


def shown_by(process: int) -> bytes:
    """What others can see of a process; empty when it has ended."""
    about = Path(f"/proc/{process}")
    shown = b""
    with suppress(FileNotFoundError, ProcessLookupError):
        environment = (about / "environ").read_bytes()
        shown = (about / "cmdline").read_bytes() + environment if environment else b""
        for descriptor in (about / "fd").iterdir():
            with suppress(FileNotFoundError):  # closed since: a cabin without a line dials again and again
                shown += os.readlink(descriptor).encode()
                if descriptor.is_file():
                    shown += descriptor.read_bytes()  # also what has no name any more, as the spool
    return shown


def test_no_mark_stands_in_what_the_operator_and_the_cabin_are_shown(planted: Stage) -> None:
    shown = ""
    for command in (
        ("edge", "status", planted.house.cabin("templin"), "--json"),
        ("edge", "doctor", planted.house.cabin("templin"), "--json"),
        ("fleet", "status", "--hub", planted.house.hub, "--json"),
        ("cabin", "list", "--hub", planted.house.hub, "--json"),
    ):
        shown += planted.kabine(*command).stdout
    assert "templin" in shown
    assert not [mark for mark in (NAME, PHONE, TITLE) if mark in shown]


def ways(mark: str) -> tuple[bytes, ...]:
    """How somebody may have written it without meaning to hide it."""
    raw = mark.encode()
    return raw, mark.encode("utf-16-le"), raw.hex().encode(), mark.replace(" ", "%20").encode(), raw.lower()


def search(folder: Path) -> dict[Path, set[str]]:
    """Marks in the clear, by file."""
    found = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # of a living house; what is gone holds nothing
            if path.is_file() and (marks := marks_in(path.read_bytes())):
                found[path] = marks
    return found


def marks_in(content: bytes) -> set[str]:
    """Marks in these bytes, in any way of writing."""
    folded = content.lower()
    found = {mark for mark in MARKS if any(form in content or form in folded for form in ways(mark))}
    if SERVICE in found and count(content, SERVICE) <= count(content, TWIN):
        found.remove(SERVICE)
    return found


def count(content: bytes, mark: str) -> int:
    return sum(content.count(form) for form in set(ways(mark)))


def with_children(processes: list[int]) -> list[int]:
    return [*processes, *(child for process in processes for child in children(process))]
