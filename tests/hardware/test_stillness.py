"""What counts as lying still, and which picture is the sharpest."""

import cv2
import numpy as np

from hardware.camera import Sign
from hardware.simulated import paper, wear
from hardware.stillness import CALM_PICTURES, Stillness, sharpness

SIZE = (480, 640)
TABLE = wear.table(3, SIZE)
SHEET = np.asarray(wear.photograph(paper.draw_page(3, 60), 3, SIZE))


def noisy(picture, seed, brighter=0):
    noise = np.random.default_rng(seed).normal(brighter, 4, picture.shape[:2])
    return np.clip(picture + noise[:, :, None], 0, 255).astype(np.uint8)


def test_a_sheet_is_still_after_some_calm_pictures_in_spite_of_noise_and_of_light_that_changes():
    eye = Stillness()
    signs = [eye.see(noisy(SHEET, seed, brighter=seed * 3)) for seed in range(CALM_PICTURES + 4)]
    assert signs == [Sign.MOVING] * CALM_PICTURES + [Sign.STILL] * 4


def test_what_was_taken_stays_taken_until_something_moves():
    eye = Stillness()
    for seed in range(CALM_PICTURES + 1):
        eye.see(noisy(SHEET, seed))
    eye.taken()
    assert eye.see(noisy(SHEET, 90)) is Sign.TAKEN
    moved = np.roll(SHEET, 40, axis=1)
    assert eye.see(moved) is Sign.MOVING
    assert [eye.see(noisy(moved, seed)) for seed in range(CALM_PICTURES)][-1] is Sign.STILL


def test_a_table_is_empty_at_any_light_and_an_identity_card_is_not():
    for brighter in (-30, 0, 40):
        assert Stillness().see(noisy(TABLE, 1, brighter)) is Sign.EMPTY
    card = TABLE.copy()
    card[300:390, 200:322] = 190  # 3.6 % of the table
    assert Stillness().see(card) is Sign.MOVING


def test_blur_costs_sharpness():
    blurred = [sharpness(cv2.GaussianBlur(SHEET, (0, 0), sigma)) for sigma in (0.5, 1.0, 2.0, 4.0)]
    assert blurred == sorted(blurred, reverse=True)
    assert sharpness(SHEET) > blurred[0]
