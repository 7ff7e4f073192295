"""Pages are worked on apart from where they are kept: whatever hangs there is given up, and what was finished before stays."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.capture import apart, pipeline
from edge.capture.page import Page
from edge.capture.pipeline import Taken
from edge.capture.readers import Unheard
from protocol.errors import Code, Refused
from tests.journeys.kiosk import children

PATIENCE_SECONDS = 240.0  # a busy machine is no page that hangs


@pytest.fixture(scope="module")
def page() -> Taken:
    return next(pipeline.take([Page(np.full((700, 500), 230, np.uint8), 60.0)]))


def test_a_page_comes_over_as_it_was_made(page: Taken) -> None:
    with apart.done([page, page], "a.jpg", PATIENCE_SECONDS) as pages:
        assert list(pages) == [page, page]


def test_a_page_that_hangs_is_given_up_and_the_one_before_it_stays(page: Taken) -> None:
    def hanging() -> Iterator[Taken]:
        yield page
        signal.pause()

    with apart.done(hanging(), "a.jpg", 2.0) as pages:
        [process] = children(os.getpid())
        assert next(pages) == page
        with pytest.raises(Refused, match=r"A page of “a.jpg” could not be worked on within 2 seconds") as refused:
            next(pages)
    assert refused.value.code is Code.BAD_FILE
    assert not Path(f"/proc/{process}").exists()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Refused(Code.BAD_FILE, "No.", "Do so."), "No"),
        (MemoryError(), "A page of “a.jpg” is too large to be worked on"),
        (ZeroDivisionError(), "A page of “a.jpg” could not be worked on: the program that does it ended"),
    ],
)
def test_what_goes_wrong_with_a_page_is_told_in_words(error: BaseException, expected: str) -> None:
    def failing() -> Iterator[Taken]:
        raise error
        yield

    with pytest.raises(Refused, match=expected), apart.done(failing(), "a.jpg", PATIENCE_SECONDS) as pages:
        list(pages)


def test_that_a_reader_was_too_slow_is_told_to_whoever_can_end_it() -> None:
    def waiting() -> Iterator[Taken]:
        raise Unheard("b.pdf", 20.0)
        yield

    with pytest.raises(Unheard) as unheard, apart.done(waiting(), "a.jpg", PATIENCE_SECONDS) as pages:
        list(pages)
    assert (unheard.value.name, unheard.value.within) == ("b.pdf", 20.0)
