"""What is given at the counter to whoever asks for bytes."""

from __future__ import annotations

import pytest

from cloud.admission import Guest, Kind
from cloud.counter import Counter
from protocol.keys import CurvePair
from tests.cloud.conftest import Town


@pytest.mark.parametrize("beyond", [0, 1, 1 << 50])
def test_at_its_end_a_blob_has_nothing_more_to_give(town: Town, beyond: int) -> None:
    counter = Counter(town.ledger, CurvePair(bytes(32)), lambda: town.now, lambda: None)
    newcomer = Guest(Kind.INVITATION, "gartz", bytes(32))
    current = town.ledger.known.current
    assert current.digest is not None
    size_bytes = len(current.raw)
    assert counter.read(newcomer, current.digest, size_bytes - 1, 4096) == (current.raw[-1:], size_bytes)
    assert counter.read(newcomer, current.digest, size_bytes + beyond, 4096) is None
