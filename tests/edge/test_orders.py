"""What comes through the hatch: whatever it is, only Refused comes out. Found by `kabine torture bytes`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge import orders
from protocol.errors import Code, Refused


@pytest.mark.parametrize("read", [orders.request, orders.told])
@pytest.mark.parametrize(
    "raw",
    [b'{"request":"\xfa"}', b'{"event":"\xfa"}', b'{"event":' + b"[" * 30_000, b'{"request":' + b"[" * 30_000],
    ids=["no text", "no text told", "nested", "nested told"],
)
def test_bytes_that_are_no_text_or_nested_without_end_are_refused(read: Callable[[bytes], object], raw: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read(raw)
    assert refused.value.code is Code.MALFORMED
