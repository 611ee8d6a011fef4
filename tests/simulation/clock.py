"""A machine's clock: it goes on with virtual time, ahead or behind, and sometimes jumps."""

import asyncio

from tests.simulation.determinism import START_MS


class Clock:
    """`ahead` of the right time by so many seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ahead: float = 0.0) -> None:
        self._loop = loop
        self.ahead = ahead

    def milliseconds(self) -> int:
        return self.microseconds() // 1000

    def microseconds(self) -> int:
        return START_MS * 1000 + int((self._loop.time() + self.ahead) * 1e6)

    def monotonic(self) -> float:
        """Never jumps."""
        return self._loop.time()
