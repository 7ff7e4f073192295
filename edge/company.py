"""Who accompanies a visit: a person at the screen, or whoever asks through the hatch."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from edge import conversation as said
from edge.capture import dialogue
from edge.capture.mode import Mode
from edge.orders import Told


class Company(Protocol):
    """Who accompanies a visit."""

    def pages(self, mode: Mode) -> AsyncGenerator[said.SheetSeen | dialogue.PageTaken | dialogue.Captured | int, None]:
        """Wait for what is to be laid down and take it: what the worker reports, and the size of every input in bytes. Raises ScannerFailure
        and Trouble."""

    def show(self, show: said.Show) -> None:
        """The screen says this from now on."""

    def rest(self, rest: said.Rest) -> None:
        """Arm the only timer anew."""

    async def tell(self, told: Told) -> None:
        """It happened."""

    async def print(self, pages: tuple[int, ...]) -> None:
        """Put these pages on paper. Raises Trouble and PrinterFailure."""
