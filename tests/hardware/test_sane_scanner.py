"""The real `scanimage` with SANE's own backends `test` and `pnm`, which are scanners without hardware."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardware.devices.sane_scanner import SaneScanner
from hardware.scanner import Scan, ScannerFailure, ScannerState
from tests.hardware.sane import needs_scanimage
from tests.journeys.waiting import until

Open = Callable[..., SaneScanner]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Makes scanners whose folders lie below tmp_path, and closes them."""
    needs_scanimage()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scanners: list[SaneScanner] = []

    def make(device: str = "test:0", **wishes: object) -> SaneScanner:
        scanners.append(SaneScanner(device, **{"dpi": 30, "fresh_seconds": 0.0, **wishes}))  # type: ignore[arg-type]
        return scanners[-1]

    yield make
    for scanner in scanners:
        scanner.close()
    assert list(tmp_path.glob("kabine-sane-*")) == []


def picture(scan: Scan) -> Image.Image:
    with Image.open(io.BytesIO(scan.image)) as image:
        image.load()
        return image


def scanimages(parent: int) -> list[int]:
    """Processes that run scanimage for `parent`."""
    found = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has ended since
            found += [int(child) for child in (task / "children").read_text().split() if _name(child) == "scanimage"]
    return found


def _name(process: str) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return ""


def test_a_picture_arrives_pixel_by_pixel_with_its_resolution(opened, tmp_path):
    drawn = np.random.default_rng(1).integers(0, 255, (120, 90, 3), np.uint8)
    Image.fromarray(drawn).save(tmp_path / "sheet.ppm")
    scans = list(opened("pnm:0", options=[f"--filename={tmp_path}/sheet.ppm"], dpi=300).scan())
    assert [scan.name for scan in scans] == ["sheet-0001.tiff"]
    assert np.array_equal(np.asarray(picture(scans[0])), drawn)


def test_mode_resolution_and_area_are_what_was_asked_for(opened):
    colour = picture(next(opened(source="flatbed", dpi=51).scan()))
    assert (colour.mode, colour.info["dpi"]) == ("RGB", (51, 51))
    assert colour.width == pytest.approx(200 / 25.4 * 51, abs=2)  # the backend's glass has 200 mm
    assert picture(next(opened(source="flatbed", mode="grey").scan())).mode == "L"


def test_a_feeder_gives_all_sheets_and_then_the_next_batch(opened):
    scanner = opened(source="feeder")
    for _ in range(2):
        assert len(list(scanner.scan())) == 10  # as many as the backend has


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("JAMMED", ScannerState.JAMMED),
        ("NO_DOCS", ScannerState.NO_PAPER),
        ("COVER_OPEN", ScannerState.COVER_OPEN),
        ("DEVICE_BUSY", ScannerState.BUSY),
        ("ACCESS_DENIED", ScannerState.DENIED),
        ("IO_ERROR", ScannerState.UNREACHABLE),
        ("NO_MEM", ScannerState.UNREACHABLE),
    ],
)
def test_what_the_device_says_is_told_in_words(opened, status, state):
    scanner = opened(source="flatbed", options=[f"--read-return-value=SANE_STATUS_{status}"], fresh_seconds=3600.0)
    with pytest.raises(ScannerFailure) as caught:
        list(scanner.scan())
    assert caught.value.state is scanner.state() is state
    assert caught.value.what.endswith(".")
    assert caught.value.remedy.endswith(".")


def test_a_device_that_comes_back_works_again(opened, tmp_path):
    path = tmp_path / "sheet.pgm"
    scanner = opened("pnm:0", options=[f"--filename={path}"])
    with pytest.raises(ScannerFailure, match="does not answer"):
        scanner.scan()
    Image.new("L", (30, 20), 128).save(path)
    assert len(list(scanner.scan())) == 1
    until(lambda: scanner.state() is ScannerState.READY, "ready again")


def test_the_beginning_of_a_name_finds_the_device_and_a_wrong_one_does_not(opened):
    assert len(list(opened("test", source="flatbed").scan())) == 1
    stranger = opened("epson2:libusb:001:002")
    with pytest.raises(ScannerFailure, match="does not answer"):
        stranger.scan()
    assert stranger.state() is ScannerState.UNREACHABLE


def test_a_driver_that_crashes_loses_only_the_sheet_in_the_middle(opened):
    scanner = opened(source="feeder", options=["--read-delay=yes", "--read-delay-duration=200000"], dpi=300)
    batch = scanner.scan()
    os.kill(scanimages(os.getpid())[0], signal.SIGKILL)
    with pytest.raises(ScannerFailure, match="signal 9"):
        next(batch)
    assert len(list(opened(source="flatbed").scan())) == 1


