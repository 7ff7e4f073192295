"""What thousands of starts reckon from the same few values, reckoned once: who a recipient is, whether a directory is sound, how a key is
wrapped and what a wrapped key is.

As with `engines`: nothing that lies on a disk is remembered, and nothing that failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final
from unittest.mock import patch

import cloud.known
import edge.buffer
import edge.storage.directory
import edge.storage.journal
from protocol.manifest import unverified
from protocol.publication import verify_first
from protocol.recipients import parse_recipient, unwrap_key, wrap_key

_VALUES_MAX: Final = 64


@contextmanager
def remembered() -> Iterator[None]:
    """Within this block."""
    with (
        patch.object(edge.buffer, "parse_recipient", lru_cache(_VALUES_MAX)(parse_recipient)),
        patch.object(edge.storage.directory, "verify_first", lru_cache(_VALUES_MAX)(verify_first)),
        patch.object(edge.storage.journal, "wrap_key", lru_cache(_VALUES_MAX)(wrap_key)),
        patch.object(cloud.known, "unverified", lru_cache(_VALUES_MAX)(unverified)),
        patch.object(cloud.known, "unwrap_key", lru_cache(_VALUES_MAX)(unwrap_key)),
    ):
        yield
