"""The scanner behind its thread: a device that hangs holds up itself, and nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import feed as feed_file
from edge.feed import Feed
from hardware.devices.folder_scanner import FolderScanner
from hardware.scanner import Scan, ScannerState


class Hanging:
    """A device that keeps the first sheet until it is `mended`; then each batch is one sheet."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.mended = threading.Event()
        self.closed = 0

    def state(self) -> ScannerState:
        return ScannerState.READY

    def scan(self) -> Iterator[Scan]:
        self.begun.set()
        self.mended.wait()
        batch = self._batch()
        next(batch)  # as drivers do: a generator that was never begun would not end either
        return batch

    def close(self) -> None:
        """Nothing to let go of."""

    def _batch(self) -> Iterator[Scan]:
        try:
            yield Scan("", b"")
            yield Scan("sheet.jpg", b"sheet")
        finally:
            self.closed += 1


def test_a_device_that_hangs_is_busy_for_the_next_visitor_and_works_again_when_it_is_mended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_file, "STATE_SECONDS", 0.1)
    device = Hanging()
    feed = Feed(device)

    async def play() -> list[Scan]:
        leaving = asyncio.create_task(anext(feed.scans()))
        await asyncio.to_thread(device.begun.wait)
        leaving.cancel()  # the visitor walks out
        assert await feed.state() is ScannerState.BUSY
        device.mended.set()
        scans = [scan async for scan in feed.scans()]
        while await feed.state() is not ScannerState.READY:
            pass  # on a slow machine it is busy a little longer
        return scans

    try:
        assert asyncio.run(play()) == [Scan("sheet.jpg", b"sheet")]
        assert device.closed == 2, "the batch of the visitor who left is let go of too"
    finally:
        device.mended.set()
        feed.close()


def test_what_a_visitor_leaves_in_a_drop_folder_is_gone_before_the_next_one_is_asked_for_paper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_file, "STATE_SECONDS", 240.0)  # a busy machine is no scanner that hangs
    feed = Feed(FolderScanner(tmp_path, settle_seconds=0.0))
    (tmp_path / "left.png").write_bytes(b"IEND\xaeB`\x82")

    async def play() -> None:
        assert await feed.state() is ScannerState.READY
        await feed.clear()
        assert await feed.state() is ScannerState.NO_PAPER

    try:
        asyncio.run(play())
    finally:
        feed.close()
    assert list(tmp_path.iterdir()) == []
