"""One connection through the proxy: two directions, what each holds back, and what a mode does to it."""

import asyncio
import contextlib
import random
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NoReturn

CHUNK_BYTES: Final = 64 * 1024
HELD_BYTES: Final = 256 * 1024
DRIPS_A_SECOND: Final = 20
CONNECT_SECONDS: Final = 5
RESET: Final = struct.pack("ii", 1, 0)

Way = Literal["requests", "answers", "both"]
Address = tuple[str, int]


@dataclass(frozen=True)
class Healthy:
    """All passes, at once."""


@dataclass(frozen=True)
class Delay:
    """All passes, in order, so many seconds after it came."""

    seconds: float
    way: Way = "both"


@dataclass(frozen=True)
class Drip:
    """So many bytes pass in a second."""

    rate: int
    way: Way = "both"


@dataclass(frozen=True)
class Silence:
    """Nothing passes and nobody is told; what was sent arrives when it ends, as TCP sees to it."""

    way: Way = "both"


@dataclass(frozen=True)
class CutAfter:
    """The connection is reset when the upstream answers, after so many bytes of the answer.

    That an answer comes shows that the upstream had all of the request and has done what it asks for.
    `when` is given what was asked since the last answer (its last HELD_BYTES); of the answers it says yes
    to, a `share` is cut.
    """

    answered: int = 0
    share: float = 1.0
    when: Callable[[bytes], bool] = bool


@dataclass(frozen=True)
class HalfClose:
    """The client reads an end; what it sends still arrives, and nothing comes back any more."""


@dataclass(frozen=True)
class Refuse:
    """Nobody listens; what is open stays open."""


@dataclass(frozen=True)
class Reset:
    """Whoever connects or sends is reset."""


Mode = Healthy | Delay | Drip | Silence | CutAfter | HalfClose | Refuse | Reset


class Weather:
    """What all connections of a proxy go through now."""

    def __init__(
        self, upstream: Address, chance: random.Random, connects: Callable[[], socket.socket]
    ) -> None:
        self.upstream = upstream
        self.connects = connects
        self.chance = chance
        self.mode: Mode = Healthy()
        self.changed = asyncio.Event()
        self.cut = 0

    def becomes(self, mode: Mode) -> None:
        """Change it, for whatever is held back as well."""
        self.mode = mode
        self.changed.set()
        self.changed = asyncio.Event()


class Connection:
    """One client and its way to the upstream."""

    def __init__(self, weather: Weather, client: socket.socket) -> None:
        self.weather = weather
        self.asked = bytearray()
        self.ways: tuple[_Way, ...] = ()
        self._client = client
        self._sides = [client]
        self._tasks: list[asyncio.Task[None]] = []
        self._is_reset = False
        client.setblocking(False)

    async def run(self) -> None:
        """Carry until both sides have ended, or either is reset, which the other is told."""
        try:
            upstream = await self._connect()
            self.ways = (
                _Way(self, "requests", self._client, upstream),
                _Way(self, "answers", upstream, self._client),
            )
            self._tasks = [asyncio.create_task(run) for way in self.ways for run in (way.read(), way.write())]
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
        except (OSError, TimeoutError):
            self._is_reset = True
        finally:
            await self._close()

    async def _connect(self) -> socket.socket:
        if isinstance(self.weather.mode, Reset):
            raise ConnectionResetError
        upstream = self.weather.connects()
        upstream.setblocking(False)
        self._sides.append(upstream)
        async with asyncio.timeout(CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(upstream, self.weather.upstream)
        for side in self._sides:
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return upstream

    def reset(self) -> None:
        """Both sides are told that the connection is gone, as roughly as TCP can."""
        self.weather.cut += 1
        self._is_reset = True
        for task in self._tasks:
            task.cancel()

    def half_close(self) -> None:
        """The client reads an end."""
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_WR)

    async def _close(self) -> None:
        # a number that is closed while the loop still waits for it might be another socket's by then
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._is_reset or any(isinstance(each, OSError) for each in ended):
            for side in self._sides:
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        for side in self._sides:
            side.close()


class _Way:
    """One direction of a connection. An empty piece is the end of what the source sends."""

    def __init__(
        self,
        connection: Connection,
        way: Literal["requests", "answers"],
        source: socket.socket,
        sink: socket.socket,
    ) -> None:
        self._connection = connection
        self._weather = connection.weather
        self.way = way
        self._source = source
        self._sink = sink
        self._held: deque[tuple[float, bytes]] = deque()
        self.held_bytes = 0
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def read(self) -> None:
        """Take what comes, while there is room for it."""
        piece = b"?"
        while piece:
            while self.held_bytes > HELD_BYTES - CHUNK_BYTES:
                await self._has_changed()
            piece = await self._loop.sock_recv(self._source, CHUNK_BYTES)
            self._looks_at(piece)
            self._held.append((self._loop.time(), piece))
            self.held_bytes += len(piece)
            self._changed.set()

    async def write(self) -> None:
        """Give on what is held, when the mode allows it."""
        while True:
            while not self._held:
                await self._has_changed()
            came, piece = self._held[0]
            await self._until_allowed(came)
            if not piece:
                self._sink.shutdown(socket.SHUT_WR)
                return
            await self._give(piece)

    async def _until_allowed(self, came: float) -> None:
        """Return when what came then may pass under the mode of that moment."""
        while (wait := self._wait(came)) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._weather.changed.wait(), None if wait == float("inf") else wait)

    def _wait(self, came: float) -> float:
        mode = self._weather.mode
        if isinstance(mode, Silence) and self._is_meant(mode.way):
            return float("inf")
        if isinstance(mode, Delay) and self._is_meant(mode.way):
            return came + mode.seconds - self._loop.time()
        return 0

    async def _give(self, piece: bytes) -> None:
        mode = self._weather.mode
        if isinstance(mode, Drip) and self._is_meant(mode.way):
            await asyncio.sleep(1 / DRIPS_A_SECOND)
            part = piece[: max(mode.rate // DRIPS_A_SECOND, 1)]
        else:
            part = piece
        came, _ = self._held.popleft()
        if rest := piece[len(part) :]:
            self._held.appendleft((came, rest))
        self.held_bytes -= len(part)
        self._changed.set()
        await self._send(part, mode)

    async def _send(self, part: bytes, mode: Mode) -> None:
        if isinstance(mode, HalfClose) and self.way == "answers":
            self._connection.half_close()
            return
        if isinstance(mode, Reset):
            self._ends()
        if isinstance(mode, CutAfter) and self.way == "answers" and self._is_cut(mode):
            with contextlib.suppress(OSError):
                self._sink.send(part[: mode.answered])
            self._ends()
        await self._loop.sock_sendall(self._sink, part)
        if self.way == "answers":
            self._connection.asked.clear()

    def _ends(self) -> NoReturn:
        """Nothing passes after what was cut: a stream never lacks its middle."""
        self._connection.reset()
        raise ConnectionResetError

    def _is_cut(self, mode: CutAfter) -> bool:
        return mode.when(bytes(self._connection.asked)) and self._weather.chance.random() < mode.share

    def _looks_at(self, piece: bytes) -> None:
        if self.way == "requests":
            asked = self._connection.asked
            asked += piece
            del asked[:-HELD_BYTES]

    def _is_meant(self, way: Way) -> bool:
        return way in {"both", self.way}

    async def _has_changed(self) -> None:
        self._changed.clear()
        await self._changed.wait()
