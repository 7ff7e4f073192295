"""Defects put into drawn pages are named; good pages are let through."""

import functools

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from edge.capture import pipeline, verdict
from edge.capture.mode import Mode
from edge.capture.page import Page
from edge.capture.verdict import Fault
from hardware.simulated.paper import draw_sheet

KINDS = ("letter", "form", "receipt")


@functools.cache
def sheet(kind: str, seed: int) -> Image.Image:
    return draw_sheet(seed, 150, kind).image


def blurred(image):
    return image.filter(ImageFilter.GaussianBlur(2.2))


def dark(image):
    return image.point(lambda value: int(value * 0.3))


def glare(image):
    dull, spot = image.point(lambda value: int(value * 0.8)), Image.new("L", image.size, 0)
    width, height = image.size
    ImageDraw.Draw(spot).ellipse((width * 0.3, height * 0.3, width * 0.55, height * 0.42), fill=255)
    return Image.composite(Image.new("RGB", image.size, "white"), dull, spot.filter(ImageFilter.GaussianBlur(15)))


def corner(image):
    folded, leg = image.copy(), round(0.45 * 150)
    ImageDraw.Draw(folded).polygon([(image.width, 0), (image.width - leg, 0), (image.width, leg)], fill=(40, 40, 40))
    return folded


def cut(image):
    return image.crop((round(image.width * 0.3), 0, image.width, image.height))


def upside_down(image):
    return image.transpose(Image.Transpose.ROTATE_180)


def taken(image, dpi=150, mode=Mode.DOCUMENT):
    (page,) = pipeline.take([Page(np.asarray(image), dpi)], mode)
    return page


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_good_page_is_let_through(kind, seed):
    page = taken(sheet(kind, seed))
    assert page.faults == ()
    assert (page.turned_degrees, verdict.word(page.faults), verdict.advice(page.faults)) == (0, "good", "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (blurred, Fault.BLURRED),
        (dark, Fault.TOO_DARK),
        (glare, Fault.GLARE),
        (corner, Fault.CORNER_MISSING),
        (cut, Fault.EDGE_CUT),
    ],
)
def test_a_defect_is_named_with_advice(kind, spoil, fault):
    page = taken(spoil(sheet(kind, 1)))
    assert fault in page.faults
    assert verdict.advice(page.faults).endswith(".")


@pytest.mark.parametrize("tint", [(0.86, 0.44, 0.4), (0.58, 0.82, 0.58), (1, 0.9, 0.35)])
def test_coloured_paper_is_not_taken_for_darkness(tint):
    coloured = Image.fromarray((np.asarray(sheet("letter", 1)) * np.array(tint)).astype(np.uint8))
    assert Fault.TOO_DARK not in taken(coloured).faults
    assert Fault.TOO_DARK in taken(dark(coloured)).faults


def test_a_page_too_coarse_to_read_is_named():
    small = sheet("letter", 1).resize((595, 842), Image.Resampling.BOX)
    assert taken(small, 72).faults[0] == Fault.TOO_COARSE


def test_large_print_is_legible_where_small_print_would_be_too_coarse_or_too_soft():
    assert taken(sheet("letter", 1), 75).faults == ()
    soft = draw_sheet(1, 300, "letter").image.filter(ImageFilter.GaussianBlur(1.2))
    assert taken(soft, 150).faults == ()
    assert Fault.BLURRED in taken(soft.filter(ImageFilter.GaussianBlur(5)), 150).faults


def test_a_wedge_beside_a_page_that_lies_askew_is_no_folded_corner():
    lying, width = sheet("letter", 1).copy(), sheet("letter", 1).width
    ImageDraw.Draw(lying).polygon([(width, 0), (width - 52, 0), (width, 330)], fill=(30, 30, 30))
    assert taken(lying).faults == ()


def test_a_blot_over_a_corner_is_no_folded_corner():
    lying, height = sheet("letter", 1).copy(), sheet("letter", 1).height
    ImageDraw.Draw(lying).rectangle((0, height - 80, 70, height), fill=(40, 10, 10))
    assert taken(lying).faults == ()


def test_a_shade_over_a_corner_is_no_folded_corner():
    lying = np.asarray(sheet("letter", 1), np.float32)
    away = np.add.outer(np.arange(lying.shape[0])[::-1], np.arange(lying.shape[1]))
    shaded = lying * (1 - 0.62 * np.clip(1 - away / 300, 0, 1))[:, :, None]
    assert taken(Image.fromarray(shaded.astype(np.uint8))).faults == ()


def test_tips_of_the_page_beside_it_are_no_cut_print():
    lying, (width, height) = sheet("letter", 1).copy(), sheet("letter", 1).size
    pen = ImageDraw.Draw(lying)
    for y in range(100, height - 100, 24):
        pen.rectangle((width - 5, y, width, y + 7), fill=(20, 20, 20))
    assert taken(lying).faults == ()


def test_the_white_of_the_lid_is_no_glare():
    dull, lid = sheet("letter", 1).point(lambda value: int(value * 0.75)), Image.new("L", sheet("letter", 1).size, 0)
    lid.paste(255, (0, 400, 90, 1500))
    white = Image.new("RGB", dull.size, "white")
    assert taken(Image.composite(white, dull, lid.filter(ImageFilter.GaussianBlur(8)))).faults == ()


def test_light_that_falls_from_one_side_is_no_glare():
    lying = np.asarray(sheet("form", 1), np.float32)
    across = np.linspace(0, 1, lying.shape[1], dtype=np.float32)
    light = 0.86 + 0.3 / (1 + np.exp(-(across - 0.6) * 12))
    assert taken(Image.fromarray(np.clip(lying * light[:, None], 0, 254).astype(np.uint8))).faults == ()


@pytest.mark.parametrize("seed", [14, 20, 26, 32])
def test_a_receipt_cut_where_it_is_mostly_white_is_named(seed):
    receipt = draw_sheet(seed, 150, "receipt").image
    assert Fault.EDGE_CUT not in taken(receipt).faults
    assert Fault.EDGE_CUT in taken(receipt.crop((round(0.29 * receipt.width), 0, *receipt.size))).faults


def test_an_empty_page_is_named_and_kept():
    noise = np.random.default_rng(1).normal(240, 3, (1754, 1240)).clip(0, 255).astype(np.uint8)
    page = taken(Image.fromarray(noise))
    assert page.faults == (Fault.EMPTY,)
    assert page.page.blank
    assert page.page.layers


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_page_lying_wrong_is_turned_or_asked_about(kind, degrees):
    ways = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
    upright = sheet(kind, 2)
    page = taken(upright.transpose(ways[degrees]))
    asked = Fault.UNSURE_WAY_UP in page.faults
    assert asked or page.turned_degrees == 360 - degrees
    if not asked:
        assert (page.page.width > page.page.height) == (upright.width > upright.height)


def test_a_copy_is_neither_turned_nor_judged():
    page = taken(dark(upside_down(sheet("letter", 1))), mode=Mode.COPY)
    assert (page.turned_degrees, page.faults) == (0, ())


def test_every_fault_has_its_advice():
    assert set(verdict.ADVICE) == set(Fault)
