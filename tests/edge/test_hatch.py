from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge import orders
from edge.board import WATCHER_BACKLOG_MAX, Board
from edge.hatch import NAME, Gone, Hatch, Tell, bind, reach
from edge.knock import knock
from edge.orders import (
    Accepted,
    DocumentMoved,
    DocumentStatus,
    Failed,
    Request,
    Secured,
    ShowStatus,
    Submit,
    Told,
    Watch,
)
from protocol.errors import Code, Mistake, Refused, Trouble, Unavailable

PATIENCE_SECONDS = 240  # of a machine that has much else to do
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ACCEPTED = Accepted("ab", "7K2-418", ("Amsel", "Birke", "Dach"), "sozialamt", connected=False, seconds=0.1)


def row(state: str, receipt: str = "7K2-418") -> DocumentStatus:
    return DocumentStatus(receipt, "sozialamt", state, 1000, NOON, NOON)


async def _knock(folder: Path, request: Request) -> list[Told]:
    def listen() -> list[Told]:
        told = knock(folder, request, PATIENCE_SECONDS)
        assert told is not None
        return list(told)

    return await asyncio.to_thread(listen)


def test_what_is_told_reaches_the_asker_in_order(tmp_path: Path) -> None:
    asked = []

    async def answer(request: Request, tell: Tell, _: Gone) -> None:
        asked.append(request)
        await tell(ACCEPTED)
        await tell(Secured("7K2-418", 0.2))

    async def journey() -> list[Told]:
        async with Hatch(tmp_path, answer).open():
            assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
            return await _knock(tmp_path, Submit("sozialamt", paths=("/x/äöü.pdf",)))

    assert asyncio.run(journey()) == [ACCEPTED, Secured("7K2-418", 0.2)]
    assert asked == [Submit("sozialamt", paths=("/x/äöü.pdf",))]
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize(
    "trouble",
    [Refused(Code.UNKNOWN_AGENCY, "What.", "Do."), Unavailable("What.", "Do."), Mistake("What.", "Do.")],
)
def test_trouble_passes_through_the_hatch_as_it_is(trouble: Trouble, tmp_path: Path) -> None:
    async def answer(request: Request, tell: Tell, gone: Gone) -> None:
        raise trouble

    async def journey() -> list[Told]:
        async with Hatch(tmp_path, answer).open():
            return await _knock(tmp_path, ShowStatus())

    with pytest.raises(type(trouble)) as caught:
        asyncio.run(journey())
    assert (caught.value.what, caught.value.remedy) == ("What.", "Do.")
    assert getattr(caught.value, "code", None) == getattr(trouble, "code", None)


def test_a_bug_tells_no_details_to_the_asker(tmp_path: Path) -> None:
    async def answer(request: Request, tell: Tell, gone: Gone) -> None:
        raise RuntimeError("Erika Mustermann")

    async def journey() -> list[Told]:
        async with Hatch(tmp_path, answer).open():
            return await _knock(tmp_path, ShowStatus())

    with pytest.raises(Mistake, match="inside the cabin"):
        asyncio.run(journey())


@pytest.mark.parametrize(
    "raw",
    [
        b"\n",
        b"{}\n",
        b'{"request":"submit","colour":"red"}\n',
        b'{"request":"dance"}\n',
        b"half a li",
        b"x" * 1_100_000,
    ],
)
def test_what_is_no_request_is_refused(raw: bytes, tmp_path: Path) -> None:
    async def answer(request: Request, tell: Tell, gone: Gone) -> None:
        raise AssertionError

    def ask() -> Told:
        guest = reach(tmp_path, PATIENCE_SECONDS)
        assert guest is not None
        with guest, guest.makefile("rb") as lines:
            with contextlib.suppress(ConnectionError):  # who says too much may be hung up on in the middle of it
                guest.sendall(raw)
                if not raw.endswith(b"\n"):
                    guest.shutdown(socket.SHUT_WR)
            return orders.told(lines.readline())

    async def journey() -> Told:
        async with Hatch(tmp_path, answer).open():
            return await asyncio.to_thread(ask)

    told = asyncio.run(journey())
    assert isinstance(told, Failed)
    assert told.code in ("malformed", "too-large")


def test_too_many_files_are_refused() -> None:
    with pytest.raises(Refused, match="301 files"):
        orders.request(orders.line(Submit("a", paths=("/x",) * 301)))


def test_who_hangs_up_is_noticed(tmp_path: Path) -> None:
    gone_at_last = asyncio.Event()

    async def answer(request: Request, tell: Tell, gone: Gone) -> None:
        await tell(ACCEPTED)
        await gone.wait()
        gone_at_last.set()

    def ask_and_leave() -> None:
        told = knock(tmp_path, Watch(), PATIENCE_SECONDS)
        assert told is not None
        assert next(told) == ACCEPTED
        told.close()  # type: ignore[attr-defined]

    async def journey() -> None:
        async with Hatch(tmp_path, answer).open(), asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.to_thread(ask_and_leave)
            await gone_at_last.wait()

    asyncio.run(journey())


def test_closing_ends_what_is_under_way(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def answer(request: Request, tell: Tell, gone: Gone) -> None:
        await tell(ACCEPTED)
        begun.set()
        await asyncio.Event().wait()

    async def journey() -> list[Told]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async with Hatch(tmp_path, answer).open():
                listening = asyncio.create_task(_knock(tmp_path, Watch()))
                await begun.wait()
            return await listening

    assert asyncio.run(journey()) == [ACCEPTED]


def test_nobody_is_at_home(tmp_path: Path) -> None:
    assert knock(tmp_path, ShowStatus()) is None
    bind(tmp_path).close()  # what a killed node leaves
    assert knock(tmp_path, ShowStatus()) is None


def test_a_node_that_was_killed_leaves_no_door_in_the_way(tmp_path: Path) -> None:
    bind(tmp_path).close()
    with closing(bind(tmp_path)) as door:
        door.listen()
        guest = reach(tmp_path)
        assert guest is not None
        guest.close()


def test_a_path_longer_than_a_unix_address(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 120) / ("b" * 120)
    deep.mkdir(parents=True)
    with closing(bind(deep)) as door:
        door.listen()
        guest = reach(deep)
        assert guest is not None
        guest.close()


def test_a_folder_that_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be opened"):
        bind(tmp_path / "gone")
    assert os.listdir(tmp_path) == []


def test_the_board_tells_new_states_once() -> None:
    states: Iterator[list[DocumentStatus]] = iter([[], [row("waiting")], [row("waiting")], [row("secured")]])

    async def journey() -> list[Told]:
        board = Board(lambda: next(states))
        board.compare()  # nobody watches: nothing is asked
        watch = board.watch()
        board.compare()
        board.compare()
        board.compare()
        board.tell(ACCEPTED)
        return [await anext(watch), await anext(watch), await anext(watch)]

    assert asyncio.run(journey()) == [DocumentMoved(row("waiting")), DocumentMoved(row("secured")), ACCEPTED]


def test_a_watcher_that_sleeps_is_let_go() -> None:
    async def journey() -> int:
        board = Board(list)
        watch = board.watch()
        for _ in range(WATCHER_BACKLOG_MAX + 10):
            board.tell(ACCEPTED)
        return len([told async for told in watch])

    assert asyncio.run(journey()) == WATCHER_BACKLOG_MAX
