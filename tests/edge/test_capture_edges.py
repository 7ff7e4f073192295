"""Edges of strokes become straight where that is noise, and nothing else changes."""

import numpy as np
import pytest

from edge.capture import edges, jbig2
from hardware.simulated.paper import draw_sheet


def smoothed(ink, doubtful=None) -> np.ndarray:
    """With no pixel in doubt, as a fax has none."""
    return edges.smoothed(ink, np.zeros_like(ink) if doubtful is None else doubtful)


def bar(height=200, width=300) -> np.ndarray:
    """A thick stroke in the middle of a page."""
    ink = np.zeros((height, width), np.bool_)
    ink[80:120, 60:240] = True
    return ink


def turned(ink, quarters):
    return np.ascontiguousarray(np.rot90(ink, quarters))


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("run", [1, 2, 3])
@pytest.mark.parametrize("left", [62, 63, 64, 127, 150, 190, 236])
def test_a_bump_and_a_notch_of_one_pixel_go_on_every_side(quarters, run, left):
    spoilt = bar()
    spoilt[79, left : left + run] = True
    spoilt[119, left : left + run] = False
    assert np.array_equal(smoothed(turned(spoilt, quarters)), turned(bar(), quarters))


@pytest.mark.parametrize("quarters", range(4))
def test_what_is_longer_or_higher_than_noise_stays(quarters):
    ink = bar()
    ink[79, 100:104] = True  # four pixels long
    ink[78:80, 130] = True  # two pixels high
    ink[119, 150:154] = False
    ink[118:120, 180] = False
    ink[81:120, 200] = False  # a gap between two letters, closed at one end
    assert np.array_equal(smoothed(turned(ink, quarters)), turned(ink, quarters))


def test_thin_strokes_and_gaps_stay_as_they_are():
    ink = bar()
    ink[130] = ink[140:142] = True
    ink[129, 100] = ink[139, 100] = True  # on a line of one and of two pixels, of which one is not deep
    ink[130, 200] = False
    ink[122:128, 60:240] = True  # a gap of two pixels with a bump in it
    ink[120, 150] = True
    before = ink.copy()
    after = smoothed(ink)
    assert np.array_equal(after[120:131], before[120:131])


def test_small_print_is_not_touched():
    ink = np.zeros((640, 640), np.bool_)
    for top in range(20, 600, 12):
        ink[top : top + 3, 20:600] = True
        ink[top - 1, 20:600:17] = True
    assert np.array_equal(smoothed(ink), ink)


def test_in_small_print_only_what_is_doubtful_goes():
    ink = np.zeros((640, 640), np.bool_)
    for top in range(20, 600, 12):
        ink[top : top + 3, 20:600] = True
    straight = ink.copy()
    ink[103, 100] = ink[103, 300] = True
    doubtful = np.zeros_like(ink)
    doubtful[103, 300] = doubtful[105, 500] = True
    straight[103, 100] = True
    assert np.array_equal(smoothed(ink, doubtful), straight)


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (3, 64), (64, 3), (65, 129), (640, 63)])
def test_pages_of_any_size_keep_their_size_and_their_edges(size):
    full, empty = np.ones(size, np.bool_), np.zeros(size, np.bool_)
    assert np.array_equal(smoothed(full), full)
    assert np.array_equal(smoothed(empty), empty)


def test_rough_print_is_coded_in_fewer_bytes_and_hardly_changes():
    grey = np.asarray(draw_sheet(3, 300, "letter").image.convert("L"), np.float64)
    rough = grey + np.random.default_rng(1).normal(0, 45, grey.shape) < 128
    smooth = smoothed(rough)
    assert len(jbig2.encode(smooth)) < len(jbig2.encode(rough))
    assert np.count_nonzero(smooth != rough) < 0.03 * np.count_nonzero(rough)


@pytest.mark.parametrize("width", [63, 64, 65])
def test_a_page_of_any_height_is_smoothed(width: int) -> None:
    for height in range(1, 131):  # one in 64 was none: its last row of cells had no edges to count
        ink = np.ones((height, width), np.bool_)
        assert smoothed(ink, ink).shape == ink.shape
