"""One browser's socket: its messages in, answers and broadcasts out, and neither ever waits for the other.

Where the server gives a Line (line.py), frames go straight to the transport while the peer reads.
Otherwise, and whenever it does not read, they wait for the writer: answers in a bounded queue, of
broadcasts at most one; the hub passes over a socket that is not `ready` and catches it up afterwards.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from starlette.websockets import WebSocket, WebSocketDisconnect

from channels.codec import Codec, Frame, FrameError, decode, frame
from channels.line import EXTENSION, Line
from channels.protocol import AnyClientMessage, CloseCode, ServerMessage, Welcome, close_reason
from channels.supervisor import stop

MAX_UNREAD_ANSWERS = 1024 * 1024
"""Bytes of its own answers that a client may leave unread."""

BLOCKED_SECONDS = 60.0
"""How long a client may read nothing at all while something waits for it."""

MAX_BAD_FRAMES = 3
SLOW_RETRY_SECONDS = 5.0
CLOSE_SECONDS = 1.0

_log = logging.getLogger("holdfast.socket")


class Disconnected(Exception):
    """The socket is closed. `clean` if the peer said so itself, with a close frame."""

    def __init__(self, code: int, *, clean: bool) -> None:
        super().__init__(f"closed with {code}")
        self.code = code
        self.clean = clean


class Registry(Protocol):
    """Where open sockets are known, for heartbeats and liveness."""

    def add(self, socket: "Socket") -> None:
        """A socket opened."""
        ...

    def remove(self, socket: "Socket") -> None:
        """It closed."""
        ...


class Socket:
    """An accepted WebSocket that speaks `codec`; use it as an async context manager.

    `on_ready(socket)` is called whenever it can take a broadcast again.
    """

    def __init__(
        self,
        websocket: WebSocket,
        codec: Codec,
        *,
        on_ready: Callable[["Socket"], None] = lambda _socket: None,
        registry: Registry | None = None,
    ) -> None:
        self.codec = codec
        self.ready = True
        self.deflates = False
        self.write: Callable[[bytes], object] | None = None
        self.greeted = False
        self.closed_with: int | None = None
        self._websocket = websocket
        self._on_ready = on_ready
        self._registry = registry
        self._line: Line | None = websocket.scope.get("extensions", {}).get(EXTENSION)
        self._answers: deque[Frame] = deque()
        self._unread = 0
        self._broadcast: Frame | None = None
        self._closing: tuple[int, str] | None = None
        self._busy = False
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._bad_frames = 0
        self._stuck: tuple[int, float] | None = None

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write_for_ever())
        if self._line is not None:
            self._line.resumed = self._resumed
        if self._registry is not None:
            self._registry.add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._registry is not None:
            self._registry.remove(self)
        if error is not None and not isinstance(error, Disconnected):
            self.close(1011, "internal error")
        self.close(1000)
        if self._line is not None:
            self._line.resumed = lambda: None
        if self._closing is not None and self._writer is not None:
            await asyncio.wait([self._writer], timeout=CLOSE_SECONDS)
        await stop(self._writer)

    # -- in -------------------------------------------------------------------------------------------------

    async def receive(self) -> AnyClientMessage:
        """The client's next message; raise Disconnected when there is none any more.

        A malformed frame is answered with `bad_request`, the third closes with 4500, the wrong kind with
        1003.
        """
        while True:
            data = await self._receive_frame()
            try:
                return decode(data, self.codec)
            except FrameError as error:
                self.answer(error.answer)
            self._bad_frames += 1
            if self._bad_frames >= MAX_BAD_FRAMES:
                self.close(CloseCode.BAD_FRAMES, "three malformed frames")

    async def _receive_frame(self) -> bytes | str:
        wanted, other = ("text", "bytes") if self.codec is Codec.JSON else ("bytes", "text")
        while True:
            event = await self._websocket.receive()
            if event["type"] == "websocket.disconnect":
                raise self._disconnected(event["code"])
            data: bytes | str | None = event.get(wanted)
            if self.closed_with is not None:
                continue
            if data is not None:
                return data
            self.close(CloseCode.WRONG_KIND, f"{self.codec.value} has {wanted} frames, not {other}")

    def _disconnected(self, code: int) -> Disconnected:
        if self.closed_with is not None:
            return Disconnected(self.closed_with, clean=False)
        self.closed_with = code
        self.ready = False
        clean = code in (1000, 1001) if self._line is None else self._line.said_goodbye
        return Disconnected(code, clean=clean)

    # -- out ------------------------------------------------------------------------------------------------

    def answer(self, message: ServerMessage) -> None:
        """Send the client something of its own; it goes before any broadcast that still waits."""
        if isinstance(message, Welcome):
            self.greeted = True
        made = frame(message, self.codec)
        if self._write_directly(made) or self.closed_with is not None:
            return
        self._answers.append(made)
        self._unread += len(made.data)
        if self._unread > MAX_UNREAD_ANSWERS:
            self.close(CloseCode.SLOW, "too many answers unread", SLOW_RETRY_SECONDS)
        self._wait_for_writer()

    def push(self, frame: Frame) -> None:
        """Take a broadcast; only while ready."""
        if not self._write_directly(frame) and self.closed_with is None:
            self._broadcast = frame
            self._wait_for_writer()

    def _write_directly(self, frame: Frame) -> bool:
        """Write now, if nothing that was said before still waits."""
        if self._line is None or self._busy or not self._line.write(frame.wire):
            return False
        if self._line.paused:
            self.ready = False
        return True

    def _wait_for_writer(self) -> None:
        self._busy = True
        self.ready = False
        self._wake.set()

    def close(self, code: int, words: str = "", retry_after: float | None = None) -> None:
        """Begin to close; `receive` then raises Disconnected. One that does not read is sent nothing more."""
        if self.closed_with is not None:
            return
        self.closed_with = code
        self.ready = False
        self._broadcast = None
        reason = close_reason(words, retry_after)
        if self._line is not None:
            self._answers.clear()
            self._line.hang_up(code, reason)
        else:
            if code == CloseCode.SLOW:
                self._answers.clear()
            self._closing = (code, reason)
            self._wake.set()

    async def _write_for_ever(self) -> None:
        try:
            while self._closing is None:
                await self._wake.wait()
                self._wake.clear()
                await self._write_all()
            await self._websocket.close(*self._closing)
        except (OSError, RuntimeError, WebSocketDisconnect) as error:
            _log.debug("a socket closed under its writer: %s", error)  # `receive` says so too
        except Exception:  # noqa: BLE001 - whatever it was, the socket must not stay open and mute
            _log.critical("a socket's writer died", exc_info=True)
            self.close(1011, "the writer died")

    async def _write_all(self) -> None:
        """Answers first, then the broadcast; then it is ready again."""
        while self._answers or self._broadcast is not None:
            await self._send(self._next())
        self._busy = False
        self._resumed()

    def _next(self) -> Frame:
        if self._answers:
            made = self._answers.popleft()
            self._unread -= len(made.data)
            return made
        made, self._broadcast = self._broadcast, None  # type: ignore[assignment]  # one of both is there
        return made

    async def _send(self, frame: Frame) -> None:
        """By ASGI, which waits while the peer does not read; without a line, the wait is timed here."""
        key = "text" if self.codec is Codec.JSON else "bytes"
        data = frame.data.decode() if self.codec is Codec.JSON else frame.data
        message = {"type": "websocket.send", key: data}
        if self._line is not None:
            await self._websocket.send(message)
            return
        try:
            async with asyncio.timeout(BLOCKED_SECONDS):
                await self._websocket.send(message)
        except TimeoutError:
            self.close(CloseCode.SLOW, "nothing read for too long", SLOW_RETRY_SECONDS)

    def _resumed(self) -> None:
        if self.closed_with is None and not self._busy and not (self._line is not None and self._line.paused):
            self.ready = True
            self._on_ready(self)

    # -- watched by the pulse -------------------------------------------------------------------------------

    def silent_seconds(self, now: float) -> float:
        """How long nothing has come, pongs included, at the loop's time `now`; 0 where nobody can tell."""
        return 0.0 if self._line is None else now - self._line.last_received

    def ping(self) -> None:
        """Ask for a sign of life."""
        if self._line is not None:
            self._line.ping()

    def close_if_stuck(self, now: float) -> None:
        """Close if the peer has read nothing at all for BLOCKED_SECONDS while something waited."""
        if self._line is None or self.ready or self.closed_with is not None:
            self._stuck = None
            return
        waiting = self._line.buffered()
        if self._stuck is None or self._stuck[0] != waiting:
            self._stuck = (waiting, now)
        elif now - self._stuck[1] >= BLOCKED_SECONDS:
            self.close(CloseCode.SLOW, "nothing read for too long", SLOW_RETRY_SECONDS)
