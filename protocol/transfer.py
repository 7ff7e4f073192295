"""Which range of which blob to ask for next; resumable anywhere. SPEC.md section 5.

The receiver asks, the sender answers and keeps no state. So back-pressure, fairness and resuming are one mechanism: a blob goes on
at the byte that is here, and nobody is sent what nobody asked for. Small blobs go before large ones, older before newer among equals.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from protocol.frames import Want
from protocol.ids import Digest


class Transfer:
    """One blob on its way: `have_bytes` arrived, `asked_bytes` asked for, both from the front."""

    def __init__(self, digest: Digest, size_bytes: int, have_bytes: int, order: tuple[int, int]) -> None:
        self.digest = digest
        self.size_bytes = size_bytes
        self.have_bytes = have_bytes
        self.asked_bytes = have_bytes
        self.order = order


class Transfers:
    """All blobs that one end wants from its peer."""

    def __init__(self) -> None:
        self._open: dict[Digest, Transfer] = {}
        self._hungry: list[
            tuple[tuple[int, int], Digest]
        ] = []  # heap of transfers that still have something to ask for
        self._count = 0
        self.outstanding_bytes = 0
        self.paused = False  # the receiver's disk is nearly full: ask for nothing, forget nothing

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._open

    def want(self, digest: Digest, size_bytes: int, have_bytes: int) -> None:
        """Begin, or begin again at `have_bytes`."""
        self.drop(digest)
        self._count += 1
        # Sizes are compared by their binary order of magnitude, so that age decides among documents of a kind.
        transfer = Transfer(digest, size_bytes, have_bytes, (size_bytes.bit_length(), self._count))
        self._open[digest] = transfer
        heapq.heappush(self._hungry, (transfer.order, digest))

    def drop(self, digest: Digest) -> None:
        """Ask no more for this blob."""
        transfer = self._open.pop(digest, None)
        if transfer is not None:
            self.outstanding_bytes -= transfer.asked_bytes - transfer.have_bytes

    def lost(self) -> None:
        """The line is gone: what was asked for will not come."""
        self.outstanding_bytes = 0
        for transfer in self._open.values():
            transfer.asked_bytes = transfer.have_bytes
        self._hungry = [(transfer.order, digest) for digest, transfer in self._open.items()]
        heapq.heapify(self._hungry)

    def asks(self, window_bytes: int, chunk_bytes: int) -> Iterator[Want]:
        """What to ask for now, so that at most `window_bytes` are outstanding (but always at least one chunk)."""
        while not self.paused and self._hungry and (self.outstanding_bytes == 0 or self.outstanding_bytes + chunk_bytes <= window_bytes):
            order, digest = self._hungry[0]
            transfer = self._open.get(digest)
            if transfer is None or transfer.order != order or transfer.asked_bytes >= transfer.size_bytes:
                heapq.heappop(self._hungry)
                continue
            length = min(chunk_bytes, transfer.size_bytes - transfer.asked_bytes)
            offset = transfer.asked_bytes
            transfer.asked_bytes += length
            self.outstanding_bytes += length
            yield Want(digest, offset, length)

    def arrived(self, digest: Digest, offset_bytes: int, length_bytes: int, total_bytes: int) -> bool:
        """A chunk came. True when it is the next one of its blob: keep it. False: nobody waits for it, or it is not the next."""
        transfer = self._open.get(digest)
        if (
            transfer is None
            or offset_bytes != transfer.have_bytes
            or total_bytes != transfer.size_bytes
            or not 0 < length_bytes <= transfer.asked_bytes - offset_bytes
        ):
            return False
        transfer.have_bytes += length_bytes
        self.outstanding_bytes -= length_bytes
        if transfer.have_bytes == transfer.size_bytes:
            del self._open[digest]
        return True
