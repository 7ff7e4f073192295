"""The peer's log on its way to me: taken only where it goes on from what is held, acknowledged only when it is durable. SPEC.md section 3.2."""

from __future__ import annotations

from protocol import entries
from protocol.effects import Commit, Effect, Note
from protocol.entries import Mark
from protocol.errors import Code, Refused
from protocol.frames import Entries, Hello


class PeerLog:
    """Of one link. Entries up to `heard` were given to my owner; those up to `committed` are durable."""

    __slots__ = ("_told", "committed", "heard")

    def __init__(self) -> None:
        self.heard = Mark()
        self.committed = 0
        self._told = 0  # … and acknowledged

    def connected(self, theirs: Mark) -> None:
        """A connection stands; the peer's log is held up to `theirs`, which our Hello acknowledges."""
        self.heard = theirs
        self.committed = self._told = theirs.number

    def examine(self, hello: Hello) -> None:
        """Raises Refused(LOG_FORK) when the peer's log does not contain what is held of it."""
        held = self.heard
        if hello.last.number < held.number:
            raise Refused(
                Code.LOG_FORK, f"{hello.node} ends at entry {hello.last.number}; we hold {held.number} of it."
            )
        if hello.last.number == held.number and hello.last.hash != held.hash:
            raise Refused(Code.LOG_FORK, f"Entry {held.number} of {hello.node} is not the one we hold.")

    def take(self, frame: Entries, effects: list[Effect]) -> None:
        """Entries came: what is new of them is to be committed. Raises Refused(LOG_GAP or LOG_FORK), and then none of them is held."""
        if frame.first > self.heard.number + 1:
            self._leap(frame, effects)
        fresh = frame.payloads[self.heard.number + 1 - frame.first :]
        if not fresh:
            effects.append(Note("entries.again"))
            return
        arrived = entries.continued(self.heard, frame.epoch, fresh)
        last = arrived[-1]
        if last.hash != frame.hash:
            raise Refused(Code.LOG_FORK, f"Entry {last.number} does not continue the log that we hold.")
        self.heard = Mark(last.epoch, last.number, last.hash)
        effects.append(Commit(tuple(arrived)))

    def _leap(self, frame: Entries, effects: list[Effect]) -> None:
        """There is a gap before this frame. Go on behind it, when its first entry says that its writer lost what was there."""
        follows = entries.leap(frame.payloads[0], frame.epoch, frame.first)
        if follows is None:
            raise Refused(Code.LOG_GAP, f"Entry {frame.first} came; {self.heard.number + 1} was next.")
        if not self.heard.epoch <= follows.epoch < frame.epoch:
            # A writer's epochs only grow: this one never wrote what we hold.
            raise Refused(Code.LOG_FORK, f"Entry {frame.first} passes over entries that we hold of another epoch.")
        effects.append(Note("entries.missing", f"{self.heard.number + 1} to {follows.number}"))
        self.heard = follows

    def to_acknowledge(self) -> int | None:
        """Up to which entry the peer is to be told now that they are durable; None when it knows."""
        if self.committed <= self._told:
            return None
        self._told = self.committed
        return self.committed
