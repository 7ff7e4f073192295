"""What every document camera promises, whatever stands behind it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from hardware.absent import AbsentCamera
from hardware.camera import Camera, CameraState, Sign
from hardware.devices.v4l2_camera import V4l2Camera
from hardware.scanner import ScannerFailure, ScannerState
from hardware.simulated import paper, wear
from hardware.simulated.camera import SimulatedCamera
from hardware.simulated.stage import Stage
from tests.journeys.waiting import until

SIZE = (480, 640)
Make = Callable[[Path, bool], Camera]


def film(path: Path, sheet: bool) -> Path:
    """A table on which a sheet is laid and lies, as a camera's MJPEG; or nothing happens."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 100.0, SIZE)
    table = wear.table(1, SIZE)
    page = np.asarray(paper.draw_page(1, 40).convert("RGB"))
    for picture in range(120):
        scene = table.copy()
        if sheet:
            left = max(70, 300 - picture * 20)
            scene[90 : 90 + page.shape[0], left : left + page.shape[1]] = page[:, : SIZE[0] - left]
        writer.write(scene)
    writer.release()
    return path


def _v4l2(tmp_path: Path, sheet: bool) -> Camera:
    return V4l2Camera(str(film(tmp_path / "film.avi", sheet)), look_seconds=60)


def _simulated(tmp_path: Path, sheet: bool) -> Camera:
    return SimulatedCamera(7, pages=int(sheet), stage=Stage(tmp_path / "stage"), size=SIZE)


every = pytest.mark.parametrize("make", [_v4l2, _simulated])


@pytest.fixture
def opened(make: Make, tmp_path: Path) -> Iterator[Callable[[bool], Camera]]:
    cameras: list[Camera] = []

    def open_one(sheet: bool) -> Camera:
        cameras.append(make(tmp_path, sheet))
        return cameras[-1]

    yield open_one
    for camera in cameras:
        camera.close()


@every
def test_a_sheet_that_lies_still_is_seen_and_taken_as_a_picture(opened):
    camera = opened(True)
    assert camera.state() is CameraState.READY
    until(lambda: camera.look().sign is Sign.STILL, "the sheet lies still")
    glimpse = camera.look()
    with Image.open(io.BytesIO(glimpse.jpeg)) as small, Image.open(io.BytesIO(camera.still().image)) as still:
        small.load()
        still.load()
        assert still.size == SIZE
    one, other = camera.still(), camera.still()
    assert one.name != other.name


@every
def test_a_bare_table_is_seen_as_one(opened):
    camera = opened(False)
    assert until(lambda: camera.look().sign is Sign.EMPTY, "the table is bare")


@every
def test_a_closed_camera_sees_nothing(opened):
    camera = opened(True)
    camera.look()
    camera.close()
    camera.close()
    assert camera.state() is CameraState.UNREACHABLE
    for ask in (camera.look, camera.still):
        with pytest.raises(ScannerFailure, match="closed") as caught:
            ask()
        assert caught.value.state is ScannerState.UNREACHABLE


def test_a_camera_that_is_not_fitted_says_what_to_configure():
    camera = AbsentCamera()
    assert camera.state() is CameraState.ABSENT
    for ask in (camera.look, camera.still):
        with pytest.raises(ScannerFailure) as caught:
            ask()
        assert caught.value.state is ScannerState.ABSENT
        assert "edge.toml" in caught.value.remedy
    camera.close()


def test_a_camera_that_was_unplugged_works_again(tmp_path):
    path = film(tmp_path / "film.avi", True)
    camera = V4l2Camera(str(path), look_seconds=60)
    try:
        camera.look()
        path.rename(tmp_path / "away.avi")
        with pytest.raises(ScannerFailure, match="does not answer"):
            until(lambda: camera.look() and None, "noticed that it is gone")
        assert camera.state() is CameraState.UNREACHABLE
        (tmp_path / "away.avi").rename(path)
        assert camera.state() is CameraState.READY
        camera.look()
    finally:
        camera.close()


def test_a_device_that_is_no_camera_says_so_in_words(tmp_path):
    (tmp_path / "video0").write_bytes(b"no pictures" * 100)
    for device in (tmp_path / "video0", tmp_path / "nothing"):
        camera = V4l2Camera(str(device))
        with pytest.raises(ScannerFailure, match=r"The camera does not answer: .*(video0|nothing).*\."):
            camera.look()
        camera.close()


def test_a_sheet_is_taken_once_and_the_next_one_is_waited_for(tmp_path):
    stage = Stage(tmp_path / "stage")
    camera = SimulatedCamera(7, pages=0, stage=stage, size=SIZE)
    assert camera.look().sign is Sign.EMPTY
    sheet = tmp_path / "a.png"
    paper.draw_page(1, 40).save(sheet)
    for _ in range(2):
        stage.put(sheet, "camera")
        until(lambda: camera.look().sign is Sign.STILL, "the sheet lies still")
        camera.still()
        assert [camera.look().sign for _ in range(6)] == [Sign.TAKEN] * 6
        stage.clear("camera")
        until(lambda: camera.look().sign is Sign.EMPTY, "the sheet was taken away")


def test_a_hand_over_the_sheet_is_waited_for(tmp_path):
    stage = Stage(tmp_path / "stage")
    camera = SimulatedCamera(7, pages=1, stage=stage, size=SIZE)
    stage.flag("camera", "moving")
    assert {camera.look().sign for _ in range(12)} == {Sign.MOVING}
    stage.mend("camera")
    assert until(lambda: camera.look().sign is Sign.STILL, "the hand is gone")
