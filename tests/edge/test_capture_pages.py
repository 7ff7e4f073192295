"""From a page to its bytes: straight to 0.3 degrees, legible, and in the PDF exactly as encoded."""

import functools
import hashlib
import io
import os
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageDraw, ImageFont

from edge.capture import encode, jbig2, pdf, source
from edge.capture.dust import without_lone
from edge.capture.encoded import Codec, Encoded, Encoding
from edge.capture.flatten import flatten
from edge.capture.level import Level, level, rotated, unmoved
from edge.capture.page import Page
from edge.capture.straighten import measure, would_lose
from edge.capture.survey import coloured, survey
from hardware.simulated.paper import draw_sheet

AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
ONE_BIT = (Encoding.G4, Encoding.JBIG2)
KINDS = ("letter", "form", "receipt")
SCANS = Path(os.environ.get("KABINE_SCANS", "../shared/data/scans"))
# Real pages where there are any; the drawn ones are always tested.
REAL = sorted(SCANS.glob("*.*g")) + sorted(SCANS.glob("*.tif"))


@functools.cache
def drawn(seed, kind="letter", dpi=200, **other) -> Page:
    return page_of(draw_sheet(seed, dpi, kind, **other).image, dpi)


def page_of(image, dpi) -> Page:
    return Page(np.ascontiguousarray(image), dpi)


def skew_of(page: Page):
    seen = survey(page)
    return measure(seen.grey, seen.dpi)


def straightened(page: Page) -> tuple[Level, float]:
    seen, skew = survey(page), skew_of(page)
    lose = would_lose(skew, page.width / page.dpi, page.height / page.dpi)
    return level(page, seen, rotated(unmoved(page), skew.worth, lose), coloured=coloured(seen)), skew.worth


def as_it_lies(page: Page) -> Level:
    seen = survey(page)
    return level(page, seen, unmoved(page), coloured=coloured(seen))


def encoded(page: Page, **settings) -> Encoded:
    return encode.encode(as_it_lies(page), **settings)[0]


def as_drawn(page: Encoded, colour: bool = False) -> np.ndarray:
    """Pixels as MuPDF shows them, from the PDF: grey [height, width], or [height, width, 3]."""
    with pymupdf.open(stream=b"".join(pdf.write([page], AT)), filetype="pdf") as document:
        space = pymupdf.csRGB if colour else pymupdf.csGRAY
        pixmap = document[0].get_pixmap(dpi=round(page.dpi), colorspace=space)
        shape = (pixmap.height, pixmap.width, 3) if colour else (pixmap.height, pixmap.width)
        return np.frombuffer(pixmap.samples, np.uint8).reshape(shape)


# --- straighten -------------------------------------------------------------------------------------------------------


def test_skew_is_found_within_0_3_degrees_on_every_sheet():
    off = {}
    for seed in range(21):
        sheet = draw_sheet(seed, 100, KINDS[seed % 3])
        found = skew_of(page_of(sheet.image, 100))
        assert found.sure
        off[seed] = abs(found.degrees - sheet.skew_degrees)
    assert max(off.values()) <= 0.3, off


@pytest.mark.parametrize("degrees", [-9.0, -6.2, 7.5, 9.0])
def test_skew_of_a_sheet_laid_down_by_hand_is_found(degrees):
    sheet = draw_sheet(3, 100, "receipt", skew_degrees=degrees)
    assert skew_of(page_of(sheet.image, 100)).degrees == pytest.approx(degrees, abs=0.3)


@pytest.mark.parametrize("degrees", [-21.0, -12.0, 10.2, 16.5, 24.0])
def test_a_slip_that_lies_any_old_way_on_the_glass_is_straightened(degrees):
    glass = Image.new("L", (827, 1169), 250)
    slip = draw_sheet(3, 100, "receipt", skew_degrees=0.0).image.convert("L")
    glass.paste(slip.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=250), (150, 60))
    assert skew_of(page_of(glass, 100)).degrees == pytest.approx(degrees, abs=0.3)


