"""What stands on the screen, counted: so that a screen knows when to look again, and a late tap is known as one."""

from __future__ import annotations

import asyncio


class Bell:
    """`version` numbers what is to be seen, `turn` the questions: a tap that carries an older one answers a question that is no longer asked, as
    the second of a double tap does, and does nothing. `boot` tells one process from the next; `scene` stands there at the beginning."""

    def __init__(self, boot: str, scene: str) -> None:
        self._boot = boot
        self._rung = asyncio.Event()
        self._number = 0
        self._question = 0
        self._asked = scene

    @property
    def turn(self) -> str:
        """The number of the question that is asked."""
        return str(self._question)

    @property
    def version(self) -> str:
        """The number of what is to be seen."""
        return f"{self._boot}-{self._number}"

    def answered(self) -> None:
        """The question was answered, whatever comes of it."""
        self._question += 1

    def ring(self, scene: str) -> None:
        """Something else is to be seen; on another page another question is asked."""
        self._number += 1
        if scene != self._asked:
            self._asked = scene
            self._question += 1
        rung, self._rung = self._rung, asyncio.Event()
        rung.set()

    async def rings(self) -> None:
        """Wait for the next time."""
        await self._rung.wait()

    async def version_after(self, version: str) -> str:
        """The number of what is to be seen, as soon as it is another one than `version`."""
        while self.version == version:
            await self._rung.wait()
        return self.version
