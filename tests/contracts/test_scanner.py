"""What every scanner promises, whatever stands behind it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image

from hardware.absent import AbsentScanner
from hardware.camera_scanner import CameraScanner
from hardware.devices.escl_scanner import EsclScanner
from hardware.devices.folder_scanner import FolderScanner
from hardware.devices.sane_scanner import SaneScanner
from hardware.scanner import Scanner, ScannerFailure, ScannerState
from hardware.simulated.camera import SimulatedCamera
from hardware.simulated.escl import VirtualEscl
from hardware.simulated.scanner import SimulatedScanner
from tests.hardware.sane import airscan_conf, needs_scanimage
from tests.journeys.waiting import until


class Clock:
    """Monotonic seconds; whoever waits makes them pass."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds


def _drop(folder: Path, name: str) -> Path:
    path = folder / name
    Image.new("L", (20, 30), 200).save(path)
    return path


def _watched(folder: Path, clock: Clock, **other: int) -> FolderScanner:
    """A folder scanner that has seen what lies there for as long as it takes."""
    scanner = FolderScanner(folder, clock=clock, wait=clock.wait, **other)
    scanner.state()
    clock.wait(60)
    return scanner


def _folder(tmp_path: Path, sheets: int, _: ExitStack) -> Scanner:
    for sheet in range(sheets):
        _drop(tmp_path, f"{sheet}.png")
    return _watched(tmp_path, Clock())


def _simulated(_: Path, sheets: int, __: ExitStack) -> Scanner:
    return SimulatedScanner(7, pages=sheets, dpi=30)


def _sane_test(_: Path, sheets: int, __: ExitStack) -> Scanner:
    needs_scanimage()
    return SaneScanner("test:0", source="feeder", dpi=20)


def _sane_pnm(tmp_path: Path, sheets: int, _: ExitStack) -> Scanner:
    needs_scanimage()
    if sheets:
        Image.new("L", (20, 30), 200).save(tmp_path / "sheet.pgm")
    return SaneScanner("pnm:0", options=[f"--filename={tmp_path}/sheet.pgm"])


def _virtual(sheets: int, kept: ExitStack) -> str:
    scanner = VirtualEscl(7, pages=sheets, platen=False)
    kept.callback(scanner.close)
    return scanner.url


def _escl(_: Path, sheets: int, kept: ExitStack) -> Scanner:
    return EsclScanner(_virtual(sheets, kept), dpi=75, ask_seconds=60)


def _airscan(_: Path, sheets: int, kept: ExitStack) -> Scanner:
    needs_scanimage()
    return SaneScanner("airscan", conf=airscan_conf(_virtual(sheets, kept)), dpi=75)


def _camera(_: Path, sheets: int, __: ExitStack) -> Scanner:
    return CameraScanner(SimulatedCamera(7, pages=sheets, size=(300, 400)), wait=lambda _: None)


def _absent(*_: object) -> Scanner:
    return AbsentScanner()


Make = Callable[[Path, int, ExitStack], Scanner]
Load = Callable[[int], Scanner]
# How many scans a batch of three sheets has: SANE's test device always has ten, on glass and under a camera lies one.
SCANS: dict[Make, int] = {_folder: 3, _simulated: 3, _escl: 3, _airscan: 3, _sane_test: 10, _sane_pnm: 1, _camera: 1}
ONE_FOR_EVER = {_sane_pnm}  # the file that it reads is still there
NEVER_EMPTY = {_sane_test}
loaded = pytest.mark.parametrize("make", SCANS)
every = pytest.mark.parametrize("make", [*SCANS, _absent])


@pytest.fixture
def load(make: Make, tmp_path: Path) -> Iterator[Load]:
    """Makes a scanner in which so many sheets lie."""
    with ExitStack() as kept:

        def load_it(sheets: int) -> Scanner:
            scanner = make(tmp_path, sheets, kept)
            kept.callback(scanner.close)
            return scanner

        yield load_it