def test_a_straightened_page_is_straight():
    page, degrees = straightened(drawn(1, skew_degrees=3.0))
    assert degrees == pytest.approx(3.0, abs=0.3)
    assert page.dpi == 300
    assert abs(skew_of(Page(page.grey, 300)).degrees) <= 0.3
    assert page.grey.shape == pytest.approx([1.5 * side for side in drawn(1).pixels.shape[:2]], abs=2)


def test_a_page_that_is_straight_is_not_resampled():
    page = drawn(1, dpi=300, skew_degrees=0.0)
    laid, degrees = straightened(page)
    assert degrees == 0.0
    assert laid.grey.shape == page.pixels.shape[:2]
    assert np.abs(laid.grey.astype(int) - page.pixels.mean(axis=2)).max() < 40


def test_a_picture_without_lines_is_left_alone():
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (60, 40), np.uint8)).resize((800, 1200))
    for image in (noise, Image.new("L", (800, 1200), 240)):
        assert straightened(page_of(image, 100))[1] == 0.0


def test_no_ink_is_lost_at_the_edge():
    image = Image.new("L", (1300, 1600), 250)
    draw = ImageDraw.Draw(image)
    for y in range(0, 1600, 24):
        for x in range(0, 1300, 12):
            draw.rectangle((x, y, x + 8, y + 8), fill=20)
    skewed = page_of(image.rotate(5, Image.Resampling.BICUBIC).crop((240, 220, 1060, 1380)), 100)
    laid, degrees = straightened(skewed)
    assert degrees == pytest.approx(5.0, abs=0.3)
    assert laid.grey.shape[1] / laid.dpi > skewed.width / 100
    before = int((skewed.pixels < 128).sum())
    after = int((laid.grey < 128).sum()) / (laid.dpi / 100) ** 2
    assert after == pytest.approx(before, rel=0.03)


# --- flatten ----------------------------------------------------------------------------------------------------------


def test_shading_and_yellowing_go():
    page = drawn(6, skew_degrees=0.0)
    paper = page.pixels
    assert np.percentile(paper[:, :, 2], 90) - np.percentile(paper[:, :, 2], 30) > 6
    flat = flatten(page.pixels, page.dpi)
    for channel in range(3):
        assert abs(float(np.median(flat[:, :, channel])) - 250) < 6
        assert np.percentile(flat[:, :, channel], 15) > 235


def test_a_dark_picture_is_not_taken_for_paper():
    image = Image.new("L", (800, 1100), 240)
    ImageDraw.Draw(image).rectangle((200, 300, 600, 700), fill=90)
    flat = flatten(np.asarray(image), 100)
    assert flat[500, 400] < 180
    assert flat[50, 50] > 240


# --- encode -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dpi", [150, 200])
def test_letters_forms_and_receipts_become_stencils_at_300_dpi(kind, dpi):
    page = encoded(drawn(2, kind, dpi))
    assert (page.dpi, page.blank) == (300, False)
    assert all(layer.codec in (Codec.G4, Codec.JBIG2) for layer in page.layers)
    assert 1000 < page.bytes < (30_000 if jbig2.fast() else 45_000)


def test_black_print_and_blue_writing_become_two_stencils():
    page = encoded(drawn(2, "form", 200, skew_degrees=0.0))
    (black, blue) = page.layers
    assert black.ink == (0, 0, 0)
    assert blue.ink[2] > 100 > max(blue.ink[:2])
    shown = as_drawn(page, colour=True).astype(int)
    bluish = shown[:, :, 2] - shown[:, :, 0] > 60
    plain = Image.fromarray(drawn(2, "form", 200, skew_degrees=0.0).pixels)
    sheet = np.asarray(plain.resize(shown.shape[1::-1])).astype(int)
    wrote = sheet[:, :, 2] - sheet[:, :, 0] > 70
    assert bluish[wrote].mean() > 0.9
    assert bluish[~wrote].mean() < 0.02


def test_g4_is_used_alone_where_it_is_asked_for():
    page = encoded(drawn(2, "form", 200), g4_strict=True)
    assert page.encoding == Encoding.G4_PLANES
    assert {layer.codec for layer in page.layers} == {Codec.G4}


