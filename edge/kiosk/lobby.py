"""What a guest needs of the house around the screen."""

from __future__ import annotations

from typing import Protocol

from edge import conversation as said
from edge.kiosk.able import Able
from edge.kiosk.handouts import Handouts
from edge.kiosk.reference import Reference
from edge.orders import Told


class Lobby(Protocol):
    """What a guest needs of the house around the screen. `reference` knows, `handouts` puts on paper, `able` says what the devices let do."""

    reference: Reference
    handouts: Handouts
    able: Able

    def changed(self) -> None:
        """Another page stands there: whoever looks is told."""

    def rest(self, rest: said.Rest) -> None:
        """Arm the only timer anew."""

    def tell(self, told: Told) -> None:
        """The board in the back room hears of it."""

    def over(self) -> None:
        """The visit has ended."""
