"""How a fault of our own gets in: under a real part of one node, or in the place of a function for as long as one simulation lasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def slip(part: object, fault: type) -> None:
    """From now on this part has the fault: `fault` is a subclass of its class."""
    assert issubclass(fault, type(part)), f"{fault.__name__} is no {type(part).__name__}"
    part.__class__ = fault


def swap(owner: Any, name: str, other: object) -> Callable[[], None]:
    """From now on `owner` (a class or module) has `other` under this name; what is given back takes it away again."""
    real = vars(owner)[name]
    setattr(owner, name, other)
    return lambda: setattr(owner, name, real)