def test_a_photograph_on_a_letter_becomes_a_box_and_the_writing_stays_a_stencil():
    sheet = Image.fromarray(drawn(2, "letter", 200, skew_degrees=0.0).pixels)
    picture = np.stack([clouds(1), clouds(2), clouds(3)], axis=2)[:300, :400] * 200 + 20
    sheet.paste(Image.fromarray(picture.astype(np.uint8)), (600, 1700))
    page = encoded(page_of(sheet, 200))
    assert page.encoding in (Encoding.JBIG2_PLANES, Encoding.G4_PLANES)
    photograph = page.layers[0]
    assert photograph.codec == Codec.COLOUR_JPEG
    left, top, right, bottom = (edge * 200 / page.dpi for edge in photograph.place)
    assert left <= 600
    assert top <= 1700
    assert right >= 1000
    assert bottom >= 2000
    assert (right - left) * (bottom - top) < 2 * 300 * 400
    shown = as_drawn(page, colour=True)
    back = np.asarray(Image.fromarray(shown).resize(sheet.size))[1720:1980, 620:980].astype(int)
    assert np.abs(back - picture[20:280, 20:380]).mean() < 20
    assert page.bytes < 60_000


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_looks_like_what_was_there(kind):
    page = drawn(4, kind, 300, skew_degrees=0.0)
    original = flatten(np.asarray(Image.fromarray(page.pixels).convert("L")), 300)
    kept = as_drawn(encoded(page))[: original.shape[0], : original.shape[1]]
    original = original[: kept.shape[0], : kept.shape[1]]
    # One pixel of shift at the edge of a stroke is no loss: look at the neighbourhood.
    near = np.asarray(Image.fromarray(kept).reduce(3))
    truth = np.asarray(Image.fromarray(original).reduce(3))
    assert (near[truth < 90] < 200).mean() > 0.995
    assert (near[truth > 235] > 200).mean() > 0.998


def test_a_blank_sheet_is_flagged_and_kept():
    shade = np.add.outer(np.linspace(225, 245, 2300), np.linspace(-12, 0, 1600))
    noise = np.random.default_rng(1).normal(0, 4, (2300, 1600))
    page = encoded(Page((shade + noise).astype(np.uint8), 200))
    assert page.blank
    assert page.bytes < 2000


@pytest.mark.parametrize("text", ["i. A. Krüger", "."])
def test_a_sheet_with_one_word_is_not_blank(text):
    image = Image.new("L", (2480, 3508), 244)
    ImageDraw.Draw(image).ellipse((1200, 1700, 1245, 1745), fill=70)
    if len(text) > 1:
        ImageDraw.Draw(image).text((300, 300), text, fill=90, font_size=50)
    assert not encoded(page_of(image, 300)).blank


def test_faint_writing_is_not_lost():
    image = Image.new("L", (1654, 2339), 240)
    for row in range(20):
        ImageDraw.Draw(image).text((150, 200 + row * 80), "Miete kalt 480,00 Heizung 95,00", fill=196, font_size=44)
    noisy = np.asarray(image) + np.random.default_rng(2).normal(0, 3, (2339, 1654))
    page = Page(noisy.clip(0, 255).astype(np.uint8), 200)
    kept = as_drawn(encoded(page))
    truth = np.asarray(image.resize(kept.shape[::-1], Image.Resampling.BILINEAR))
    background = np.median(kept)
    assert (kept[truth < 200] < background - 25).mean() > 0.85


def clouds(seed) -> np.ndarray:
    """float [900, 700] from 0 to 1: light and shade at the scale of a photograph."""
    coarse = np.random.default_rng(seed).integers(0, 256, (30, 24), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((700, 900), Image.Resampling.BICUBIC)) / 255


def test_a_photograph_stays_a_photograph():
    grey = encoded(Page((clouds(1) * 200 + 20).astype(np.uint8), 150))
    assert grey.encoding == Encoding.GREY_JPEG
    in_colour = (np.stack([clouds(1), clouds(2), clouds(3)], axis=2) * 200 + 20).astype(np.uint8)
    page = encoded(Page(in_colour, 150))
    assert page.encoding == Encoding.COLOUR_JPEG
    with Image.open(io.BytesIO(page.layers[0].stream)) as picture:
        back = np.asarray(picture.resize((700, 900))).astype(int)
    assert np.abs(back - in_colour).mean() < 8


