"""What is typed behind `kabine demo`."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from tools.demo import demo


@pytest.mark.parametrize(
    ("typed", "files"),
    [
        ("--scan a b --scan c d", "a b c d"),
        ("a --scan b --agency vermittlung c --scan=d", "a b c d"),
        ("--scan -a -- -b --scan", "-a -b --scan"),
    ],
)
def test_pages_lie_in_the_order_in_which_they_were_typed(typed: str, files: str) -> None:
    found = demo.make_context("demo", typed.split()).params
    assert [*found["scans"], *found["more_scans"]] == [Path(file) for file in files.split()]


def test_an_option_without_its_file_is_told() -> None:
    with pytest.raises(click.UsageError, match="requires an argument"):
        demo.make_context("demo", ["--scan"])
