"""Questions to the hub from whoever keeps no link with it: a cabin that enrols, an agency's connector."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from protocol import asking, frames, limits
from protocol.errors import Code, Refused, Unavailable
from protocol.ids import Digest
from protocol.keys import CurvePair
from protocol.runtime.names import looked_up
from protocol.runtime.wires import UNKNOWN_KEY, Dialler


class Asker:
    """Ask the hub, wait for the answer: for enrolment and for an agency's connector. Not for several threads at once.

    Raises Unavailable where the hub's name is not known here."""

    def __init__(
        self, address: str, hub_key: bytes, own: CurvePair, clock: Callable[[], float], patience_seconds: float = 10.0
    ) -> None:
        self._address = address
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._dialler = self._dialled(hub_key, own)
        self._number = 0
        self.whispers: list[frames.Whisper] = []

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, question: asking.Question) -> asking.Reply:
        """The answer. Raises Refused as the hub refused, Unavailable when none comes in time."""
        self._number += 1
        self._dialler.say(frames.encode(asking.Ask(self._number, question)))
        while True:
            match self._next():
                case (asking.Answer(number, reply), _) if number == self._number:
                    return reply
                case (frames.Refused(code, text, _, number), _) if number in (0, self._number):
                    raise Refused(_code(code), text, " ")

    def fetch(self, digest: Digest, size_bytes: int, offset_bytes: int = 0) -> Iterator[memoryview]:
        """The bytes of a blob from `offset_bytes` on, in order, a few chunks under way at a time. Digest and size are the caller's to check."""
        asked, came = offset_bytes, offset_bytes
        while came < size_bytes:
            while asked < size_bytes and asked - came < 4 * limits.CHUNK_BYTES_MAX:
                length = min(limits.CHUNK_BYTES_MAX, size_bytes - asked)
                self._dialler.say(frames.encode(frames.Want(digest, asked, length)))
                asked += length
            match self._next():
                case (frames.Chunk(found, at, _), data) if found == digest and at == came:
                    came += len(data)
                    yield data
                case (frames.Gone(found), _) if found == digest:
                    raise Refused(Code.UNKNOWN_DOCUMENT, "The hub has no such document for this inbox.")
                case (frames.Refused(code, text, _, _), _):
                    raise Refused(_code(code), text, " ")

    def wait(self, seconds: float) -> bool:
        """Until the hub whispers, at most `seconds`."""
        until = self._clock() + seconds
        while not self.whispers and self._clock() < until:
            try:
                self._next(until - self._clock())
            except Unavailable:
                if self._dialler.failure:
                    raise
        rang, self.whispers = bool(self.whispers), []
        return rang

    def _next(self, seconds: float | None = None) -> tuple[frames.Frame | frames.Unknown, memoryview]:
        until = self._clock() + (self._patience_seconds if seconds is None else seconds)
        while True:
            for first, data, parts in self._dialler.receive(1):
                frame = frames.decode(first, parts)
                if isinstance(frame, frames.Whisper):
                    self.whispers.append(frame)
                return frame, data
            left = until - self._clock()
            if self._dialler.failure or left <= 0:
                why = self._dialler.failure or "no answer came"
                remedy = "Check address, key and line, then try again."
                if why == UNKNOWN_KEY:
                    remedy = "It was given other keys since, or it is another hub: `kabine agency list` there names those it knows."
                raise Unavailable(f"The hub at {self._address} did not answer: {why}.", remedy)
            self._dialler.wait(left)

    def _dialled(self, hub_key: bytes, own: CurvePair) -> Dialler:
        """Of a name with several addresses the first that leads to a hub, else the last."""
        try:
            *others, last = looked_up(self._address)
        except OSError as error:
            raise Unavailable(
                f"The name of the hub at {self._address} is not known to this machine's name server.",
                "Check that there is a network, and how the name is written; then try again.",
            ) from error
        for address in others:
            dialler = Dialler(address, hub_key, own, ping_seconds=limits.BEAT_SECONDS)
            until = self._clock() + self._patience_seconds / (len(others) + 1)
            while not (dialler.connected or dialler.failure or self._clock() >= until):
                dialler.wait(until - self._clock())
            if dialler.connected or dialler.failure == UNKNOWN_KEY:
                return dialler
            dialler.close()
        return Dialler(last, hub_key, own, ping_seconds=limits.BEAT_SECONDS)

    def close(self) -> None:
        """Hang up."""
        self._dialler.close()


def _code(text: str) -> Code:
    try:
        return Code(text)
    except ValueError:
        return Code.MALFORMED
