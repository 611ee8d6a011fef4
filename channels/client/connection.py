"""One socket that comes back by itself, as its close codes say (docs/errors.md).

It knows hello and welcome, heartbeats, goodbye and closing; what the messages mean is its listeners' matter.
A listener is told of each welcome, so that it can say again what it follows.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from itertools import count
from typing import Any, Final, Protocol

import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from channels.client.errors import HoldfastError, LineClosed, NotSignedIn, refusal
from channels.client.patience import Patience, may_go_well_later
from channels.codec import Codec
from channels.protocol import CloseCode, next_step

CONNECT_SECONDS: Final = 10.0
HEARTBEATS: Final = 2.5
"""So many heartbeats of silence are a lost connection."""

LOST: Final = 1006
FRAME_LIMIT: Final = 64 * 1024 * 1024
_TRY_AGAIN: Final = frozenset({408, 429})

Message = dict[str, Any]
Hello = Callable[[bool], Awaitable[Mapping[str, Any] | None]]


class Listener(Protocol):
    """Who is told. None of it may wait for an answer: answers come to `heard`."""

    async def welcomed(self, message: Message) -> None:
        """It is connected, for the first time or again."""

    async def heard(self, message: Message) -> None:
        """Something came, answers included."""

    def lost(self) -> None:
        """It is not connected for the moment."""

    def ended(self, error: HoldfastError) -> None:
        """It will not be connected again."""


class _Again(Exception):
    """Connect again after `delay` seconds, or by patience; `renew`: with another token."""

    def __init__(self, code: int = LOST, delay: float | None = None, *, renew: bool = False) -> None:
        super().__init__()
        self.code = code
        self.delay = delay
        self.renew = renew


class Connection:
    """`hello` gives the fields to show; with another token if it is asked to, None where there is none."""

    def __init__(
        self,
        url: str,
        hello: Hello,
        *,
        patience: Patience,
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.live = False
        self.stale = False
        self._url = url
        self._hello = hello
        self._patience = patience
        self._chance = chance
        self._sleep = sleep
        self._listeners: list[Listener] = []
        self._refs = count(1)
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._ended: HoldfastError | None = None
        self._goodbye: float | None = None
        self._attempt = 0
        self._silence = CONNECT_SECONDS

    async def listen(self, listener: Listener) -> None:
        """Tell this one from now on; the first opens it. Raises what has ended it."""
        if self._ended is not None:
            raise self._ended
        self._listeners.append(listener)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="holdfast connection")
        elif self.live:
            await listener.welcomed({})

    def leave(self, listener: Listener) -> None:
        """Tell this one no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    async def say(self, kind: str, **fields: Any) -> int | None:
        """Send a message; its `ref`, or None while not connected: the next welcome is the time to say it."""
        if self._socket is None:
            return None
        ref = next(self._refs)
        given = {name: value for name, value in fields.items() if value is not None}
        with suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._socket.send(msgpack.packb({"type": kind, "ref": ref, **given}))
        return ref

    async def close(self) -> None:
        """For good, from this side."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._end(LineClosed(1000))

    def _end(self, error: HoldfastError) -> None:
        if self._ended is None:
            self._ended = error
            for listener in tuple(self._listeners):
                listener.ended(error)

    # Connecting, again and again.

    async def _run(self) -> None:
        renew, refused = False, LineClosed(CloseCode.UNAUTHORIZED)
        try:
            while True:
                try:
                    hello = await self._hello(renew)
                    if hello is None:
                        raise refused
                    renew = False
                    await self._converse(hello)
                except _Again as again:
                    renew, delay = again.renew, again.delay
                    refused = LineClosed(again.code)
                except HoldfastError as error:
                    if not may_go_well_later(error):
                        raise
                    delay = None
                self._attempt += 1
                wait = self._patience.wait(self._attempt, None, self._chance)
                await self._sleep(wait if delay is None else delay)
        except HoldfastError as error:
            self._end(error)
        except Exception as error:
            self._end(LineClosed(1011, f"{type(error).__name__}: {error}"))
            raise

    async def _converse(self, hello: Mapping[str, Any]) -> None:
        """One connection from its hello to its end, which is always an exception that says what next."""
        self._silence, self._goodbye = CONNECT_SECONDS, None
        try:
            socket = await connect(
                self._url,
                subprotocols=[Subprotocol(Codec.MSGPACK.value)],
                compression=None,
                max_size=FRAME_LIMIT,
                open_timeout=CONNECT_SECONDS,
                ping_interval=None,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            if 400 <= status < 500 and status not in _TRY_AGAIN:
                raise refusal(status, {"detail": "the server refuses the handshake"}) from None
            raise _Again from None
        except (OSError, InvalidHandshake, TimeoutError):
            raise _Again from None
        self._socket = socket
        try:
            await self._read(socket, hello)
        except TimeoutError:
            socket.transport.abort()
            raise _Again from None
        except ConnectionClosed:
            raise self._after(socket.close_code or LOST, socket.close_reason or "") from None
        finally:
            self._socket = None
            if self.live:
                self.live = False
                for listener in tuple(self._listeners):
                    listener.lost()
            await _let_go(socket)

    async def _read(self, socket: ClientConnection, hello: Mapping[str, Any]) -> None:
        asked = await self.say("hello", **hello)
        while True:
            async with asyncio.timeout(self._silence):
                data = await socket.recv()
            message: Message = msgpack.unpackb(data) if isinstance(data, bytes) else {}
            kind = message.get("type")
            if kind == "error" and message.get("ref") == asked:
                _refused_hello(message)
            elif kind == "welcome":
                await self._welcome(message)
            elif kind == "goodbye":
                self._goodbye = (message["after_ms"] + self._chance() * message["spread_ms"]) / 1000
            else:
                await self._tell(message)

    async def _welcome(self, message: Message) -> None:
        self._silence = message["heartbeat_seconds"] * HEARTBEATS
        self.live = True
        for listener in tuple(self._listeners):
            await listener.welcomed(message)

    async def _tell(self, message: Message) -> None:
        if message.get("type") == "heartbeat":
            self._attempt = 0
            self.stale = bool(message.get("stale"))
        for listener in tuple(self._listeners):
            await listener.heard(message)

    def _after(self, code: int, reason: str) -> Exception:
        """What a close asks for."""
        step = next_step(code)
        if step == "stop":
            return LineClosed(code, reason)
        given = re.search(r"retry_after=([\d.]+)", reason)
        delay = float(given[1]) if given else self._goodbye
        if step == "delay" and delay is None:
            delay = self._patience.base + self._patience.wait(self._attempt, None, self._chance)
        return _Again(code, delay, renew=step == "refresh")


def _refused_hello(message: Message) -> None:
    error = refusal(0, message)
    if isinstance(error, NotSignedIn):
        raise _Again(CloseCode.UNAUTHORIZED, renew=True)
    raise error


async def _let_go(socket: ClientConnection) -> None:
    """Without waiting long for the other side, which a dead network may delay for minutes."""
    with suppress(TimeoutError, ConnectionClosed, OSError):
        async with asyncio.timeout(1):
            await socket.close()
    socket.transport.abort()
