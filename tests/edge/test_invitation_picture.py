"""An invitation is read off what people bring to a cabin: the file itself, a photograph of a screen, a scan."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import segno
from PIL import Image

from edge.invitation_picture import is_picture, read_picture
from protocol.enrolment import read_invitation
from protocol.errors import Code, Refused
from tests.edge.house import NO_PORT, invitation, sheet

TEXT = invitation(NO_PORT)


def code(path: Path, text: str = TEXT.upper(), pixels: int = 8) -> Path:
    segno.make(text, error="m", micro=False).save(str(path), kind="png", scale=pixels)
    return path


def photographed(path: Path, *, degrees: float, slant: float, light_on_dark: bool = False) -> Path:
    """As a telephone sees it on a screen: from aside, turned, noisy, a little out of focus."""
    drawn = cv2.imread(str(code(path.with_suffix(".plain.png"))), cv2.IMREAD_GRAYSCALE)
    height, width = drawn.shape
    seen = cv2.copyMakeBorder(drawn, height // 2, height // 2, width // 2, width // 2, cv2.BORDER_CONSTANT, value=255)
    seen = 255 - seen if light_on_dark else seen
    far, near = np.array(seen.shape[::-1], np.float32), np.zeros(2, np.float32)
    corners = np.array([near, [far[0], 0], far, [0, far[1]]], np.float32)
    aside = corners + np.array([[slant * far[0], 0], [-slant * far[0], slant * far[1]], [0, 0], [0, 0]], np.float32)
    seen = cv2.warpPerspective(seen, cv2.getPerspectiveTransform(corners, aside), seen.shape[::-1], borderValue=(120,))
    around = cv2.getRotationMatrix2D((float(far[0] / 2), float(far[1] / 2)), degrees, 1.0)
    seen = cv2.GaussianBlur(cv2.warpAffine(seen, around, seen.shape[::-1], borderValue=(120,)), (0, 0), 0.8)
    noise = np.random.default_rng(3).normal(0, 6, seen.shape)
    Image.fromarray((seen * 0.8 + 20 + noise).clip(0, 255).astype(np.uint8)).save(path, quality=80)
    return path


@pytest.mark.parametrize("pixels", [2, 8, 40])
def test_the_file_that_the_hub_wrote_is_read_at_any_size(tmp_path: Path, pixels: int) -> None:
    assert read_invitation(read_picture(code(tmp_path / "a.png", pixels=pixels))) == read_invitation(TEXT)


@pytest.mark.parametrize(("degrees", "slant"), [(0, 0.0), (7, 0.03), (90, 0.0), (180, 0.05), (-20, 0.08)])
def test_a_photograph_is_read_from_where_it_was_taken(tmp_path: Path, degrees: float, slant: float) -> None:
    path = photographed(tmp_path / "a.jpg", degrees=degrees, slant=slant)
    assert read_invitation(read_picture(path)) == read_invitation(TEXT)


def test_a_terminal_may_show_it_light_on_dark(tmp_path: Path) -> None:
    path = photographed(tmp_path / "a.jpg", degrees=3, slant=0.0, light_on_dark=True)
    assert read_invitation(read_picture(path)) == read_invitation(TEXT)


def test_a_scan_may_have_another_sheet_and_another_code_before_it(tmp_path: Path) -> None:
    sheets = [Image.open(code(tmp_path / f"{number}.png", text)) for number, text in enumerate(("7K2-123456", TEXT))]
    sheets[0].save(tmp_path / "scan.pdf", save_all=True, append_images=sheets[1:], resolution=100)
    assert read_invitation(read_picture(tmp_path / "scan.pdf")) == read_invitation(TEXT)


def test_another_code_is_told_apart_from_none(tmp_path: Path) -> None:
    assert read_picture(code(tmp_path / "number.png", "7K2-123456")) == "7K2-123456"
    with pytest.raises(Refused, match=r"no QR code in “sheet\.png” that can be read") as caught:
        read_picture(sheet(tmp_path / "sheet.png"))
    assert caught.value.code is Code.BAD_FILE
    assert "Take the picture anew" in caught.value.remedy


def test_what_is_no_picture_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text(TEXT)
    with pytest.raises(Refused, match="neither a picture nor a PDF"):
        read_picture(tmp_path / "a.png")
    segno.make(TEXT.upper(), micro=False).save(str(tmp_path / "a.svg"))
    assert is_picture("kabine-templin.svg")
    with pytest.raises(Refused, match="neither a picture nor a PDF"):
        read_picture(tmp_path / "a.svg")
    with pytest.raises(Refused, match=r"no file “b\.png”"):
        read_picture(tmp_path / "b.png")


def test_the_line_itself_is_no_picture(tmp_path: Path) -> None:
    for text in (
        TEXT,
        TEXT.upper(),
        f" {TEXT}\n",
        TEXT[:60],
        "something",
        "a\nb",
        "",
        "x" * 5000,
        f"kabine edge enrol {TEXT}",
        "a\0b",
    ):
        assert not is_picture(text), text
    for text in ("there-is-none.png", "A.JPEG", "kabine-templin.png", str(code(tmp_path / "without-an-ending"))):
        assert is_picture(text), text