@loaded
def test_a_batch_is_everything_that_lies_there_as_pictures(make: Make, load: Load) -> None:
    scanner = load(3)
    assert until(lambda: scanner.state() is ScannerState.READY, "ready")
    scans = list(scanner.scan())
    assert len(scans) == len({scan.name for scan in scans}) == SCANS[make]
    for scan in scans:
        with Image.open(io.BytesIO(scan.image)) as picture:
            picture.load()


@pytest.mark.parametrize("make", [make for make in [*SCANS, _absent] if make not in NEVER_EMPTY])
def test_nothing_to_scan_is_said_at_once_and_in_words(load: Load) -> None:
    scanner = load(0)
    with pytest.raises(ScannerFailure) as caught:
        scanner.scan()
    # A device that sees paper only while it is at work says READY.
    assert scanner.state() in (caught.value.state, ScannerState.READY)
    assert caught.value.what.endswith(".")
    assert caught.value.remedy.endswith(".")


@loaded
def test_what_was_taken_does_not_come_again(make: Make, load: Load) -> None:
    scanner = load(3)
    batch = scanner.scan()
    first = next(batch)
    batch.close()  # type: ignore[attr-defined]
    again = list(scanner.scan())
    assert first.name not in [scan.name for scan in again]
    if make not in ONE_FOR_EVER | NEVER_EMPTY:
        assert first.image not in [scan.image for scan in again] or make is _folder


@every
def test_a_closed_scanner_delivers_nothing(load: Load) -> None:
    scanner = load(2)
    scanner.close()
    scanner.close()
    with pytest.raises(ScannerFailure):
        scanner.scan()
    assert scanner.state() in (ScannerState.UNREACHABLE, ScannerState.ABSENT)


@loaded
def test_closing_in_the_middle_ends_the_batch_in_words(load: Load) -> None:
    scanner = load(3)
    batch = scanner.scan()
    scanner.close()
    with pytest.raises(ScannerFailure, match="closed") as caught:
        for _ in batch:
            pass
    assert caught.value.state is ScannerState.UNREACHABLE


@loaded
def test_a_batch_that_nobody_takes_anything_from_takes_nothing(make: Make, load: Load) -> None:
    scanner = load(3)
    scanner.scan().close()  # type: ignore[attr-defined]
    assert len(list(scanner.scan())) == SCANS[make]


def test_a_jam_comes_after_the_sheets_before_it_and_the_next_batch_goes_on() -> None:
    scanner = SimulatedScanner(7, pages=2, dpi=30, faults=[ScannerState.JAMMED])
    batch = scanner.scan()
    first = next(batch)
    with pytest.raises(ScannerFailure, match="stuck"):
        next(batch)
    again = list(scanner.scan())
    assert len(again) == 2
    assert first not in again


def test_a_single_sheet_can_jam_too() -> None:
    with pytest.raises(ScannerFailure, match="stuck"):
        list(SimulatedScanner(7, pages=1, dpi=30, faults=[ScannerState.JAMMED]).scan())


def test_a_scanner_that_does_not_answer_recovers_with_the_next_batch() -> None:
    scanner = SimulatedScanner(7, pages=1, dpi=30, faults=[ScannerState.UNREACHABLE, ScannerState.READY])
    assert scanner.state() is ScannerState.UNREACHABLE
    with pytest.raises(ScannerFailure, match="does not answer"):
        scanner.scan()
    assert len(list(scanner.scan())) == 1


def test_the_same_seed_draws_the_same_paper() -> None:
    one, other = (list(SimulatedScanner(7, pages=2, dpi=30).scan()) for _ in range(2))
    assert one == other
    assert one[0].image != one[1].image