def test_coloured_paper_stays_coloured_and_yellowed_paper_does_not():
    sheet = drawn(2, skew_degrees=0.0).pixels.astype(np.float32)
    red, yellowed = sheet * [0.95, 0.4, 0.35], sheet * [1.0, 0.97, 0.8]
    assert encoded(Page(red.astype(np.uint8), 200)).encoding == Encoding.COLOUR_JPEG
    kept = encoded(Page(yellowed.astype(np.uint8), 200))
    assert all(layer.ink is not None for layer in kept.layers)


def test_a_coloured_marker_stays_and_the_writing_under_it_stays_sharp():
    sheet = Image.fromarray(drawn(2, dpi=150, skew_degrees=0.0).pixels)
    plain = np.asarray(sheet).astype(int)
    marked = np.asarray(sheet).copy()
    marked[600:660, 150:900, 2] //= 4
    page = encoded(Page(marked, 150))
    assert [layer.codec in (Codec.G4, Codec.JBIG2) for layer in page.layers][:2] == [False, True]
    shown = np.asarray(Image.fromarray(as_drawn(page, colour=True)).resize(sheet.size)).astype(int)
    assert (shown[605:655, 155:895, 0] - shown[605:655, 155:895, 2]).mean() > 90
    assert np.abs(shown[605:655, 950:1100, 0] - shown[605:655, 950:1100, 2]).mean() < 5
    inked = plain[605:655, 155:895].max(axis=2) < 90
    assert inked.any()
    assert (shown[605:655, 155:895].max(axis=2)[inked] < 120).mean() > 0.9
    assert page.bytes < 35_000


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (40, 40)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pages_of_odd_sizes_are_kept(size, mode):
    kept = encode.encode(straightened(page_of(Image.new(mode, size, 200 if mode == "L" else (200, 30, 30)), 300))[0])[0]
    assert (kept.width, kept.height) == size or kept.encoding not in ONE_BIT
    assert as_drawn(kept).size


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_a_real_page_keeps_its_ink(path):
    for page in source.pages(path):
        laid, _ = straightened(page)
        kept = encode.encode(laid)[0]
        assert kept.bytes < 600_000
        size = (400, round(400 * laid.grey.shape[0] / laid.grey.shape[1]))
        before = np.asarray(Image.fromarray(flatten(laid.grey, laid.dpi)).resize(size, Image.Resampling.BOX))
        after = np.asarray(Image.fromarray(as_drawn(kept)).resize(size, Image.Resampling.BOX))
        inked = before[10:-10, 10:-10] < 150
        assert np.count_nonzero(after[10:-10, 10:-10][inked] >= 235) <= 0.01 * np.count_nonzero(inked)


# --- PDF --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three_pages() -> list[Encoded]:
    in_colour = (np.stack([clouds(1), clouds(2), clouds(3)], axis=2) * 200 + 20).astype(np.uint8)
    shade = (clouds(4) * 200 + 20).astype(np.uint8)
    return [encoded(page) for page in (drawn(1), Page(in_colour, 150), Page(shade, 150))]


def test_the_pdf_opens_without_repair_and_holds_the_very_streams(three_pages):
    raw = b"".join(pdf.write(three_pages, AT))
    pymupdf.TOOLS.reset_mupdf_warnings()  # of files that other tests have opened
    with pymupdf.open(stream=raw, filetype="pdf") as document:
        assert not document.is_repaired
        assert [page.encoding for page in three_pages[1:]] == ["colour-jpeg", "grey-jpeg"]
        for sheet, page in zip(document, three_pages, strict=True):
            numbers = sorted(number for number, *_ in sheet.get_images())
            assert [document.xref_stream_raw(number) for number in numbers] == [layer.stream for layer in page.layers]
            assert sheet.rect.width == pytest.approx(page.width * 72 / page.dpi, abs=0.02)
            assert sheet.rect.height == pytest.approx(page.height * 72 / page.dpi, abs=0.02)
        assert document.xref_length() == 6 + sum(2 + len(page.layers) for page in three_pages)
    assert pymupdf.TOOLS.mupdf_warnings() == ""


