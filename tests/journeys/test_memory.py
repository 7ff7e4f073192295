"""A thick document and a heavy one pass, and no process grows with them."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import pymupdf

from edge.orders import Accepted, SealedUp
from protocol.limits import DOCUMENT_PAGES_MAX
from tests.journeys.kiosk import children
from tests.journeys.stage import AGENCY, Stage
from tests.journeys.waiting import until

GROWTH_BYTES_MAX = 150 * 1000 * 1000
# The largest that is let in has 100: KABINE_HEAVY_MEGABYTES=97 takes a minute or two.
HEAVY_MEGABYTES = int(os.environ.get("KABINE_HEAVY_MEGABYTES", "10"))


def test_three_hundred_pages_pass(town: Stage) -> None:
    thick: Any = pymupdf.open()
    for number in range(DOCUMENT_PAGES_MAX):
        thick.new_page(width=298, height=420).insert_image((0, 0, 298, 420), filename=str(town.page(number % 3)))
    thick.save(town.papers / "thick.pdf")
    receipt, figures = passed(town, [town.papers / "thick.pdf"])
    with pymupdf.open(town.opened()[receipt]) as pdf:
        assert pdf.page_count == DOCUMENT_PAGES_MAX
    judged(figures)


def test_a_heavy_document_passes(town: Stage) -> None:
    sheets = [town.photograph(seed, 1240, 1754, 128) for seed in range(3)]
    told = town.submit("templin", sheets[0], agency=AGENCY)
    [page_bytes] = [each.pdf_bytes for each in told if isinstance(each, SealedUp)]
    pages = round(HEAVY_MEGABYTES * 1_000_000 / page_bytes)
    town.drained("templin")
    receipt, figures = passed(town, list(itertools.islice(itertools.cycle(sheets), pages)))
    assert town.opened()[receipt].stat().st_size > 0.95 * HEAVY_MEGABYTES * 1_000_000
    judged(figures)


def passed(stage: Stage, paths: list[Path]) -> tuple[str, dict[str, int]]:
    """From paper to inbox; by how many bytes each process grew at its peak over what it held at rest."""
    if f"inbox-{AGENCY}" not in stage.house.processes:
        stage.follow()
    cabin = stage.house.processes["cabin-templin"].pid
    [worker] = until(lambda: len(found := children(cabin)) == 1 and found, "the cabin has one worker")
    processes = {"cabin": cabin, "worker": worker, "hub": stage.house.processes["hub"].pid}
    processes["connector"] = stage.house.processes[f"inbox-{AGENCY}"].pid
    until(lambda: all(report["state"] == "accepted" for report in stage.reports))
    before = {name: held(process, "VmRSS") for name, process in processes.items()}
    told = stage.submit("templin", *paths)
    [receipt] = [each.receipt for each in told if isinstance(each, Accepted)]
    until(lambda: stage.state("templin", receipt) == "accepted", "the agency has it", 200.0)
    return receipt, {name: held(process, "VmHWM") - before[name] for name, process in processes.items()}


def judged(figures: dict[str, int]) -> None:
    print({name: f"{growth / 1e6:.0f} MB" for name, growth in figures.items()})
    assert not {name: growth for name, growth in figures.items() if growth >= GROWTH_BYTES_MAX}


def held(process: int, what: str) -> int:
    """Bytes of memory, as the kernel counts them."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(what))
