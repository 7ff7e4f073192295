"""Which range of which blob to ask for next; resumable anywhere. SPEC.md section 5.

Who receives asks, and the sender keeps no state: so back-pressure, fairness and resuming are one mechanism.
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Iterator

from protocol import limits
from protocol.frames import Want
from protocol.ids import Digest


class Arrival(enum.Enum):
    """What an answer is worth."""

    NEXT = "next"  # the bytes that come next: keep them
    UNWANTED = "unwanted"  # asked for before this blob was dropped: let it pass
    UNFIT = "unfit"  # not what was announced, or not there at all: the blob is dropped until it is wanted again
    STRAY = "stray"  # no answer to the oldest Want: the peer broke the rule


class Transfer:
    """One blob on its way: `have_bytes` arrived, `asked_bytes` asked for, both from the front."""

    def __init__(self, digest: Digest, size_bytes: int, have_bytes: int, order: tuple[int, int]) -> None:
        self.digest = digest
        self.size_bytes = size_bytes
        self.have_bytes = have_bytes
        self.asked_bytes = have_bytes
        self.order = order


class Transfers:
    """All blobs that one end wants from its peer, on one connection."""

    __slots__ = ("_count", "_hungry", "_open", "_under_way", "outstanding_bytes", "paused")

    def __init__(self) -> None:
        self._open: dict[Digest, Transfer] = {}
        self._hungry: list[tuple[tuple[int, int], Transfer]] = []  # heap of those that still have something to ask for
        self._count = 0
        self._under_way: list[Want] = []  # not answered yet, whether or not their blob is still wanted
        self.outstanding_bytes = 0
        self.paused = False  # the receiver's disk is nearly full: ask for nothing, forget nothing

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._open

    def want(self, digest: Digest, size_bytes: int, have_bytes: int) -> None:
        """Begin at `have_bytes`. Nothing changes for a blob that is wanted already, or has nothing left to ask for."""
        if digest in self._open or have_bytes >= size_bytes:
            return
        self._count += 1
        # Sizes are compared by their binary order of magnitude, so that age decides among documents of a kind.
        transfer = Transfer(digest, size_bytes, have_bytes, (size_bytes.bit_length(), self._count))
        self._open[digest] = transfer
        heapq.heappush(self._hungry, (transfer.order, transfer))

    def forget(self) -> None:
        """Nothing is wanted any more; what was asked for is still answered."""
        self._open.clear()
        self._hungry.clear()

    def asks(self, window_bytes: int, chunk_bytes: int) -> Iterator[Want]:
        """What to ask for now, so that at most `window_bytes` are outstanding (but always at least one chunk)."""
        while self._hungry and self._room(window_bytes, chunk_bytes):
            transfer = self._hungry[0][1]
            left_bytes = transfer.size_bytes - transfer.asked_bytes
            if self._open.get(transfer.digest) is not transfer or not left_bytes:
                heapq.heappop(self._hungry)
                continue
            want = Want(transfer.digest, transfer.asked_bytes, min(chunk_bytes, left_bytes))
            transfer.asked_bytes += want.length_bytes
            self.outstanding_bytes += want.length_bytes
            self._under_way.append(want)
            yield want

    def _room(self, window_bytes: int, chunk_bytes: int) -> bool:
        if self.paused or len(self._under_way) >= limits.WANTS_MAX:
            return False
        return not self._under_way or self.outstanding_bytes + chunk_bytes <= window_bytes

    def arrived(self, digest: Digest, offset_bytes: int, length_bytes: int, total_bytes: int) -> Arrival:
        """A chunk came, of a blob that the peer says has `total_bytes`."""
        want = self._answered(digest, offset_bytes)
        if want is None:
            return Arrival.STRAY
        transfer = self._open.get(digest)
        if transfer is None or offset_bytes != transfer.have_bytes:
            return Arrival.UNWANTED
        if total_bytes != transfer.size_bytes or length_bytes != want.length_bytes:
            del self._open[digest]
            return Arrival.UNFIT
        transfer.have_bytes += length_bytes
        if transfer.have_bytes == transfer.size_bytes:
            del self._open[digest]
        return Arrival.NEXT

    def gone(self, digest: Digest) -> Arrival:
        """The peer has nothing to send for its oldest Want."""
        if self._answered(digest, None) is None:
            return Arrival.STRAY
        return Arrival.UNWANTED if self._open.pop(digest, None) is None else Arrival.UNFIT

    def _answered(self, digest: Digest, offset_bytes: int | None) -> Want | None:
        """The oldest Want, taken off, if this answers it; `offset_bytes` None answers any."""
        oldest = self._under_way[0] if self._under_way else None
        if oldest is None or oldest.digest != digest or offset_bytes not in (None, oldest.offset_bytes):
            return None
        self._under_way.pop(0)
        self.outstanding_bytes -= oldest.length_bytes
        return oldest