def test_a_driver_that_hangs_is_ended(opened):
    scanner = opened(source="feeder", silence_seconds=0.3, dpi=300)
    batch = scanner.scan()
    child = scanimages(os.getpid())[0]
    os.kill(child, signal.SIGSTOP)
    with pytest.raises(ScannerFailure, match="nothing came for"):
        list(batch)
    assert not Path(f"/proc/{child}").exists()


@pytest.fixture
def deaf(tmp_path, monkeypatch):
    """A scanimage that never answers, does not listen when it is told to end, and has a child that does not either. The folder in which each leaves
    its number."""
    folder = tmp_path / "deaf"
    folder.mkdir()
    program = folder / "scanimage"
    hang = f"trap '' TERM INT HUP; echo > {folder}/$$; exec 8<> {folder}/pipe; read -r nothing <&8"
    program.write_text(f"#!/bin/sh\n({hang.replace('$$', 'child-$PPID')}) &\n{hang}\n")
    program.chmod(0o755)
    os.mkfifo(folder / "pipe")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_a_scanimage_that_never_answers_is_told_as_that_and_ended_with_all_it_has_started(opened, deaf):
    scanner = opened(ask_seconds=0.5, fresh_seconds=3600.0)  # no glance holds the device while it is to complain
    for _ in range(2):
        with pytest.raises(ScannerFailure, match="does not answer") as caught:
            scanner.scan()
        assert caught.value.state is ScannerState.UNREACHABLE
    assert scanner.state() is ScannerState.UNREACHABLE
    complaint = scanner.complaint()
    assert complaint is not None
    assert "no answer within 0.5 seconds" in complaint.why
    scanner.close()
    until(lambda: not holding(deaf / "pipe"), "all of them have ended")


def test_a_question_that_is_not_answered_is_complained_of_while_it_lasts(opened):
    """Its silence was taken for a sheet on its way, and the doctor had nothing to say but to look at the cable."""
    scanner = opened(ask_seconds=0.2)
    with scanner._using:  # as a glance has it that hangs
        complaint = scanner.complaint()
    assert complaint is not None
    assert "no answer within 0.2 seconds" in complaint.why


def holding(pipe: Path) -> list[str]:
    """Processes that have it open."""
    found = []
    for descriptor in Path("/proc").glob("[0-9]*/fd/8"):
        with contextlib.suppress(OSError):
            found += [str(descriptor)] if descriptor.readlink() == pipe else []
    return found


def test_closing_in_the_middle_ends_it_at_once(opened):
    scanner = opened(source="feeder", options=["--read-delay=yes", "--read-delay-duration=200000"], dpi=1200)
    batch = scanner.scan()
    met: list[ScannerFailure] = []

    def read() -> None:
        try:
            next(batch)
        except ScannerFailure as failure:
            met.append(failure)

    reader = threading.Thread(target=read)
    reader.start()
    scanner.close()
    reader.join(240)
    assert [failure.what for failure in met] == ["The scanner was closed."]
    assert not scanimages(os.getpid())
    with pytest.raises(ScannerFailure, match="closed"):
        scanner.scan()


def test_a_batch_that_nobody_finishes_lets_the_device_go(opened):
    scanner = opened(source="feeder")
    for begun in (False, True):
        batch = scanner.scan()
        if begun:
            next(batch)
        batch.close()
    assert len(list(scanner.scan())) == 10


def test_no_sheet_ever_lies_on_the_disk(opened, tmp_path):
    for _ in opened(source="feeder").scan():
        files = [path for path in tmp_path.rglob("*") if stat.S_ISREG(path.lstat().st_mode)]
        assert {path.suffix for path in files} == {".conf"}


def test_scanimage_dies_with_the_cabin(tmp_path):
    program = """if True:
        import sys, time
        from hardware.devices.sane_scanner import SaneScanner
        wishes = ["--read-delay=yes", "--read-delay-duration=20000"]
        batch = SaneScanner("test:0", source="feeder", dpi=1200, options=wishes).scan()
        print("begun", flush=True)
        next(batch)
    """
    env = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=env) as cabin:
        assert cabin.stdout is not None
        assert cabin.stdout.readline() == b"begun\n"
        (child,) = scanimages(cabin.pid)
        cabin.kill()
        until(lambda: not Path(f"/proc/{child}").exists() or _status(child) == "Z", "scanimage has ended")


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"
