"""Lives side by side find what they find one after the other."""

from __future__ import annotations

import pytest

from tools.torture import rot
from tools.torture.lives import Life, tortured
from tools.torture.report import Report


def test_neither_order_nor_number_of_processes_changes_what_is_found() -> None:
    found = [tortured(Report("rot", 1, asked=8), rot._play, 4, jobs) for jobs in (1, 2)]
    assert found[0].counts == found[1].counts
    assert [report.rounds for report in found] == [8, 8]
    assert found[0].counts["lives"] == 2


def test_a_planted_fault_that_was_caught_ends_it_and_what_broke_is_named_once() -> None:
    played: list[str] = []

    def play(life: Life) -> Report:
        played.append(life.name)
        report = Report("rot", life.seed, life.plant, life.rounds, rounds=life.rounds)
        if life.number:
            report.broke("A document is gone for bit 7")
            report.broke("A document is gone for bit 8")
        return report

    report = tortured(Report("rot", 3, "no-row-seals", asked=10), play, 2, 1)
    assert played == ["3.0", "3.1"]
    assert (report.rounds, report.violations, report.broken) == (4, 2, ["A document is gone for bit 7"])


def test_a_life_with_less_to_try_is_followed_by_another() -> None:
    report = tortured(
        Report("power", 1, asked=10), lambda life: Report("power", life.seed, rounds=max(1, life.rounds // 2)), 100, 1
    )
    assert report.rounds == pytest.approx(10)
