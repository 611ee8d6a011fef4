"""A TCP proxy that does to a connection what networks do.

    async with Proxy("127.0.0.1", redis.port) as proxy:
        ...  # clients connect to proxy.port
        proxy.mode = CutAfter()  # what is asked from now on takes effect, and is never answered
        proxy.mode = Healthy()

A mode counts for open connections and for new ones. What the proxy holds back is bounded: HELD_BYTES for
each direction of a connection; beyond that it stops reading, and whoever sends feels it as over a real line.
"""

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.torture.wire import (
    HELD_BYTES,
    Address,
    Connection,
    CutAfter,
    Delay,
    Drip,
    HalfClose,
    Healthy,
    Mode,
    Refuse,
    Reset,
    Silence,
    Weather,
)

__all__ = [
    "HELD_BYTES",
    "CutAfter",
    "Delay",
    "Drip",
    "HalfClose",
    "Healthy",
    "Mode",
    "Proxy",
    "Refuse",
    "Reset",
    "Silence",
]

BACKLOG = 1024


class Proxy:
    """Listens on a port of its own, also over a time of refusing; `mode` may be set at any moment.

    `at` is where it listens; port 0 is a free one. `listens` and `connects` make its sockets, which are those
    of another network where they are made there.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        seed: int = 0,
        at: Address = ("127.0.0.1", 0),
        listens: Callable[[], socket.socket] = socket.socket,
        connects: Callable[[], socket.socket] = socket.socket,
    ) -> None:
        self.host, self.port = at
        self.accepted = 0
        self._weather = Weather((host, port), random.Random(seed), connects)
        self._make = listens
        self._keeper: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._open: dict[Connection, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        self._keeper = self._bound()
        self.port = self._keeper.getsockname()[1]
        self._listen()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._listen_no_more()
        if self._keeper is not None:
            self._keeper.close()
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def mode(self) -> Mode:
        """What is done to connections now."""
        return self._weather.mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._weather.becomes(mode)
        if isinstance(mode, Refuse):
            self._listen_no_more()
        else:
            self._listen()
        if isinstance(mode, HalfClose):
            for connection in self._open:
                connection.half_close()

    @property
    def upstream(self) -> Address:
        """Where new connections lead."""
        return self._weather.upstream

    @upstream.setter
    def upstream(self, upstream: Address) -> None:
        self._weather.upstream = upstream

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    @property
    def cut(self) -> int:
        """How many it has reset."""
        return self._weather.cut

    def cut_all(self) -> None:
        """Reset every open connection, on both sides."""
        for connection in self._open:
            connection.reset()

    def _listen(self) -> None:
        if self._listener is not None:
            return
        self._listener = self._bound()
        self._listener.setblocking(False)
        self._listener.listen(BACKLOG)
        asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    def _listen_no_more(self) -> None:
        """The keeper still has the port: it is nobody else's, and whoever connects is refused."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
        self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            client, _ = listener.accept()
            self.accepted += 1
            connection = Connection(self._weather, client)
            task = asyncio.create_task(connection.run())
            self._open[connection] = task
            task.add_done_callback(lambda _: self._open.pop(connection, None))

    def _bound(self) -> socket.socket:
        """A socket on our port, which the keeper and the listener share."""
        made = self._make()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((self.host, self.port))
        return made