def test_a_file_that_is_still_being_written_and_foreign_files_are_left_alone(tmp_path: Path) -> None:
    ripe, clock = _drop(tmp_path, "b.png"), Clock()
    (tmp_path / "note.txt").write_text("no scan")
    (tmp_path / "d.png").symlink_to(tmp_path / "note.txt")
    (tmp_path / "e.png").touch()  # the device has made the file and begins to scan
    os.mkfifo(tmp_path / "f.png")
    dotted = _drop(tmp_path, ".c.png")
    scanner = _watched(tmp_path, clock)
    young = _drop(tmp_path, "a.png")
    assert [scan.name for scan in scanner.scan()] == ["b.png"]
    assert not ripe.exists()
    assert young.exists()
    assert dotted.exists()


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_a_file_is_taken_when_nobody_writes_it_any_more_whatever_the_time_on_the_share(
    tmp_path: Path, hours: int
) -> None:
    clock = Clock()
    scanner = FolderScanner(tmp_path, clock=clock, wait=clock.wait)
    path = tmp_path / "a.jpg"
    for piece in (b"\xff\xd8", b"half", b"whole\xff\xd9"):
        with path.open("ab") as file:
            file.write(piece)
        written_at = path.stat().st_mtime + 3600 * hours
        os.utime(path, (written_at, written_at))
        assert scanner.state() is ScannerState.NO_PAPER
        clock.wait(0.9)
        assert scanner.state() is ScannerState.NO_PAPER
    clock.wait(0.2)
    assert scanner.state() is ScannerState.READY
    assert [scan.image for scan in scanner.scan()] == [b"\xff\xd8halfwhole\xff\xd9"]


