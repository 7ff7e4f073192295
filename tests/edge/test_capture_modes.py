"""Cards, receipts and photographs are kept in ways of their own."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge.capture import pipeline
from edge.capture.encoded import Codec
from edge.capture.mode import Mode
from edge.capture.page import Page
from hardware.simulated.paper import draw_sheet


def card_on_the_glass(seed: int, dpi: int = 200) -> Page:
    """An A4 scan with a card of 85.6 × 54 mm somewhere on it."""
    generator = np.random.default_rng(seed)
    lid = Image.fromarray(generator.normal(247, 2, (11 * dpi, 8 * dpi, 3)).clip(0, 255).astype(np.uint8))
    soft = generator.integers(120, 230, (12, 16, 3), dtype=np.uint8)
    card = Image.fromarray(soft).resize((round(3.37 * dpi), round(2.125 * dpi)), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(card)
    for row in range(3):
        draw.text((20, round(1.5 * dpi) + 30 * row), "IDD<<T220001293<<<<<<<<<<<<<<<", fill=(20, 20, 20), font_size=22)
    lid.paste(card, (180 + seed * 10, 300))
    return Page(np.asarray(lid), dpi)


def test_both_sides_of_a_card_lie_on_one_a4_sheet_at_true_size():
    (taken,) = pipeline.take([card_on_the_glass(1), card_on_the_glass(2)], Mode.CARD)
    page = taken.page
    assert (page.width / page.dpi, page.height / page.dpi) == pytest.approx((8.27, 11.69), abs=0.02)
    assert len(page.layers) == 2
    for layer in page.layers:
        left, top, right, bottom = layer.place
        assert (right - left) / page.dpi == pytest.approx(3.37, abs=0.1)
        assert (bottom - top) / page.dpi == pytest.approx(2.125, abs=0.1)
    assert page.layers[0].place[3] < page.layers[1].place[1]
    assert page.bytes <= 60_000


def test_three_sides_are_two_sheets():
    taken = list(pipeline.take([card_on_the_glass(seed) for seed in (1, 2, 3)], Mode.CARD))
    assert [len(each.page.layers) for each in taken] == [2, 1]


def test_a_receipt_is_cut_out_of_its_sheet():
    receipt = draw_sheet(1, 150, "receipt", skew_degrees=0.0).image
    glass = Image.new("RGB", (1240, 1754), (247, 247, 247))
    glass.paste(receipt, (500, 300))
    (taken,) = pipeline.take([Page(np.asarray(glass), 150)], Mode.RECEIPT)
    assert taken.page.width / taken.page.dpi < 4
    assert taken.page.bytes < 15_000


def test_a_photograph_stays_a_picture():
    (taken,) = pipeline.take([Page(np.asarray(draw_sheet(1, 150, "form").image), 150)], Mode.PHOTO)
    (layer,) = taken.page.layers
    assert layer.codec in (Codec.GREY_JPEG, Codec.COLOUR_JPEG)
    assert taken.faults == ()


def test_no_page_is_no_page():
    assert all(not list(pipeline.take([], mode)) for mode in Mode)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (40, 40), (2400, 30), (120, 90)])
@pytest.mark.parametrize("dpi", [50, 150, 300])
def test_pages_of_odd_sizes_are_taken_in_every_mode(mode, size, dpi):
    noise = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    for pixels in (noise, noise[:, :, 0].copy(), np.zeros_like(noise), np.full_like(noise, 255)):
        (taken,) = pipeline.take([Page(pixels, dpi)], mode)
        assert taken.page.layers
