"""One end of a link: events in, effects out. It knows neither which side it is, nor socket, disk or clock. SPEC.md sections 3 to 5.

Two logs and a range reader, the same at both ends. My own log goes to the peer in Entries within a window of bytes (own_log.py); the peer's log
comes to me and is acknowledged only when my owner says `Committed` (peer_log.py). Blobs are asked for in ranges (transfer.py) as fast as the line is
seen to carry (pacing.py). Beats tell that an end lives (beats.py). `step(event, now)` returns what is to be done, in order; the pump
(runtime/pump.py) does it. `deadline` is when the machine wants its next `Tick`.
"""

from __future__ import annotations

from typing import Final

from protocol import frames, limits
from protocol.beats import Beats
from protocol.effects import Acknowledged, Deliver, Effect, End, Keep, Note, Observe, Say, SayChunk, SayHello
from protocol.errors import Code, Mistake, Refused
from protocol.events import Appended, Committed, Connected, Event, Heard, Lost, Said, Tick, Wanted
from protocol.frames import Ack, Beat, Chunk, Entries, Gone, Hello, Unknown, Want, Whisper
from protocol.own_log import OwnLog
from protocol.pacing import Pacing
from protocol.peer_log import PeerLog
from protocol.transfer import Arrival, Transfers

NEVER: Final = float("inf")


