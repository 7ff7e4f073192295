"""Letters say which way up a page lies; where they do not agree somebody is asked."""

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.capture import pipeline, turn
from edge.capture.page import Page
from edge.capture.survey import survey
from hardware.simulated.paper import draw_page, draw_sheet


@pytest.mark.parametrize("kind", ["letter", "form", "receipt"])
@pytest.mark.parametrize("seed", range(3))
def test_print_is_stood_up_whichever_way_it_lies(kind, seed):
    upright = np.asarray(draw_page(seed, 120, kind))
    for quarters in range(4):
        lying = Page(np.ascontiguousarray(np.rot90(upright, quarters)), 120)
        assert turn.measure(survey(lying)) == turn.Turn((360 - 90 * quarters) % 360, sure=True)


@pytest.mark.parametrize("askew_degrees", [-20, 14, 22])
@pytest.mark.parametrize("turned_degrees", [0, 180])
def test_a_slip_that_lies_far_askew_is_stood_up_too(askew_degrees, turned_degrees):
    glass = Image.new("L", (1240, 1754), 250)
    slip = draw_sheet(3, 120, "letter", skew_degrees=0.0).image.convert("L").crop((60, 60, 940, 900))
    lying = slip.rotate(askew_degrees - turned_degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=250)
    glass.paste(lying, (40, 120))
    (taken,) = pipeline.take([Page(np.asarray(glass), 150)])
    assert taken.turned_degrees == turned_degrees
    assert taken.skew_degrees == pytest.approx(askew_degrees, abs=0.3)


@pytest.mark.parametrize("quarters", range(4))
def test_print_that_is_lighter_than_its_ground_is_stood_up_too(quarters):
    light = 255 - np.asarray(draw_page(1, 120, "letter"))
    lying = Page(np.ascontiguousarray(np.rot90(light, quarters)), 120)
    assert turn.measure(survey(lying)) == turn.Turn((360 - 90 * quarters) % 360, sure=True)


def test_a_page_of_which_only_a_little_more_stands_on_its_head_is_not_turned_without_asking():
    """Flowing handwriting agrees no better than that, and on the wrong way too."""
    upright = np.asarray(draw_page(0, 120, "letter"))
    rows = round(0.46 * upright.shape[0])
    plain = np.vstack((upright[:rows], np.rot90(upright, 2)[rows:]))
    assert turn.measure(survey(Page(plain, 120))) == turn.Turn(180, sure=False)


def test_spots_are_no_letters_and_nobody_is_told_that_they_are_sure():
    noise = np.random.default_rng(1).normal(0, 1, (1754, 1240)).astype(np.float32)
    plain = np.where(cv2.GaussianBlur(noise, (0, 0), 4) > 0.12, 30, 240).astype(np.uint8)
    assert len(turn.letters(plain, 150)) > 100
    assert not turn.measure(survey(Page(plain, 150))).sure


def test_a_page_with_hardly_any_print_stays_as_it_lies():
    assert turn.measure(survey(Page(np.full((1754, 1240), 240, np.uint8), 150))) == turn.Turn(0, sure=True)


def test_a_letter_is_looked_at_from_its_very_middle():
    """Half a pixel off would give away how it lay when it was cut out."""
    plain = np.full((200, 200), 240, np.uint8)
    plain[50:77, 60:71] = 20
    plain[55:72, 63:68] = 240
    (picture,) = turn.letters(plain, 150)
    assert np.allclose(picture, picture[::-1, ::-1])
