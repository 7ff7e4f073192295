"""Why a device does not answer, for whoever looks after the cabin. Asked for only then: it may take seconds, and says more than a state can."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable


class Complaint(NamedTuple):
    """`why` stands in brackets behind “does not answer”, without a full stop; `remedy` is an imperative sentence, empty where cable, power and
    edge.toml are all there is to look at."""

    why: str
    remedy: str = ""


@runtime_checkable
class Complaining(Protocol):
    """A device that knows more about its trouble than its state."""

    def complaint(self) -> Complaint | None:
        """What keeps it from answering; None when nothing does. Does nothing with paper. Never raises; takes some seconds at most."""
