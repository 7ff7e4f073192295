"""An uplink that cannot go on ends its process in words: nobody is left with a cabin that looks well and delivers nothing."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import pytest

from edge.uplink import Uplink
from protocol.errors import Mistake, Trouble, Unavailable
from protocol.frames import Vitals
from protocol.keys import CurvePair
from tests.edge.cabin import SITE, Cabin
from tests.edge.disks import nothing_can_be_opened
from tests.edge.house import NO_PORT

PATIENCE_SECONDS = 60.0
_KEYS = CurvePair.generate(os.urandom)


@contextmanager
def uplink(path: Path, chance: Callable[[], float]) -> Iterator[tuple[Uplink, queue.Queue[Trouble]]]:
    troubles: queue.Queue[Trouble] = queue.Queue()
    buffer = Cabin(path).open()
    made = Uplink(
        buffer,
        site=SITE,
        address=NO_PORT,
        hub_key=_KEYS.public,
        own=_KEYS,
        boot=bytes(16),
        software="kabine test",
        clock=monotonic,
        utc=lambda: datetime.now(UTC),
        chance=chance,
        vitals=Vitals,
        on_news=lambda news: None,
        on_trouble=troubles.put,
    )
    try:
        yield made, troubles
    finally:
        made.stop()
        buffer.close()


def test_without_a_descriptor_left_it_says_so_and_its_process_is_to_end(tmp_path: Path) -> None:
    with uplink(tmp_path, lambda: 0.5) as (templin, troubles):
        with nothing_can_be_opened():
            templin.start()
            told = troubles.get(timeout=PATIENCE_SECONDS)
        assert isinstance(told, Unavailable)
        assert "LimitNOFILE" in told.remedy
        assert "open files" in templin.status().reason


def test_a_mistake_of_ours_ends_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> float:
        raise ZeroDivisionError("a mistake")

    with uplink(tmp_path, broken) as (templin, troubles):
        templin.start()
        told = troubles.get(timeout=PATIENCE_SECONDS)
        assert isinstance(told, Mistake)
        assert "a mistake" in templin.status().reason
    assert "uplink.broken" in capsys.readouterr().out, "whoever looks for it finds where it broke"