def test_ink_is_black_and_paper_is_white(three_pages):
    shown = as_drawn(three_pages[0])
    assert 0.8 < (shown > 200).mean() < 0.995
    assert shown.min() == 0


def test_the_same_pages_give_the_same_bytes_and_the_size_is_known_before(three_pages):
    raw = b"".join(pdf.write(three_pages, AT))
    assert raw == b"".join(pdf.write(iter(three_pages), AT))
    assert pdf.size_and_digest(three_pages, AT) == (len(raw), hashlib.sha256(raw).digest())


def test_the_pdf_says_nothing_but_the_time_of_capture(three_pages):
    with pymupdf.open(stream=b"".join(pdf.write(three_pages, AT)), filetype="pdf") as document:
        said = {key: value for key, value in document.metadata.items() if value}
    assert said == {"format": "PDF 1.7", "producer": "Kabine", "creationDate": "D:20261121083000Z"}


def test_pages_are_taken_one_by_one(three_pages):
    asked = []

    def lazily():
        for number, page in enumerate(three_pages):
            asked.append(number)
            yield page

    pieces = pdf.write(lazily(), AT)
    seen = 0
    while seen < three_pages[0].bytes:
        seen += len(next(pieces))
    assert asked == [0]


@pytest.mark.parametrize(("dpi", "skew", "two_valued"), [(200, 0.0, True), (200, 0.0, False), (300, 1.5, False)])
def test_dust_makes_no_picture_of_a_page_and_costs_little(dpi, skew, two_valued):
    """Also where the page is enlarged or turned: behind that a lone pixel is a spot of four or nine, so it goes before, but for what lies so near
    to letters that it may be a piece of one."""
    clean = drawn(5, dpi=dpi, skew_degrees=skew)
    grey = np.array(Image.fromarray(clean.pixels).convert("L"))
    if two_valued:
        grey = np.where(grey < 128, 0, 255).astype(np.uint8)
    random = np.random.default_rng(5)
    dusty = grey.copy()
    # Lone pixels on a grid, a quarter of all that is dark. Three times as many count as a tone, and the page is a JPEG.
    places = (random.random((grey.shape[0] // 4, grey.shape[1] // 4)) < 0.1).repeat(4, 0).repeat(4, 1)
    places[np.arange(places.shape[0]) % 4 != 0] = False
    places[:, np.arange(places.shape[1]) % 4 != 0] = False
    dusty[: places.shape[0], : places.shape[1]][places] = 0
    plain, kept = (encode.encode(straightened(Page(each, dpi))[0])[0] for each in (grey, dusty))
    assert plain.encoding == kept.encoding
    assert kept.bytes < 1.2 * plain.bytes


@pytest.mark.parametrize("dpi", [150, 200, 300])
def test_what_is_small_but_printed_is_no_dust(dpi):
    """The dots of letters of 6 points, wherever they fall on the pixels."""
    font = ImageFont.load_default(6 / 72 * dpi * 8)
    large = Image.new("L", (1000 * 8, 60 * 8), 255)
    ImageDraw.Draw(large).text((163, 85), "i. j. ij.i: ;" * 6, fill=20, font=font)
    line = np.array(large.resize((1000, 60), Image.Resampling.BOX))
    seen = survey(Page(line, dpi))

    def spots(pixels):
        return cv2.connectedComponents((pixels < 210).astype(np.uint8))[0]

    assert spots(without_lone(line, dpi, seen.grey, seen.dpi)) == spots(line)


def test_a_halftone_is_no_dust():
    """Its dots are what it is made of."""
    dots = np.full((600, 600), 250, np.uint8)
    dots[::4, ::4] = 0
    seen = survey(Page(dots, 300))
    assert without_lone(dots, 300, seen.grey, seen.dpi) is dots