# --- what is legal ----------------------------------------------------------------------------------------------
NEW: Final = "new"
GREETING: Final = "greeting"
UP: Final = "up"
DOWN: Final = "down"
# Frames that the peer may send, and where that leads. What the owner does (Appended, Committed, Wanted, Said, Tick, Lost) is legal anywhere.
TABLE: Final[dict[tuple[str, type], str]] = {
    (NEW, Connected): GREETING,
    (GREETING, Hello): UP,
    (GREETING, frames.Refused): DOWN,
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


class Link:
    """The machine, of one connection. `peer` is the node id that must stand in the peer's Hello. Times are monotonic seconds."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.state = NEW
        self.deadline = NEVER
        self.pacing = Pacing()
        self.transfers = Transfers()
        self.own_log = OwnLog()
        self.peer_log = PeerLog()
        self.beats = Beats()
        self._greeted_at = 0.0  # when our Hello was said
        self._heard_at = 0.0
        self._progress_at = 0.0
        self._backlog_to = 0  # entries of the peer up to here were written before its Hello: nobody waits for each
        self._answers_due = 0  # frames of the peer until one answers our Hello
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
                self.own_log.last = last
            case Said(number, size_bytes):
                if self.state == UP:  # else the connection broke while they were being said
                    self._owed(now)
                    self.own_log.said(number, size_bytes, now)
            case Committed(number):
                self.peer_log.committed = max(self.peer_log.committed, number)
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
        self.beats.every(seconds)
        self._arm()

    # --- beginning and end ---------------------------------------------------------------------------------------
    def _connect(self, event: Connected, now: float, effects: list[Effect]) -> None:
        if (self.state, Connected) not in TABLE:
            raise Mistake(f"Connected while {self.state}.", "Report this with the log of this process.")
        self.state = TABLE[self.state, Connected]
        self.own_log.connected(event.first, event.last)
        self.peer_log.connected(event.theirs)
        self.beats.answers = event.greeted
        self._greeted_at = self._heard_at = self._progress_at = now
        self._answers_due = 2 if event.greeted else 1
        effects.append(SayHello(event.first, event.last, event.theirs))

    def _down(self) -> None:
        self.state = DOWN
        self.transfers = Transfers()  # what was asked for will not come

    def _refuse(self, refused: Refused, effects: list[Effect]) -> None:
        text = str(refused)[: limits.TEXT_CHARS_MAX]
        effects.append(Say(frames.Refused(refused.code, text)))
        effects.append(End(refused.code, text))
        self._down()

    # --- hearing -------------------------------------------------------------------------------------------------
    def _hear(self, frame: frames.Frame | Unknown, data: bytes | memoryview, now: float, effects: list[Effect]) -> None:
        if self.state == DOWN:
            return  # said before the peer knew that this link has ended
        try:
            self._take(frame, data, now, effects)
        except Refused as refused:
            self._refuse(refused, effects)

    def _take(self, frame: frames.Frame | Unknown, data: bytes | memoryview, now: float, effects: list[Effect]) -> None:
        """Raises Refused where the peer broke a rule."""
        if (self.state, type(frame)) not in TABLE:
            raise Refused(Code.MALFORMED, f"Heard while {self.state}: {type(frame).__name__}.")
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
            case Entries(_, first, payloads):
                if first + len(payloads) > self._backlog_to + 1:
                    self.pacing.talked(now)
                self._progress_at = now
                self.peer_log.take(frame, effects)
            case Ack(committed):
                if self.own_log.acknowledged(committed, now):
                    self._progress_at = now
                    effects.append(Acknowledged(committed))
            case Hello():
                self._greet(frame, now, effects)
            case Beat():
                round_trip_seconds = self.beats.heard(frame, now)
                if round_trip_seconds >= 0.0:
                    self.pacing.round_trip(round_trip_seconds, now)
                effects.append(Observe(frame, round_trip_seconds))
                if self.beats.answers:
                    effects.append(self.beats.say(self.own_log.last, now))
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

    def _greet(self, hello: Hello, now: float, effects: list[Effect]) -> None:
        self._examine(hello)
        self._progress_at = now
        self._backlog_to = hello.last.number
        self.own_log.greeted(hello.committed)
        self.beats.begin(now)
        self._chunk_bytes_max = min(hello.chunk_bytes_max, limits.CHUNK_BYTES_MAX)
        effects.append(Observe(hello, -1.0))
        effects.append(Acknowledged(hello.committed))

    def _examine(self, hello: Hello) -> None:
        """Can this peer be spoken with? Raises Refused, also where the two logs do not continue what each end holds of them."""
        if limits.PROTOCOL_VERSION not in hello.versions:
            raise Refused(
                Code.UNSUPPORTED_VERSION,
                f"{hello.node} speaks versions {list(hello.versions)}; here it is {limits.PROTOCOL_VERSION}.",
            )
        if hello.node != self.peer:
            raise Refused(Code.NOT_ENROLLED, f"This key belongs to {self.peer}, not to {hello.node}.")
        self.own_log.examine(hello)
        self.peer_log.examine(hello)

    def _answered(
        self, arrival: Arrival, frame: Chunk | Gone, data: bytes | memoryview, now: float, effects: list[Effect]
    ) -> None:
        """The peer answered a Want."""
        if arrival is Arrival.STRAY:
            raise Refused(Code.MALFORMED, f"No answer to the oldest Want: {type(frame).__name__}.")
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
        durable = self.peer_log.to_acknowledge()
        if durable is not None:
            effects.append(Say(Ack(durable)))
            self.beats.soon(now)
        say_entries = self.own_log.to_say()
        if say_entries is not None:
            effects.append(say_entries)
        if self.transfers:
            self._owed(now)
            chunk_bytes = min(self.pacing.chunk_bytes(), self._chunk_bytes_max)
            for want in self.transfers.asks(self.pacing.window_bytes(), chunk_bytes):
                self.pacing.asked(now)
                effects.append(Say(want))

    def _owed(self, now: float) -> None:
        """Something is asked of the peer: where nothing was outstanding, its time begins."""
        if not self._outstanding_bytes():
            self._progress_at = now

    def _outstanding_bytes(self) -> int:
        return self.own_log.under_way_bytes + self.transfers.outstanding_bytes

    # --- time ----------------------------------------------------------------------------------------------------
    def _tick(self, now: float, effects: list[Effect]) -> None:
        silence = self._silence(now)
        if silence:
            effects.append(End("", silence))
            self._down()
        elif self.state == UP and now >= self.beats.due_at:
            effects.append(self.beats.say(self.own_log.last, now))

    def _silence(self, now: float) -> str:
        """Why the line counts as gone, empty when it does not."""
        if self.state == GREETING:
            return "no Hello came" if now >= self._greeted_at + limits.HELLO_SECONDS else ""
        if self.state != UP:
            return ""
        if now >= self._heard_at + limits.BEAT_SECONDS * limits.BEATS_MISSED_MAX:
            return f"{limits.BEATS_MISSED_MAX} beats missed"
        if now >= self._stall_at():
            return "no progress while something is outstanding"
        return ""

    def _stall_at(self) -> float:
        outstanding_bytes = self._outstanding_bytes()
        if not outstanding_bytes:
            return NEVER
        patience_seconds = self.pacing.patience_seconds(outstanding_bytes)
        if self.beats.answers and not self.pacing.base_seconds:  # it may have come together with a whole fleet
            patience_seconds = max(patience_seconds, limits.HELLO_SECONDS)
        return self._progress_at + patience_seconds

    def _arm(self) -> None:
        if self.state == UP:
            quiet_at = self._heard_at + limits.BEAT_SECONDS * limits.BEATS_MISSED_MAX
            self.deadline = min(self.beats.due_at, quiet_at, self._stall_at())
        elif self.state == GREETING:
            self.deadline = self._greeted_at + limits.HELLO_SECONDS
        else:
            self.deadline = NEVER
