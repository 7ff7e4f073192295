"""What is pale all over the page becomes ink: faded receipts, hard pencils, carbon copies. What shines through from the back does not."""

import functools

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.capture import bits, encode, grid, inks, pipeline
from edge.capture.encode import TEXT_BYTES
from edge.capture.flatten import divided, paper
from edge.capture.page import Page
from edge.capture.scale import to_dpi
from edge.capture.verdict import Fault
from hardware.simulated.paper import draw_sheet

DPI = 200
NOISE = 2.0


@functools.cache
def drawn(kind="letter") -> np.ndarray:
    """Of 255, black on white."""
    return np.asarray(draw_sheet(4, DPI, kind, skew_degrees=0.0).image.convert("L"))


def noisy(pixels: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, NOISE, pixels.shape)
    return (pixels + noise).clip(0, 255).astype(np.uint8)


def faded(pixels: np.ndarray, share: float, white=238.0) -> np.ndarray:
    """With so much of its contrast left."""
    return noisy(white - (float(np.percentile(pixels, 90)) - pixels.clip(0, np.percentile(pixels, 90))) * share)


def from_behind(pixels: np.ndarray, share: float) -> np.ndarray:
    """How much darker a sheet is for what stands on its back."""
    back = cv2.GaussianBlur(255.0 - pixels[:, ::-1], (0, 0), 0.28 / 25.4 * DPI)
    return (back - np.percentile(back, 10)).clip(0) * share


def ink(pixels: np.ndarray) -> np.ndarray:
    plain, dpi = to_dpi(pixels, DPI, grid.COARSE_DPI)
    field = paper(plain, dpi)
    return bits.ink(pixels, divided(plain, field), dpi, field)[0]


def kept(found: np.ndarray, written: np.ndarray) -> float:
    """The share of what was written that is near found ink."""
    near = cv2.dilate(found.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    return float(near[written].mean())


def taken(pixels: np.ndarray):
    (page,) = pipeline.take([Page(pixels, DPI)])
    return page


@pytest.mark.parametrize("kind", ["letter", "receipt"])
@pytest.mark.parametrize("share", [0.17, 0.22, 0.35])
def test_what_has_faded_keeps_its_strokes(kind, share):
    written = drawn(kind) < 110
    found = ink(faded(drawn(kind), share))
    assert kept(found, written) > 0.95
    assert kept(written, found) > 0.9, "no ink where nothing is written"
    page = taken(faded(drawn(kind), share))
    assert not page.page.blank
    assert page.faults == ()


def test_a_carbon_copy_keeps_its_strokes_though_they_are_soft():
    soft = cv2.GaussianBlur(drawn(), (0, 0), 0.2 / 25.4 * DPI)
    assert kept(ink(faded(soft, 0.6)), drawn() < 90) > 0.95


@pytest.mark.parametrize("share", [0.05, 0.1, 0.14])
def test_an_empty_sheet_through_which_the_back_shines_stays_empty(share):
    page = taken(noisy(246 - from_behind(drawn(), share)))
    assert page.page.blank
    assert page.faults == (Fault.EMPTY,)


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_beside_print_what_shines_through_is_no_ink(share):
    front = drawn("form").astype(np.float32)
    with_back = noisy((front - from_behind(drawn("letter"), share)[: front.shape[0], : front.shape[1]]).clip(0))
    added = ink(with_back) & (cv2.erode(front, np.ones((5, 5))) > 200)
    assert added.mean() < 0.0005


def test_specks_of_recycled_paper_do_not_make_an_empty_sheet_a_written_one():
    pixels = np.full((2339, 1654), 225.0)
    random = np.random.default_rng(3)
    for y, x in zip(random.integers(30, 2300, 15), random.integers(30, 1620, 15), strict=True):
        pixels[y : y + 3, x : x + 3] = 185
    assert taken(noisy(pixels)).page.blank


def test_an_ink_that_is_pale_is_laid_darker():
    pixels = np.repeat(drawn()[:, :, None], 3, axis=2).astype(np.float32)
    share = (255 - pixels) / 255
    yellow = (np.array([252.0, 252, 250]) * (1 - share) + np.array([250.0, 205, 10]) * share).astype(np.uint8)
    colours = [layer.ink for layer in taken(yellow).page.layers if layer.ink and len(set(layer.ink)) > 1]
    assert colours
    for red, green, blue in colours:
        assert 0.299 * red + 0.587 * green + 0.114 * blue <= inks.BRIGHT_MAX
        assert red > green > blue, "its hue stays"


def test_a_dithered_fax_is_hardly_larger_than_other_text():
    dithered = np.asarray(Image.fromarray((drawn() * 0.97).astype(np.uint8)).convert("1").convert("L"))
    page, look = encode.encode(pipeline.level.level(*_as_it_lies(dithered), coloured=False))
    assert look.dust > encode.DUST_SHARE_MAX
    assert page.bytes <= 1.25 * TEXT_BYTES  # 180 kB before its dots were blurred until it was small


def _as_it_lies(pixels):
    page = Page(pixels, DPI)
    return page, pipeline.survey.survey(page), pipeline.level.unmoved(page)
