"""Planted faults of what is said and read: they come to light when a process is killed, a line fails, or a stranger sends bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

Patch = tuple[Any, str, Any]

KILL: Final[dict[str, Callable[[], list[Patch]]]] = {}
NETWORK: Final[dict[str, Callable[[], list[Patch]]]] = {}
BYTES: Final[dict[str, Callable[[], list[Patch]]]] = {}
