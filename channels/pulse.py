"""All open sockets of this process: heartbeats, pings, deadlines and who is silent, by timers they share."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from channels.codec import Codec, frame
from channels.frames import PING_FRAME
from channels.protocol import CloseCode, Goodbye, Heartbeat
from channels.sender import Sender
from channels.socket import Socket
from channels.source import Subscriber
from channels.supervisor import stop, supervise

SILENT_SECONDS = 60.0
"""A socket from which nothing came for so long, or for `liveness_seconds` if that is longer, is closed."""

HELLO_SECONDS = 10.0
"""How long a socket may be open without a `hello` that holds."""

SWEEP_SECONDS = 1.0
_AT_ONCE = 256


def _nothing(_socket: Socket) -> None:
    """The default of callbacks."""


class Pulse:
    """Give it to each Socket as its `registry`.

    `stale()` says whether maps may be old, which heartbeats carry. `on_silent(socket)` is called once when
    nothing has come from a socket for `liveness_seconds`, `on_heard(socket)` when something comes again.
    """

    def __init__(
        self,
        *,
        heartbeat_seconds: float,
        liveness_seconds: float,
        stale: Callable[[], bool] = lambda: False,
        on_silent: Callable[[Socket], None] = _nothing,
        on_heard: Callable[[Socket], None] = _nothing,
        sender: Sender | None = None,
    ) -> None:
        self.sockets: set[Socket] = set()
        self.draining = False
        self._silent: set[Socket] = set()
        self._strangers: dict[Socket, float] = {}
        self._heartbeat_seconds = heartbeat_seconds
        self._liveness_seconds = liveness_seconds
        self._ping_seconds = min(heartbeat_seconds, liveness_seconds / 3)
        self._pings_ride = self._ping_seconds == heartbeat_seconds
        self._stale = stale
        self._on_silent = on_silent
        self._on_heard = on_heard
        self._sender = sender or Sender()
        self._beat_now = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin."""
        work = {"heartbeats": self._beat_for_ever, "liveness": self._sweep_for_ever}
        if not self._pings_ride:
            work["pings"] = self._ping_for_ever
        self._tasks = [asyncio.create_task(supervise(name, each)) for name, each in work.items()]

    async def close(self) -> None:
        """End; sockets stay as they are."""
        for task in self._tasks:
            await stop(task)

    def add(self, socket: Socket) -> None:
        """A socket opened; while draining, it is sent elsewhere at once."""
        self.sockets.add(socket)
        self._strangers[socket] = asyncio.get_running_loop().time() + HELLO_SECONDS
        if self.draining:
            socket.close(CloseCode.DRAIN, "going away")

    def remove(self, socket: Socket) -> None:
        """It closed."""
        self.sockets.discard(socket)
        self._silent.discard(socket)
        self._strangers.pop(socket, None)

    def met(self, socket: Subscriber) -> None:
        """It has said hello."""
        self._strangers.pop(socket, None)  # type: ignore[call-overload]  # sockets are known by identity

    def beat_soon(self) -> None:
        """Send a heartbeat now, because what it says about staleness has changed."""
        self._beat_now.set()

    async def _beat_for_ever(self) -> None:
        """A round of heartbeats is spread over half of the time between two, as their pongs then are.

        News of staleness does not wait for the next round.
        """
        while True:
            if not await self._told_within(self._heartbeat_seconds / 2):
                await self._beat_in_a_round()
            if self._beat_now.is_set():
                self._beat_now.clear()
                await self.beat()

    async def _beat_in_a_round(self) -> None:
        found = list(self.sockets)
        pause = _pause(self._heartbeat_seconds / 2, found)
        for begin in range(0, max(len(found), 1), _AT_ONCE):
            self._beat(found[begin : begin + _AT_ONCE])
            if await self._told_within(pause):
                return

    async def _told_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._beat_now.wait(), seconds)
        return self._beat_now.is_set()

    async def beat(self) -> None:
        """A heartbeat to every greeted socket that reads, now."""
        async for some in self._parts():
            self._beat(some)

    def _beat(self, some: list[Socket]) -> None:
        """One shared heartbeat to each that has read what came before; the ping that is due then to all."""
        message = Heartbeat(server_time=time.time_ns() // 1_000_000, stale=self._stale())
        frames = {codec: frame(message, codec) for codec in Codec}
        ping = PING_FRAME if self._pings_ride else b""
        wires = {codec: made.wire + ping for codec, made in frames.items()}
        direct = defaultdict[Codec, list[Socket]](list)
        for socket in some:
            if socket.greeted and socket.ready:
                if socket.write is None:
                    socket.push(frames[socket.codec])
                else:
                    direct[socket.codec].append(socket)
            elif self._pings_ride and socket.greeted:
                socket.ping()  # it is behind: what is not asked for a sign of life gives none
        for codec, sockets in direct.items():
            for place, rest in self._sender.send([each.descriptor for each in sockets], wires[codec]):
                write = sockets[place].write
                if write is not None:
                    write(rest)

    async def _parts(self, *, over_seconds: float = 0.0) -> AsyncIterator[list[Socket]]:
        """Every socket that is open now, in parts of _AT_ONCE, with pauses that add up to `over_seconds`."""
        found = list(self.sockets)
        pause = _pause(over_seconds, found)
        for begin in range(0, len(found), _AT_ONCE):
            yield found[begin : begin + _AT_ONCE]
            await asyncio.sleep(pause)

    async def _ping_for_ever(self) -> None:
        """A round of pings is spread over half of the time between two: 10,000 never go out at once."""
        half = self._ping_seconds / 2
        while True:
            began = time.monotonic()
            async for some in self._parts(over_seconds=half):
                for socket in some:
                    socket.ping()
            await asyncio.sleep(max(half, self._ping_seconds - (time.monotonic() - began)))

    async def _sweep_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(SWEEP_SECONDS, self._liveness_seconds / 3))
            self._close_strangers(loop.time())
            async for some in self._parts():
                self._look_at(some, loop.time())

    def sweep(self, now: float) -> None:
        """Find who is silent, who is back, and who must be closed."""
        self._close_strangers(now)
        self._look_at(list(self.sockets), now)

    def _close_strangers(self, now: float) -> None:
        """Close who has not said hello in time; insertion order is deadline order."""
        while self._strangers and next(iter(self._strangers.values())) <= now:
            socket = next(iter(self._strangers))
            del self._strangers[socket]
            socket.close(CloseCode.HELLO_TIMEOUT, "no hello came")

    def _look_at(self, some: list[Socket], now: float) -> None:
        """Most are neither silent nor stuck, and pass by the two comparisons; a closed one is left alone."""
        for socket in some:
            silent = socket.silent_seconds(now)
            if silent >= self._liveness_seconds or socket in self._silent:
                if socket not in self.sockets:
                    continue
                if silent >= max(SILENT_SECONDS, self._liveness_seconds):
                    socket.close(CloseCode.SILENT, "nothing came for too long")
                    continue
                self._tell(socket, silent=silent >= self._liveness_seconds)
            if not socket.ready or socket.was_stuck:
                socket.close_if_stuck(now)

    def _tell(self, socket: Socket, *, silent: bool) -> None:
        if silent and socket not in self._silent:
            self._silent.add(socket)
            self._on_silent(socket)
        elif not silent and socket in self._silent:
            self._silent.discard(socket)
            self._on_heard(socket)

    async def drain(self, *, after_ms: int = 0, spread_ms: int = 5000, reason: str = "going away") -> None:
        """Say goodbye to all, then close one after the other over `spread_ms`; takes no longer than both."""
        self.draining = True
        for socket in list(self.sockets):
            socket.answer(Goodbye(reason=reason, after_ms=after_ms, spread_ms=spread_ms))
        loop = asyncio.get_running_loop()
        begin = loop.time() + after_ms / 1000
        leaving = list(self.sockets)
        random.shuffle(leaving)
        for place, socket in enumerate(leaving):
            due = begin + place / len(leaving) * spread_ms / 1000
            await asyncio.sleep(max(0.0, due - loop.time()))
            if socket in self.sockets:
                socket.close(CloseCode.DRAIN, reason)


def _pause(seconds: float, sockets: list[Socket]) -> float:
    """The pause behind each part of _AT_ONCE sockets, so that all parts together take `seconds`."""
    return seconds / max(1, -(-len(sockets) // _AT_ONCE))