def test_a_file_that_breaks_off_may_still_get_its_next_sheet(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.7 half")
    scanner = FolderScanner(tmp_path, clock=clock, wait=clock.wait)
    scanner.state()
    clock.wait(4)
    assert scanner.state() is ScannerState.NO_PAPER
    clock.wait(2)
    assert scanner.state() is ScannerState.READY


def test_who_asks_for_a_file_that_has_just_come_gets_it(tmp_path: Path) -> None:
    _drop(tmp_path, "a.png")
    clock = Clock()
    assert len(list(FolderScanner(tmp_path, clock=clock, wait=clock.wait).scan())) == 1
    assert clock.seconds < 1002


def test_a_file_that_was_replaced_or_taken_away_meanwhile_is_left_alone(tmp_path: Path) -> None:
    gone, replaced, stays = (_drop(tmp_path, f"{number}.png") for number in range(3))
    batch = _watched(tmp_path, Clock()).scan()
    gone.unlink()
    replaced.unlink()
    os.mkfifo(replaced)
    assert [scan.name for scan in batch] == [stays.name]


def test_what_cannot_be_removed_is_delivered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share on which others' files may not be deleted: the next visitor must not get them."""
    path = _drop(tmp_path, "a.png")
    scanner = _watched(tmp_path, Clock())
    batch = scanner.scan()
    next(batch)
    with monkeypatch.context() as sticky:
        sticky.setattr(Path, "unlink", _refused)
        for ask in (lambda: next(batch), scanner.scan):
            with pytest.raises(ScannerFailure, match="may not be given to anybody else"):
                ask()
        assert scanner.state() is ScannerState.UNREACHABLE
    assert scanner.state() is ScannerState.NO_PAPER
    assert not path.exists()


def _refused(*_: object, **__: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_a_name_in_another_encoding_can_be_said(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller\n.png"))
    Image.new("L", (20, 30), 200).save(path)
    (scan,) = _watched(tmp_path, Clock()).scan()
    assert scan.name == "M\ufffdller\ufffd.png"
    assert not path.exists()


def test_a_file_stays_until_the_caller_asks_for_the_next(tmp_path: Path) -> None:
    path = _drop(tmp_path, "a.png")
    batch = _watched(tmp_path, Clock()).scan()
    next(batch)
    assert path.exists()
    assert list(batch) == []
    assert not path.exists()


def test_a_file_too_large_is_named_once_and_does_not_stand_before_the_next(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bytes(5000))
    _drop(tmp_path, "b.png")
    scanner = _watched(tmp_path, Clock(), file_bytes_max=4000)
    with pytest.raises(ScannerFailure, match=r"“a\.png” has 5000 bytes; at most 4000"):
        list(scanner.scan())
    assert [scan.name for scan in scanner.scan()] == ["b.png"]
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_left_behind_is_removed_also_what_is_still_being_written(tmp_path: Path) -> None:
    _drop(tmp_path, "a.png")
    (tmp_path / "begun.pdf").touch()
    (tmp_path / "note.txt").write_text("no scan")
    scanner = _watched(tmp_path, Clock())
    with (tmp_path / "half.jpg").open("wb") as writing:
        writing.write(b"\xff\xd8half")
        assert scanner.clear() == 3
        writing.write(b"whole\xff\xd9")
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]
    assert scanner.state() is ScannerState.NO_PAPER


def test_what_somebody_left_behind_and_cannot_be_removed_keeps_the_scanner_from_being_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, clock = _drop(tmp_path, "a.png"), Clock()
    scanner = FolderScanner(tmp_path, clock=clock, wait=clock.wait)
    with monkeypatch.context() as sticky:
        sticky.setattr(Path, "unlink", _refused)
        with pytest.raises(ScannerFailure, match="may not be given to anybody else"):
            scanner.clear()
        path.write_bytes(path.read_bytes() + b"the rest of it")
        clock.wait(60)
        assert scanner.state() is ScannerState.UNREACHABLE
    path.unlink()  # whoever looks after the cabin
    assert scanner.state() is ScannerState.NO_PAPER
    _drop(tmp_path, "a.png")
    scanner.state()
    clock.wait(60)
    assert [scan.name for scan in scanner.scan()] == ["a.png"]


def test_what_was_delivered_when_the_folder_went_away_does_not_come_again_with_it(tmp_path: Path) -> None:
    folder, clock = tmp_path / "share", Clock()
    folder.mkdir()
    _drop(folder, "a.png")
    scanner = _watched(folder, clock)
    batch = scanner.scan()
    next(batch)
    folder.rename(tmp_path / "away")
    assert list(batch) == []
    (tmp_path / "away").rename(folder)
    scanner.state()
    clock.wait(60)
    assert scanner.state() is ScannerState.NO_PAPER
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("leaves_its_place_empty", [False, True])
def test_what_somebody_left_behind_in_a_folder_that_was_away_does_not_come_to_the_next(
    tmp_path: Path, leaves_its_place_empty: bool
) -> None:
    """A share that is not mounted: its place is there, or it is not."""
    folder, clock = tmp_path / "share", Clock()
    folder.mkdir()
    scanner = FolderScanner(folder, clock=clock, wait=clock.wait)
    scanner.clear()
    _drop(folder, "a.png")
    folder.rename(tmp_path / "away")
    if leaves_its_place_empty:
        folder.mkdir()
        assert scanner.clear() == 0
        folder.rmdir()
    else:
        with pytest.raises(ScannerFailure):
            scanner.clear()
    (tmp_path / "away").rename(folder)
    scanner.state()
    clock.wait(60)
    assert scanner.state() is ScannerState.NO_PAPER
    assert list(folder.iterdir()) == []
    _drop(folder, "a.png")
    assert [scan.name for scan in scanner.scan()] == ["a.png"]


def test_a_folder_that_is_not_there_is_named_and_is_used_when_it_comes_back(tmp_path: Path) -> None:
    scanner, clock = FolderScanner(tmp_path / "gone"), Clock()
    assert scanner.state() is ScannerState.UNREACHABLE
    with pytest.raises(ScannerFailure, match="gone"):
        scanner.scan()
    (tmp_path / "gone").mkdir()
    assert scanner.state() is ScannerState.NO_PAPER
    _drop(tmp_path / "gone", "a.png")
    assert len(list(_watched(tmp_path / "gone", clock).scan())) == 1
