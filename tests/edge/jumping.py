"""An event loop whose clock somebody sets: minutes pass in a moment, and a busy machine changes nothing."""

from __future__ import annotations

import asyncio


class Jumping(asyncio.SelectorEventLoop):
    """`now` is its time. Threads and processes are waited for as ever."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def jump(self, seconds: float) -> None:
        """From outside: so much later, and what is due by then has been called."""
        self.now += seconds
        self.run_until_complete(self.pass_by(0.0))

    async def pass_by(self, seconds: float) -> None:
        """The same from inside."""
        self.now += seconds
        for _ in range(3):
            await asyncio.sleep(0)
