"""What every scanner promises, whatever stands behind it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from hardware.absent import AbsentScanner
from hardware.devices.folder_scanner import FolderScanner
from hardware.scanner import Scanner, ScannerFailure, ScannerState
from hardware.simulated.scanner import SimulatedScanner

NOW = 2_000_000_000.0


def _drop(folder: Path, name: str, written_at: float = NOW - 60) -> Path:
    path = folder / name
    Image.new("L", (20, 30), 200).save(path)
    os.utime(path, (written_at, written_at))
    return path


def _folder(tmp_path: Path, sheets: int) -> Scanner:
    for sheet in range(sheets):
        _drop(tmp_path, f"{sheet}.png")
    return FolderScanner(tmp_path, clock=lambda: NOW)


def _simulated(_: Path, sheets: int) -> Scanner:
    return SimulatedScanner(7, pages=sheets, dpi=30)


Make = Callable[[Path, int], Scanner]
loaded = pytest.mark.parametrize("make", [_folder, _simulated])
every = pytest.mark.parametrize("make", [_folder, _simulated, lambda *_: AbsentScanner()])


@loaded
def test_a_batch_is_everything_that_lies_there_as_pictures(make: Make, tmp_path: Path) -> None:
    scanner = make(tmp_path, 3)
    assert scanner.state() is ScannerState.READY
    scans = list(scanner.scan())
    assert len({scan.name for scan in scans}) == 3
    for scan in scans:
        with Image.open(io.BytesIO(scan.image)) as picture:
            picture.load()


@every
def test_nothing_to_scan_is_said_at_once_and_in_words(make: Make, tmp_path: Path) -> None:
    scanner = make(tmp_path, 0)
    with pytest.raises(ScannerFailure) as caught:
        scanner.scan()
    assert caught.value.state is scanner.state()
    assert caught.value.what.endswith(".")
    assert caught.value.remedy.endswith(".")


@loaded
def test_what_was_taken_does_not_come_again(make: Make, tmp_path: Path) -> None:
    scanner = make(tmp_path, 3)
    batch = scanner.scan()
    first = next(batch)
    batch.close()  # type: ignore[attr-defined]
    assert first.name not in [scan.name for scan in scanner.scan()]


@every
def test_a_closed_scanner_delivers_nothing(make: Make, tmp_path: Path) -> None:
    scanner = make(tmp_path, 2)
    scanner.close()
    scanner.close()
    with pytest.raises(ScannerFailure):
        scanner.scan()
    assert scanner.state() in (ScannerState.UNREACHABLE, ScannerState.ABSENT)


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
    ripe = _drop(tmp_path, "b.png")
    young = _drop(tmp_path, "a.png", NOW - 0.1)
    dotted = _drop(tmp_path, ".c.png")
    (tmp_path / "note.txt").write_text("no scan")
    (tmp_path / "d.png").symlink_to(tmp_path / "note.txt")
    scans = list(FolderScanner(tmp_path, clock=lambda: NOW).scan())
    assert [scan.name for scan in scans] == ["b.png"]
    assert not ripe.exists()
    assert young.exists()
    assert dotted.exists()


def test_a_file_stays_until_the_caller_asks_for_the_next(tmp_path: Path) -> None:
    path = _drop(tmp_path, "a.png")
    batch = FolderScanner(tmp_path, clock=lambda: NOW).scan()
    next(batch)
    assert path.exists()
    assert list(batch) == []
    assert not path.exists()


def test_a_file_too_large_stays_and_is_named(tmp_path: Path) -> None:
    path = _drop(tmp_path, "a.png")
    with pytest.raises(ScannerFailure, match=r"“a\.png” has \d+ bytes; at most 10"):
        list(FolderScanner(tmp_path, clock=lambda: NOW, file_bytes_max=10).scan())
    assert path.exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    scanner = FolderScanner(tmp_path / "gone")
    assert scanner.state() is ScannerState.UNREACHABLE
    with pytest.raises(ScannerFailure, match="gone"):
        scanner.scan()
