"""Worn and photographed paper: from a seed, and with the whole sheet in the picture."""

import numpy as np
import pytest

from hardware.simulated import paper, wear

PAGE = paper.draw_page(1, 60)


def test_the_same_seed_wears_and_photographs_the_same():
    for make in (wear.wear, wear.photograph):
        one, again, other = (make(PAGE, seed).tobytes() for seed in (1, 1, 2))
        assert one == again
        assert one != other


def test_worn_paper_keeps_its_size_and_its_words_dark():
    worn = wear.wear(PAGE, 4)
    assert worn.size == PAGE.size
    assert np.asarray(worn.convert("L")).min() < 90


@pytest.mark.parametrize("seed", range(6))
def test_the_whole_sheet_lies_on_the_table(seed):
    grey = np.asarray(wear.photograph(PAGE, seed, (600, 800)).convert("L")).astype(float)
    border = np.concatenate((grey[:4].ravel(), grey[-4:].ravel(), grey[:, :4].ravel(), grey[:, -4:].ravel()))
    assert border.max() < 90
    assert 0.4 < (grey > 120).mean() < 0.8
