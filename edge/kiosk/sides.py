"""Both sides of a card: each is taken and looked at by itself, then they become one page."""

from __future__ import annotations


class Sides:
    """Which page is the front of the card that is being taken, and which its back; None: not yet."""

    def __init__(self) -> None:
        self.front: int | None = None
        self.back: int | None = None

    def begin(self) -> None:
        """Another card."""
        self.front = self.back = None

    def again(self, page: int) -> None:
        """This side is taken once more, or was dropped; any other page begins a card of its own."""
        if page == self.back:
            self.back = None
        elif page == self.front:
            self.front = None
        else:
            self.begin()

    def taken(self, page: int) -> None:
        """One side more. A device that takes both at once gives the front first."""
        if self.front is None:
            self.front = page
        elif self.back is None:
            self.back = page

    def lacks_back(self, page: int | None) -> bool:
        """This is the front of a card whose back nobody has taken yet."""
        return page is not None and page == self.front and self.back is None

    @property
    def both(self) -> tuple[int, int] | None:
        """The pages to be joined, when both are there."""
        return None if self.front is None or self.back is None else (self.front, self.back)
