"""A node's log, and disks and readers that take no more of it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from protocol.errors import Unavailable
from protocol.runtime import logs
from tests.edge.disks import full, small_disk

DISK_KIB = 512


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def said(path: Path) -> list[str]:
    return [json.loads(line)["event"] for line in path.read_text().splitlines()]


def test_a_line_stands_in_the_file_with_the_fields_of_all(tmp_path: Path) -> None:
    with logs.written_to(tmp_path / "log", site="templin"):
        structlog.get_logger().info("hub.ready", address="tcp://127.0.0.1:7400")
    [line] = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert line.items() >= {"event": "hub.ready", "address": "tcp://127.0.0.1:7400", "site": "templin"}.items()
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_where_it_cannot_be_made_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="log"):
        logs.to_file(tmp_path / "not there" / "log")


def test_on_a_full_disk_nobody_fails_for_it_and_later_lines_are_whole(tmp_path: Path) -> None:
    with small_disk(tmp_path, DISK_KIB) as disk, logs.written_to(disk / "log"):
        log = structlog.get_logger()
        log.info("before")
        with full(disk):
            for _ in range(100):  # what is left of the last block, and then nothing
                log.info("meanwhile", padding="x" * 997)
        log.info("after")
        *_, cut, after = (disk / "log").read_text().splitlines()
        assert said_in(after) == "after"
        assert not cut.endswith("}"), "the disk was full in the middle of a line"


def said_in(line: str) -> object:
    return json.loads(line)["event"]


def test_nobody_fails_where_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", 1) as nobody, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", nobody)
        logs.to_file(None)
        structlog.get_logger().info("hub.ready")
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)  # what it held back goes there when it is closed


def test_it_begins_anew_while_its_node_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LOG_BYTES_MAX", 2000)
    with logs.written_to(tmp_path / "log"):
        for number in range(100):
            structlog.get_logger().info(f"line {number}")
    assert (tmp_path / "log").stat().st_size < 2200
    assert (tmp_path / "log.1").stat().st_size < 2200
    assert sorted(os.listdir(tmp_path)) == ["log", "log.1"]
    last = said(tmp_path / "log.1") + said(tmp_path / "log")
    assert last == [f"line {number}" for number in range(100 - len(last), 100)]
