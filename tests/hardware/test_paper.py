"""Simulated paper: the same seed gives the same sheet, and the truth about it is true."""

import numpy as np
import pytest
from PIL import Image

from hardware.simulated.paper import SKEW_DEGREES_MAX, draw_page, draw_scan, draw_sheet


@pytest.mark.parametrize("kind", ["letter", "form", "receipt"])
def test_the_same_seed_draws_the_same_pixels(kind):
    first, again, other = (draw_sheet(seed, dpi=60, kind=kind) for seed in (4, 4, 5))
    assert first.image.tobytes() == again.image.tobytes()
    assert first.words == again.words
    assert first.words != other.words


def test_a_sheet_has_the_size_of_its_paper_and_ink_on_it():
    image = draw_page(1, dpi=100)
    assert image.mode == "RGB"
    assert abs(image.width - 827) <= 1
    assert abs(image.height - 1170) <= 1
    darkness = 255 - np.asarray(image.convert("L"))
    assert 0.005 < (darkness > 120).mean() < 0.2


def test_skew_stays_within_what_is_promised_and_can_be_asked_for():
    skews = [draw_sheet(seed, dpi=20).skew_degrees for seed in range(30)]
    assert max(map(abs, skews)) <= SKEW_DEGREES_MAX
    assert max(skews) - min(skews) > SKEW_DEGREES_MAX
    assert draw_sheet(1, dpi=20, skew_degrees=0.0).skew_degrees == 0.0


@pytest.mark.parametrize("kind", ["letter", "form", "receipt"])
def test_a_mark_is_on_the_sheet(kind):
    sheet = draw_sheet(2, dpi=60, kind=kind, mark="KANARIE-4711")
    assert "KANARIE-4711" in sheet.words
    assert sheet.image.tobytes() != draw_page(2, dpi=60, kind=kind).tobytes()


def test_a_scan_is_a_batch_of_files_that_name_their_resolution(tmp_path):
    paths = draw_scan(3, 5, tmp_path, dpi=50)
    assert len(paths) == len(set(paths)) == 5
    assert {path.suffix for path in paths} == {".jpg", ".png"}
    for path in paths:
        with Image.open(path) as picture:
            assert round(picture.info["dpi"][0]) == 50
