"""A promise was broken: what the whole simulation looks for."""

from __future__ import annotations


class BrokenPromise(Exception):  # noqa: N818  (a noun of this house, not a suffix)
    """A violation: what, where and when."""


def expect(holds: bool, what: str) -> None:
    """Raises BrokenPromise, which says `what`, unless it `holds`."""
    if not holds:
        raise BrokenPromise(what)
