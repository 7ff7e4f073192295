"""Lines of writing say which way up they lie where letters hang together and cannot."""

from random import Random

import cv2
import numpy as np
import pymupdf
import pytest

from edge.capture import lines, turn
from edge.capture.page import Page
from edge.capture.survey import survey
from hardware.simulated import wording

DPI = 150
POINTS = 15


def written(seed: int, *, hung: bool = False, joined: bool = True, count: int = 22) -> np.ndarray:
    """A page of so many lines in italics, the letters of each word `joined` at their feet, or `hung`: at their heads, by one straight stroke."""
    random, document = Random(seed), pymupdf.open()
    sheet, font = document.new_page(width=595, height=842), pymupdf.Font("tiit")
    for number in range(count):
        x, y = 60.0, 90 + 2.1 * POINTS * number
        for word in wording.sentence(random).split()[:8]:
            wide = font.text_length(word, POINTS)
            sheet.insert_text((x, y), word, fontname="tiit", fontsize=POINTS)
            steps = np.arange(x, x + wide, 0.2 * POINTS)
            feet = [(float(at), y - 0.25 * POINTS * (number % 2)) for number, at in enumerate(steps)]
            heads = [(x, y - 0.45 * POINTS), (x + wide, y - 0.45 * POINTS)]
            if joined:
                sheet.draw_polyline(heads if hung else feet, width=1.1)
            x += wide + 0.5 * POINTS
    seen = sheet.get_pixmap(dpi=DPI, colorspace=pymupdf.csGRAY, alpha=False)
    return np.frombuffer(seen.samples, np.uint8).reshape(seen.height, seen.width)


def turned(plain: np.ndarray, quarters: int) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(plain, quarters))


def measured(plain: np.ndarray) -> turn.Turn:
    return turn.measure(survey(Page(plain, DPI)))


@pytest.mark.parametrize("seed", range(3))
def test_joined_letters_that_stand_upright_are_left_without_a_question(seed):
    assert measured(written(seed)) == turn.Turn(0, sure=True)


@pytest.mark.parametrize("seed", range(3))
def test_joined_letters_on_their_head_are_never_taken_for_upright(seed):
    upside_down = turned(written(seed), 2)
    assert lines.standing(upside_down, DPI) < -turn.STANDING
    assert measured(upside_down) != turn.Turn(0, sure=True)


def with_letters_on_their_head(seed: int, of_ten: int) -> np.ndarray:
    """Lines that stand upright, in which so many of ten letters are turned where they are, as some handwriting looks to the network."""
    plain = written(seed, joined=False).copy()
    _, _, stats, _ = cv2.connectedComponentsWithStats((plain < 150).astype(np.uint8))
    for number, (x, y, across, down, _) in enumerate(stats[1:].tolist()):
        if number % 10 < of_ten and 5 <= max(across, down) <= 48:
            letter = plain[y : y + down, x : x + across]
            letter[:] = letter[::-1, ::-1].copy()
    return plain


@pytest.mark.parametrize("seed", range(3))
def test_lines_that_stand_are_not_turned_because_most_letters_look_as_on_their_head(seed):
    plain = with_letters_on_their_head(seed, 8)
    assert measured(plain) != turn.Turn(180, sure=True)
    assert measured(turned(plain, 2)) != turn.Turn(0, sure=True)


@pytest.mark.parametrize("quarters", [1, 3])
def test_lines_that_stand_on_their_side_say_nothing(quarters):
    sideways = turned(written(1), quarters)
    assert abs(lines.standing(sideways, DPI)) < turn.STANDING


def test_lines_that_hang_from_a_stroke_say_nothing():
    hung = written(1, hung=True)
    assert lines.standing(hung, DPI) == lines.standing(turned(hung, 2), DPI) == 0


def test_a_few_words_say_nothing():
    assert lines.standing(written(1, count=1), DPI) == 0
