"""Reach the hub: several attempts may be under way at a time, and the first that stands is taken.

Whoever calls over a dead line is told nothing, and the kernel tries again after one second, then two, then four: a line that comes back would be
noticed late. So another call is made while the first has not been answered; the first is left alone, for a line may be so long that no younger one
would ever be answered either. Where the hub's name has several addresses, each is called in turn, shortly after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from protocol import limits
from protocol.runtime import wires
from protocol.runtime.backoff import Backoff
from protocol.runtime.names import Name
from protocol.runtime.wires import Dialler

_UNDER_WAY_MAX: Final = 3
_NEXT_SECONDS: Final = 0.25  # an address that leads somewhere has said so by then, as a rule (RFC 8305)


class Reach:
    """`turn` whenever something happened or `deadline` has passed, until `standing`. `failed(why)` is told of every attempt that came to nothing."""

    def __init__(
        self,
        name: Name,
        dial: Callable[[str], Dialler],
        backoff: Backoff,
        failed: Callable[[str], None],
        clock: Callable[[], float],
        first_seconds: float = 0.0,
    ) -> None:
        self.standing: Dialler | None = None
        self._name = name
        self._dial = dial
        self._backoff = backoff
        self._failed = failed
        self._clock = clock
        self._next_at = clock() + first_seconds
        self._left: list[str] = []  # addresses to be called before the next pause
        self._under_way: list[tuple[Dialler, float]] = []  # oldest first, and when each is given up

    @property
    def deadline(self) -> float:
        """When `turn` is due though nothing happened."""
        given_up_at = min((at for _, at in self._under_way), default=self._next_at)
        return given_up_at if self._answered() else min(self._next_at, given_up_at)

    @property
    def under_way(self) -> list[Dialler]:
        """The attempts, oldest first."""
        return [dialler for dialler, _ in self._under_way]

    def turn(self) -> None:
        """See what has become of the attempts, and dial when it is time."""
        now = self._clock()
        for dialler, given_up_at in self._under_way[:]:
            dialler.wait(0)
            if dialler.failure or now >= given_up_at:
                self._under_way.remove((dialler, given_up_at))
                dialler.close()
                if dialler.busy:
                    self._next_at = max(self._next_at, now + self._backoff.busy_seconds())
                elif self._left:
                    self._next_at = now
                self._failed(dialler.failure or wires.UNREACHED)
            elif dialler.connected:
                self._under_way.remove((dialler, given_up_at))
                self.drop()
                self._name.stood(dialler.address)
                self.standing = dialler
                return
        if now >= self._next_at and not self._answered():
            self._call(now)

    def _call(self, now: float) -> None:
        self._left = self._left or self._name.addresses()
        if not self._left:
            self._failed(wires.UNREACHED)
        else:
            if len(self._under_way) == _UNDER_WAY_MAX:
                self._under_way.pop()[0].close()
            self._under_way.append((self._dial(self._left.pop(0)), now + limits.HELLO_SECONDS))
        self._next_at = now + (_NEXT_SECONDS if self._left else self._backoff.absent_seconds())

    def _answered(self) -> bool:
        """Is somebody there? Then there is no need to call again: a hub that is busy with a thousand others would only have more to do."""
        return any(dialler.answered for dialler, _ in self._under_way)

    def wait(self, descriptor: int, *others: Dialler) -> None:
        """Until something happens on an attempt, one of `others` or `descriptor`, or `deadline` has passed."""
        wires.wait([*others, *self.under_way], descriptor, self.deadline - self._clock())

    def drop(self) -> None:
        """Hang up on all that are under way."""
        for dialler, _ in self._under_way:
            dialler.close()
        self._under_way.clear()

    def close(self) -> None:
        """Hang up on everybody."""
        self.drop()
        if self.standing is not None:
            self.standing.close()
