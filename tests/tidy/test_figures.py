"""The figures of DESIGN.md show the tables of the code: every way from one state into another, and no way that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from cloud import enrolment_table
from protocol import link
from protocol.frames import Unknown

DESIGN = (Path(__file__).parents[2] / "DESIGN.md").read_text()
Rows = dict[tuple[str, str], str]


def drawn(number: int) -> Rows:
    """The rows of the n-th figure; `[*]` begins and ends."""
    figure = re.findall(r"```mermaid\n(.*?)```", DESIGN, re.DOTALL)[number]
    arrows = re.findall(r"^ +(\S+) --> (\S+?)(?:: ([^(\n]*).*)?$", figure, re.MULTILINE)
    return {(before, event.strip()): after for before, after, events in arrows for event in events.split(",") if event}


def test_a_link() -> None:
    names = {link.NEW: "[*]"}
    heard = {
        (names.get(before, before), kind.__name__): after
        for (before, kind), after in link.TABLE.items()
        if kind is not Unknown  # may be said at any time
    }
    lost = {(state, "Lost"): link.DOWN for state in (link.GREETING, link.UP)}  # the owner's word, and no frame
    assert drawn(0) == heard | lost


def test_a_cabin_at_the_hub() -> None:
    figure = drawn(1)
    table = {(str(before), str(event)): str(after) for (before, event), after in enrolment_table.TABLE.items()}
    assert figure.items() <= table.items()
    assert figure == {row: after for row, after in table.items() if row[0] != after}
