"""One end of a link: events in, effects out. It knows neither which side it is, nor socket, disk or clock. SPEC.md sections 3 to 5.

Two logs and a range reader, the same at both ends. My own log goes to the peer in Entries within a window of bytes, the peer
acknowledges cumulatively; the peer's log comes to me and is acknowledged only when my owner says `Committed`. Blobs are asked for in
ranges (transfer.py) as fast as the line is seen to carry (pacing.py). `step(event, now)` returns what is to be done, in order; the pump
(runtime/pump.py) does it. `deadline` is when the machine wants its next `Tick`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from protocol import entries, frames, limits
from protocol.effects import (
    Acknowledged,
    Commit,
    Deliver,
    Effect,
    End,
    Keep,
    Note,
    Observe,
    Say,
    SayBeat,
    SayChunk,
    SayEntries,
    SayHello,
)
from protocol.entries import Entry, Mark
from protocol.errors import REMEDIES, Code, Mistake
from protocol.events import Appended, Committed, Connected, Event, Heard, Lost, Said, Tick, Wanted
from protocol.frames import Ack, Beat, Chunk, Entries, Gone, Hello, Unknown, Want, Whisper
from protocol.machine import advance
from protocol.pacing import Pacing
from protocol.transfer import Arrival, Transfers

NEVER: Final = float("inf")
_UNANSWERED: Final = 1.5  # intervals: whoever answers beats says one by itself when none came for so long


# --- what is legal ----------------------------------------------------------------------------------------------
DOWN: Final = "down"
GREETING: Final = "greeting"
UP: Final = "up"
# Frames that the peer may send, and where that leads. What the owner does (Appended, Committed, Wanted, Said, Tick) is legal anywhere.
TABLE: Final[dict[tuple[str, type], str]] = {
    (DOWN, Connected): GREETING,
    (DOWN, Lost): DOWN,
    (GREETING, Lost): DOWN,
    (GREETING, Hello): UP,
    (GREETING, frames.Refused): DOWN,
    (UP, Lost): DOWN,
    (UP, Entries): UP,
    (UP, Ack): UP,
    (UP, Want): UP,
    (UP, Chunk): UP,
    (UP, Gone): UP,
    (UP, Whisper): UP,
    (UP, Beat): UP,
    (UP, frames.Refused): DOWN,
    (GREETING, Unknown): GREETING,
    (UP, Unknown): UP,
}


class _Unacknowledged(NamedTuple):
    """A frame of entries under way: its last number, the bytes of its payloads, and when it was said."""

    last: int
    size_bytes: int
    at: float


class Link:
    """The machine. `peer` is the node id that must stand in the peer's Hello."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.state = DOWN
        self.pacing = Pacing()
        self.deadline = NEVER
        self.transfers = Transfers()
        self._last = Mark()  # end of my own log
        self._sent = 0  # my entries given to the wire on this connection
        self._acknowledged = 0
        # Here and in what a link consists of, what is short waits in a list: an empty deque weighs 700 bytes, and a hub has ten thousand links.
        self._unacknowledged: list[_Unacknowledged] = []
        self._unacknowledged_bytes = 0
        self._entries_window_bytes = limits.ENTRIES_WINDOW_BYTES
        self._first = 1
        self._heard = Mark()  # the peer's entries given to my owner
        self._committed = 0  # … and durable
        self._told = 0  # … and acknowledged
        self._since = 0.0  # of the present state
        self._heard_at = 0.0
        self._progress_at = 0.0
        self._greeted_at = 0.0
        self._answers_due = 0  # frames of the peer until one answers our Hello
        self._answers_beats = False  # who was greeted says its beats as answers: so one turn serves both
        self._beats = 0
        self._beat_seconds = limits.BEAT_SECONDS
        self._beat_at = NEVER
        self._beat_said = (0, 0.0)  # number and time of the last one, on this connection
        self._beat_heard = (0, 0.0)
        self._chunk_bytes_max = limits.CHUNK_BYTES_MAX  # what the peer answers with at most

    def step(self, event: Event, now: float) -> list[Effect]:
        """What to do after `event` at monotonic time `now` in seconds. Raises Mistake when our own side broke a rule."""
        effects: list[Effect] = []
        match event:
            case Heard(frame, data):
                self._hear(frame, data, now, effects)
            case Tick():
                self._tick(now, effects)
            case Appended(last):
                self._last = last
            case Said(number, size_bytes):
                self._said(number, size_bytes, now)
            case Committed(number):
                self._committed = max(self._committed, number)
            case Wanted(digest, size_bytes, have_bytes):
                self.transfers.want(digest, size_bytes, have_bytes)
            case Connected():
                self._connect(event, now, effects)
            case _:
                assert isinstance(event, Lost)  # the last of the union
                self._down()
        if self.state == UP:
            self._speak(now, effects)
        self._arm()
        return effects

    def beat_every(self, seconds: float) -> None:
        """Say beats so often from now on. Who answers the peer's keeps to those."""
        if seconds < self._beat_seconds and not self._answers_beats:
            self._beat_at = min(self._beat_at, self._beat_said[1] + seconds)
        self._beat_seconds = seconds
        self._arm()

    # --- beginning and end ---------------------------------------------------------------------------------------
    def _connect(self, event: Connected, now: float, effects: list[Effect]) -> None:
        self.state = advance(TABLE, self.state, Connected)
        self._first = event.first
        self._last = event.last
        self._heard = theirs = event.theirs
        self._committed = max(self._committed, theirs.number)
        self._told = theirs.number
        self._since = self._heard_at = self._progress_at = self._greeted_at = now
        self._answers_due = 2 if event.greeted else 1
        self._answers_beats = event.greeted
        effects.append(SayHello(event.first, event.last, theirs))

    def _down(self) -> None:
        self.state = DOWN
        self._sent = self._acknowledged
        self._unacknowledged.clear()
        self._unacknowledged_bytes = 0
        self._entries_window_bytes = limits.ENTRIES_WINDOW_BYTES
        self._beat_at = NEVER
        self._beat_said = self._beat_heard = (0, 0.0)  # their numbers mean nothing on another connection
        self.transfers.lost()
        self.pacing.reset()

    def _end(self, code: Code, text: str, effects: list[Effect], retry_after_seconds: float = 0.0) -> None:
        text = f"{text} {REMEDIES[code]}"[: limits.TEXT_CHARS_MAX]
        effects.append(Say(frames.Refused(code, text, retry_after_seconds)))
        effects.append(End(code, text, retry_after_seconds))
        self._down()

    # --- hearing -------------------------------------------------------------------------------------------------
    def _hear(self, frame: frames.Frame | Unknown, data: bytes | memoryview, now: float, effects: list[Effect]) -> None:
        if self.state == DOWN:
            return  # said before the peer knew that this link has ended
        if (self.state, type(frame)) not in TABLE:
            self._end(Code.MALFORMED, f"A {type(frame).__name__} frame while {self.state}.", effects)
            return
        self.state = TABLE[self.state, type(frame)]
        self._heard_at = now
        if self._answers_due:
            self._answers_due -= 1
            if not self._answers_due:  # the answer to our Hello: how long is this line?
                self.pacing.greeted(now - self._greeted_at)
        match frame:
            case Chunk(digest, offset_bytes, total_bytes):
                arrival = self.transfers.arrived(digest, offset_bytes, len(data), total_bytes)
                self._answered(arrival, frame, data, now, effects)
            case Want():
                effects.append(SayChunk(frame))
            case Entries():
                self.pacing.talked(now)
                self._hear_entries(frame, now, effects)
            case Ack(committed):
                self._hear_ack(committed, now, effects)
            case Hello():
                self._hear_hello(frame, now, effects)
            case Beat(number, _, echo, held_seconds):
                self._beat_heard = (number, now)
                round_trip, (said, said_at) = -1.0, self._beat_said
                if said and echo == said:
                    round_trip = max(0.0, now - said_at - held_seconds)
                    self.pacing.round_trip(round_trip, now)
                effects.append(Observe(frame, round_trip))
                if self._answers_beats:
                    self._beat(now, effects)
            case Whisper():
                self.pacing.talked(now)
                effects.append(Deliver(frame))
            case Gone(digest):
                self._answered(self.transfers.gone(digest), frame, b"", now, effects)
            case frames.Refused(code, text, retry_after_seconds):
                effects.append(End(code, text, retry_after_seconds, by_peer=True))
                self._down()
            case _:
                assert isinstance(frame, Unknown)  # TABLE lets nothing else pass
                effects.append(Note("frame.unknown", frame.tag))

    def _hear_hello(self, hello: Hello, now: float, effects: list[Effect]) -> None:
        fault = self._fault(hello)
        if fault is not None:
            self._end(*fault, effects)
            return
        self._since = self._progress_at = now
        self._acknowledged = hello.committed
        # Entries that neither end has any more are passed over; the peer takes it only from an entry that says so (entries.leap).
        self._sent = max(hello.committed, self._first - 1)
        self._beat_at = now + (_UNANSWERED * limits.BEAT_SECONDS if self._answers_beats else 0.0)
        self._chunk_bytes_max = min(hello.chunk_bytes_max, limits.CHUNK_BYTES_MAX)
        effects.append(Observe(hello, -1.0))
        effects.append(Acknowledged(hello.committed))

    def _fault(self, hello: Hello) -> tuple[Code, str] | None:
        """Why this peer cannot be spoken with: the two logs do not continue what each end holds of them."""
        mine, theirs = self._last, self._heard
        if limits.PROTOCOL_VERSION not in hello.versions:
            return (
                Code.UNSUPPORTED_VERSION,
                f"{hello.node} speaks versions {list(hello.versions)}; here it is {limits.PROTOCOL_VERSION}.",
            )
        if hello.node != self.peer:
            return Code.NOT_ENROLLED, f"This key belongs to {self.peer}, not to {hello.node}."
        if hello.committed > mine.number:
            return Code.LOG_FORK, f"{hello.node} holds {hello.committed} of our entries; here are only {mine.number}."
        if hello.last.number < theirs.number:
            return Code.LOG_FORK, f"{hello.node} ends at entry {hello.last.number}; we hold {theirs.number} of it."
        if hello.last.number == theirs.number and hello.last.hash != theirs.hash:
            return Code.LOG_FORK, f"Entry {theirs.number} of {hello.node} is not the one we hold."
        return None

    def _hear_entries(self, frame: Entries, now: float, effects: list[Effect]) -> None:
        if frame.first > self._heard.number + 1:
            follows = entries.leap(frame.payloads[0], frame.epoch, frame.first)
            if follows is None:
                self._end(Code.LOG_GAP, f"Entry {frame.first} came; {self._heard.number + 1} was next.", effects)
                return
            if (
                not self._heard.epoch <= follows.epoch < frame.epoch
            ):  # a writer's epochs only grow: this one never wrote what we hold
                self._end(
                    Code.LOG_FORK, f"Entry {frame.first} passes over entries that we hold of another epoch.", effects
                )
                return
            effects.append(Note("entries.missing", f"{self._heard.number + 1} to {follows.number}"))
            self._heard = follows
        fresh = frame.payloads[self._heard.number + 1 - frame.first :]
        self._progress_at = now
        if not fresh:
            effects.append(Note("entries.again"))
            return
        arrived: list[Entry] = []
        mark = self._heard
        for payload in fresh:
            entry = entries.following(mark, frame.epoch, payload)
            mark = Mark(entry.epoch, entry.number, entry.hash)
            arrived.append(entry)
        if mark.hash != frame.hash:
            self._end(Code.LOG_FORK, f"Entry {mark.number} does not continue the log that we hold.", effects)
            return
        self._heard = mark
        effects.append(Commit(tuple(arrived)))

    def _hear_ack(self, committed: int, now: float, effects: list[Effect]) -> None:
        if committed > self._sent:
            self._end(Code.MALFORMED, f"Entry {committed} acknowledged; only {self._sent} were sent.", effects)
            return
        if committed <= self._acknowledged:
            return
        self._acknowledged = committed
        self._progress_at = now
        while self._unacknowledged and self._unacknowledged[0].last <= committed:
            said = self._unacknowledged.pop(0)
            self._unacknowledged_bytes -= said.size_bytes
            self._widen(said, now)
        effects.append(Acknowledged(committed))

    def _widen(self, said: _Unacknowledged, now: float) -> None:
        """This frame was acknowledged. Where that is quick, more of them share a commit at the other end."""
        if now - said.at >= limits.ENTRIES_QUICK_SECONDS:
            self._entries_window_bytes = max(self._entries_window_bytes // 2, limits.ENTRIES_WINDOW_BYTES)
        elif said.size_bytes >= limits.ENTRIES_FRAME_BYTES_MAX // 2:  # a small one tells little of the line
            self._entries_window_bytes = min(self._entries_window_bytes * 2, limits.ENTRIES_WINDOW_BYTES_MAX)

    def _answered(
        self, arrival: Arrival, frame: Chunk | Gone, data: bytes | memoryview, now: float, effects: list[Effect]
    ) -> None:
        """The peer answered a Want."""
        if arrival is Arrival.STRAY:
            self._end(Code.MALFORMED, f"A {type(frame).__name__} that is no answer to the oldest Want.", effects)
            return
        self._progress_at = now
        self.pacing.arrived(len(data), now)
        if isinstance(frame, Chunk) and arrival is Arrival.NEXT:
            effects.append(Keep(frame.digest, frame.offset_bytes, data))
        elif arrival is Arrival.UNFIT:
            # Dropped until it is wanted again, so that one bad blob never holds up the others.
            effects.append(Note("blob.gone" if isinstance(frame, Gone) else "blob.unfit", frame.digest.hex()))

    # --- speaking ------------------------------------------------------------------------------------------------
    def _speak(self, now: float, effects: list[Effect]) -> None:
        """Whatever may be said now: small before large, so acknowledgement, entries, wants."""
        durable = min(self._committed, self._heard.number)
        if durable > self._told:
            self._told = durable
            effects.append(Say(Ack(durable)))
            self._beat_at = min(self._beat_at, now + limits.FRESH_SECONDS)
        if (
            self._sent < self._last.number
            and self._unacknowledged_bytes < self._entries_window_bytes
            and len(self._unacknowledged) < limits.ENTRIES_FRAMES_MAX
        ):
            effects.append(SayEntries(self._sent, limits.ENTRIES_FRAME_BYTES_MAX))
        if self.transfers:
            self._owed(now)
            chunk_bytes = min(self.pacing.chunk_bytes(), self._chunk_bytes_max)
            for want in self.transfers.asks(self.pacing.window_bytes(), chunk_bytes):
                self.pacing.asked(now)
                effects.append(Say(want))

    def _said(self, number: int, size_bytes: int, now: float) -> None:
        if self.state != UP:
            return  # the connection broke while they were being said
        if number <= self._sent:
            raise Mistake(f"Entries up to {number} said; {self._sent} were said before.")
        self._owed(now)
        self._sent = number
        self._unacknowledged.append(_Unacknowledged(number, size_bytes, now))
        self._unacknowledged_bytes += size_bytes

    def _owed(self, now: float) -> None:
        """Something is asked of the peer: where nothing was outstanding, its time begins."""
        if not self._outstanding_bytes():
            self._progress_at = now

    def _outstanding_bytes(self) -> int:
        return self._unacknowledged_bytes + self.transfers.outstanding_bytes

    def _tick(self, now: float, effects: list[Effect]) -> None:
        if self.state == DOWN:
            return
        silence = self._silence(now)
        if silence:
            effects.append(End("", silence))
            self._down()
        elif self.state == UP and now >= self._beat_at:
            self._beat(now, effects)

    def _beat(self, now: float, effects: list[Effect]) -> None:
        self._beats += 1
        self._beat_at = now + (_UNANSWERED * limits.BEAT_SECONDS if self._answers_beats else self._beat_seconds)
        self._beat_said = (self._beats, now)
        number, at = self._beat_heard
        effects.append(SayBeat(self._beats, number, now - at if number else 0.0, self._last))

    def _silence(self, now: float) -> str:
        """Why the line counts as gone, empty when it does not."""
        if self.state == GREETING:
            return "no Hello came" if now >= self._since + limits.HELLO_SECONDS else ""
        if now >= self._heard_at + limits.BEAT_SECONDS * limits.BEATS_MISSED_MAX:
            return f"{limits.BEATS_MISSED_MAX} beats missed"
        if now >= self._stall_at():
            return "no progress while something is outstanding"
        return ""

    def _stall_at(self) -> float:
        outstanding_bytes = self._outstanding_bytes()
        return self._progress_at + self.pacing.patience_seconds(outstanding_bytes) if outstanding_bytes else NEVER

    def _arm(self) -> None:
        if self.state == UP:
            quiet_at = self._heard_at + limits.BEAT_SECONDS * limits.BEATS_MISSED_MAX
            self.deadline = min(self._beat_at, quiet_at, self._stall_at())
        elif self.state == GREETING:
            self.deadline = self._since + limits.HELLO_SECONDS
        else:
            self.deadline = NEVER
