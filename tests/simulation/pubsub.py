"""Pub/sub as a process hears it: in order, and with gaps wherever its connection breaks."""

import asyncio
from collections.abc import Callable

from tests.simulation.network import Server, Weather

Hear = Callable[[bytes], object]


class Bus:
    """One process' subscription. It connects anew by itself, and says then that there may have been a gap."""

    def __init__(self, server: Server, weather: Weather) -> None:
        self._server = server
        self._weather = weather
        self._listeners: dict[str, list[Hear]] = {}
        self._on_gap: list[Callable[[], object]] = []
        self._generation = 0
        self._latest = 0.0
        self.is_connected = True
        self.is_closed = False
        self.is_away = False

    def subscribe(self, channel: str, hear: Hear) -> None:
        self._listeners.setdefault(channel, []).append(hear)

    def on_gap(self, listener: Callable[[], object]) -> None:
        self._on_gap.append(listener)

    def published(self, channel: str, data: bytes) -> None:
        """The server has a message for it."""
        if self.is_connected and not self.is_away and channel in self._listeners:
            loop = asyncio.get_running_loop()
            self._latest = max(self._latest + 1e-7, loop.time() + self._weather.delay())
            loop.call_at(self._latest, self._hear, self._generation, channel, data)

    def _hear(self, generation: int, channel: str, data: bytes) -> None:
        if generation == self._generation and not self.is_closed:
            for hear in self._listeners[channel]:
                hear(data)

    def cut(self) -> None:
        """The connection breaks: what is on its way is lost."""
        if self.is_connected and not self.is_closed:
            self.is_connected = False
            self._generation += 1
            self._try_again()

    def cut_off(self, *, is_away: bool) -> None:
        """Nothing gets through, or does again: a stream loses nothing in its middle, so there is a gap."""
        self.is_away = is_away
        if is_away:
            self.cut()

    def _try_again(self) -> None:
        pause = 0.05 + 0.5 * self._weather.chance.random()
        asyncio.get_running_loop().call_later(pause, self._connect)

    def _connect(self) -> None:
        if self.is_closed:
            return
        if self.is_away or not self._server.is_up:
            self._try_again()
            return
        self.is_connected = True
        for listener in self._on_gap:
            listener()

    def close(self) -> None:
        self.is_closed = True
        self._generation += 1
