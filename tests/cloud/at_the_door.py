"""A hub whose wire is a list: what waits on it is heard, what the hub says is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from cloud.admission import Admission
from cloud.counter import Counter
from cloud.hub import Hub
from protocol import frames
from protocol.frames import Frame
from protocol.keys import CurvePair
from protocol.runtime.wires import Message
from tests.cloud.conftest import Town


class Wire:
    """Gives what waits on it, and keeps what the hub says, and on which route."""

    def __init__(self) -> None:
        self.waiting: deque[Message] = deque()
        self.said: list[tuple[bytes, Frame | frames.Unknown]] = []
        self.full = False  # it takes no more

    def comes(self, user: str, frame: Frame, route: bytes = b"route") -> None:
        self.waiting.append(Message(route, user, memoryview(frames.encode(frame)), memoryview(b""), 1))

    def wait(self, seconds: float) -> bool:
        return bool(self.waiting)

    def receive(self, messages_max: int, bytes_max: int) -> Iterator[Message]:
        while self.waiting:
            yield self.waiting.popleft()

    def say(self, route: bytes, first: bytes, data: bytes | memoryview | None = None) -> bool:
        if not self.full:
            self.said.append((route, frames.decode(first, 1 if data is None else 2)))
        return not self.full


def hub_of(
    town: Town,
    wire: Wire,
    admission: Admission,
    clock: Callable[[], float],
    *,
    changed: Callable[[], bool] = lambda: False,
    refresh: Callable[[], None] = lambda: None,
    rest: Callable[[float], None] = lambda seconds: None,
) -> Hub:
    return Hub(
        wire,
        town.ledger,
        admission,
        Counter(town.ledger, CurvePair(bytes(32)), lambda: town.now, refresh),
        boot=b"boot",
        software="kabine 0.1.0",
        disk_free_bytes_min=0,
        retention_days=14.0,
        clock=clock,
        utc=lambda: town.now,
        changed=changed,
        refresh=refresh,
        rest=rest,
        free_bytes=lambda: 1,
        balance=lambda: None,
    )
