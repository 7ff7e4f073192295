"""What a visitor is shown of a page."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from edge.capture import card, preview
from edge.capture.encoded import Encoded
from edge.capture.page import Page

DPI = 200


def side() -> Page:
    """Something of the size of a card."""
    across, down = (round(inches * DPI) for inches in card.CARD_INCHES)
    return Page(np.full((down, across, 3), (90, 140, 120), np.uint8), DPI)


def shown(page: Encoded) -> tuple[int, int]:
    """Width and height of the picture."""
    with Image.open(io.BytesIO(preview.jpeg(page, 1200))) as picture:
        return picture.size


def test_a_card_is_shown_without_the_sheet_that_it_is_handed_in_on() -> None:
    sheet = card.sheet([side()])
    width, height = shown(sheet)
    assert height > 1.4 * width, "as A4"
    close = preview.close(sheet)
    width, height = shown(close)
    assert 1.4 < width / height < 1.6, "as the card with a margin"
    [layer], [before] = close.layers, sheet.layers
    assert layer.stream == before.stream
    assert layer.place[0] == layer.place[1] == round(preview.MARGIN_INCHES * sheet.dpi)


def test_both_sides_are_shown_together() -> None:
    width, height = shown(preview.close(card.sheet([side(), side()])))
    assert 1.9 < height / width < 2.3


def test_an_empty_page_stays_as_it_is() -> None:
    sheet = card.sheet([])
    assert preview.close(sheet) is sheet
