"""A sheet on a table under a camera is found, laid flat, and missing corners are told."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge.capture import outline, pipeline
from edge.capture.page import Page
from edge.capture.survey import survey
from edge.capture.verdict import Fault
from hardware.simulated import wear
from hardware.simulated.paper import draw_page

SIZE = (1125, 1500)
DPI = 1500 / 11.69


def photographed(seed: int, kind="letter", **other) -> Page:
    picture = wear.photograph(draw_page(seed, 110, kind), seed, SIZE, **other)
    return Page(np.asarray(picture), DPI, guessed=True)


@pytest.mark.parametrize("kind", ["letter", "form", "receipt"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_sheet_on_a_table_is_found_with_all_its_corners(kind, seed):
    page = photographed(seed, kind)
    found = outline.find(survey(page))
    assert found is not None
    assert found.cut_off == 0
    move, dpi = outline.squared(found, page)
    proportion = max(move.size) / min(move.size)
    assert proportion == pytest.approx(2.48 if kind == "receipt" else 1.414, rel=0.04)
    if kind != "receipt":
        assert max(move.size) / dpi == pytest.approx(11.69, abs=0.1)


def test_what_is_kept_is_the_sheet_alone_and_level():
    (taken,) = pipeline.take([photographed(3, degrees=4.0)])
    page = taken.page
    assert page.width / page.dpi == pytest.approx(8.27, abs=0.1)
    assert page.height / page.dpi == pytest.approx(11.69, abs=0.1)
    assert page.bytes < 45_000


def test_a_sheet_that_fills_the_picture_is_not_cut():
    for kind in ("letter", "form"):
        assert outline.find(survey(Page(np.asarray(draw_page(1, 100, kind)), 100))) is None


def test_writing_around_a_white_field_is_not_cut_off():
    dark = np.full((1400, 1000, 3), 60, np.uint8)
    dark[300:900, 200:800] = 245
    rows = np.asarray(draw_page(1, 100).resize((1000, 1400)))
    around = np.where(np.asarray(Image.fromarray(rows).convert("L"))[:, :, None] < 128, 235, dark).astype(np.uint8)
    around[300:900, 200:800] = 245
    assert outline.find(survey(Page(around, 100))) is None


def test_a_sheet_is_found_between_pens_and_cables():
    page = photographed(1)
    clean = outline.find(survey(page))
    cluttered, (height, width) = page.pixels.copy(), page.pixels.shape[:2]
    for y in range(10, height, 14):
        cv2.line(cluttered, (2, y), (round(0.05 * width), y + 9), (240, 240, 240), 5)
        cv2.line(cluttered, (round(0.95 * width), y), (width - 3, y + 9), (240, 240, 240), 5)
    found = outline.find(survey(Page(cluttered, page.dpi, guessed=True)))
    assert clean is not None
    assert found is not None
    assert np.abs(found.corners - clean.corners).max() < 0.01


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_corner_out_of_view_is_told(side):
    page = photographed(5, degrees=5.0)
    edge = round(0.17 * page.width)
    pixels = page.pixels[:, edge:] if side == "left" else page.pixels[:, :-edge]
    (taken,) = pipeline.take([Page(np.ascontiguousarray(pixels), page.dpi, guessed=True)])
    assert {Fault.CORNER_MISSING, Fault.EDGE_CUT} & set(taken.faults)


def with_banner(page: Image.Image) -> Image.Image:
    """As some letters have: a bar of green along the whole upper edge of the sheet."""
    bar = page.copy()
    bar.paste((60, 170, 90), (0, 0, page.width, round(0.05 * page.height)))
    return bar


def torn(page: Image.Image) -> Image.Image:
    """A receipt of which a long strip is torn off beside a corner. The table is seen there."""
    askew = page.convert("RGB")
    wedge = [(page.width // 2, 0), (page.width, 0), (page.width, round(0.035 * page.height))]
    ImageDraw.Draw(askew).polygon(wedge, fill=(44, 46, 47))
    return askew


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_print_as_dark_as_the_table_that_reaches_a_corner_is_no_folded_corner(seed):
    picture = wear.photograph(with_banner(draw_page(seed, 110, "letter")), seed, SIZE)
    found = outline.find(survey(Page(np.asarray(picture), DPI, guessed=True)))
    assert found is not None
    assert found.cut_off == 0


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_a_strip_torn_off_is_no_folded_corner(seed):
    picture = wear.photograph(torn(draw_page(seed, 110, "receipt")), seed, SIZE)
    found = outline.find(survey(Page(np.asarray(picture), DPI, guessed=True)))
    assert found is not None
    assert found.cut_off == 0


def sheet_with(tone: tuple[int, int, int], bar: tuple[float, float, float, float], seed: int) -> Image.Image:
    """A letter with a bar; its place in shares of width and height."""
    page = draw_page(seed, 110).convert("RGB")
    left, top, right, bottom = bar
    page.paste(
        tone,
        (round(left * page.width), round(top * page.height), round(right * page.width), round(bottom * page.height)),
    )
    return page


@pytest.mark.parametrize(
    ("tone", "bar"),
    [
        ((20, 35, 80), (0, 0, 1, 0.06)),
        ((20, 20, 20), (0, 0, 1, 0.2)),
        ((58, 60, 62), (0, 0.92, 1, 1)),
        ((25, 60, 50), (0, 0, 0.09, 1)),
    ],
    ids=["navy", "black", "nearly-the-table", "beside"],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_bar_as_dark_as_the_table_is_not_cut_off(tone, bar, seed):
    plain = outline.find(survey(photographed(seed)))
    barred = wear.photograph(sheet_with(tone, bar, seed), seed, SIZE)
    found = outline.find(survey(Page(np.asarray(barred), DPI, guessed=True)))
    assert plain is not None
    assert found is not None
    assert np.abs(found.corners - plain.corners).max() < 0.012
    assert found.cut_off == 0


def from_row(page: Page, row: int) -> Page:
    return Page(np.ascontiguousarray(page.pixels[row:]), page.dpi, guessed=True)


def test_a_bar_that_goes_on_to_the_edge_of_the_picture_is_not_cut_off():
    whole = Page(np.asarray(wear.photograph(sheet_with((20, 35, 80), (0, 0, 1, 0.1), 1), 1, SIZE)), DPI, guessed=True)
    clean = outline.find(survey(whole))
    assert clean is not None
    highest = round(float(clean.corners[:2, 1].max()) * whole.height)
    found = outline.find(survey(from_row(whole, highest + 60)))  # the bar's upper edge is out of view
    assert found is not None
    assert (found.corners[:2, 1] < 0.03).all()
    assert found.cut_off == 2


@pytest.mark.parametrize("degrees", [0.0, 4.0])
def test_a_sheet_that_touches_the_edge_of_the_picture_and_is_all_there_is_whole(degrees):
    page = photographed(2, degrees=degrees)
    clean = outline.find(survey(page))
    assert clean is not None
    touching = from_row(page, round(float(clean.corners[:, 1].min()) * page.height))
    found = outline.find(survey(touching))
    assert found is not None
    assert found.cut_off == 0
    cut = outline.find(survey(from_row(page, round(float(clean.corners[:2, 1].max() + 0.08) * page.height))))
    assert cut is not None
    assert cut.cut_off == 2
