"""Faults of our own, planted to see whether a torture notices. Each changes a few real functions of the product while it lasts.

A new one is one function and one row. What it would do to people stands in its docstring. In this process: `with planted(name)`; in one of its
own: `python -m tools.torture.faulty NAME edge run …`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

from protocol.errors import Mistake
from tools.torture import faults_of_disks, faults_of_ends

Patches = Callable[[], list[tuple[Any, str, Any]]]

PLANTED: Final[dict[str, dict[str, Patches]]] = {
    "power": faults_of_disks.POWER,
    "rot": faults_of_disks.ROT,
    "kill": faults_of_ends.KILL,
    "network": faults_of_ends.NETWORK,
    "bytes": faults_of_ends.BYTES,
}

# Within so many rounds each is caught. Most take far fewer, and the first that shows it is the last; a slow machine takes more of some.
_ROUNDS: Final = {"power": 40_000, "rot": 20_000, "kill": 90, "network": 160, "bytes": 20_000}
_ROUNDS_OF: Final = {
    "secret-word": 400_000,
    "room-in-advance": 400,
    "slow-on-spaces": 800,
}  # memory is looked at behind all of them


def names(kind: str) -> list[str]:
    """Faults for this torture."""
    return sorted(PLANTED[kind])


def rounds(kind: str, name: str) -> int:
    """How many are enough to catch this fault."""
    return _ROUNDS_OF.get(name, _ROUNDS[kind])


def patches_of(name: str) -> list[tuple[Any, str, Any]]:
    """What this fault puts where: owner, attribute, value."""
    for faults in PLANTED.values():
        if name in faults:
            return faults[name]()
    raise Mistake(f"No fault “{name}” is known.")


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Within this block the product has this fault; none for an empty name."""
    with ExitStack() as stack:
        for owner, attribute, value in patches_of(name) if name else ():
            stack.enter_context(patch.object(owner, attribute, value))
        yield
