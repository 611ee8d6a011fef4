"""Sockets by plain ASGI: what serves where uvicorn is not as direct.py needs it, or with `--plain-sockets`.

Slower and dearer, with two tasks and uvicorn's own protocol for each connection, and with less to tell:
pongs are uvicorn's affair, and an end without a close frame looks like one without a code.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

from channels import socket as sockets
from channels.codec import Codec, Frame
from channels.frames import INTERNAL, NO_STATUS
from channels.handshake import Knock, Request
from channels.protocol import CloseCode, close_reason
from channels.socket import ABNORMAL, SLOW_RETRY_SECONDS, Denial, Door, Socket
from channels.supervisor import stop

_log = logging.getLogger("holdfast.socket")


async def serve_plainly(websocket: WebSocket, door: Door) -> None:
    """Refuse over HTTP, or accept and converse to the end. Middlewares have asked what others know."""
    knock = _knock(websocket.scope)
    admitted = door.admit(knock)
    if isinstance(admitted, Denial):
        response = Response(admitted.body, admitted.status)
        response.raw_headers = list(admitted.headers)
        await websocket.send_denial_response(response)
        return
    await websocket.accept(admitted.value)
    await PlainSocket(websocket, door).run(admitted, knock)


def _knock(scope: Scope) -> Knock:
    target = scope["path"].encode()
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    client = scope.get("client")
    request = Request(b"GET", target, scope["headers"])
    return Knock(request, request.value(b"cookie"), client[0] if client else None, below_asgi=False)


class PlainSocket(Socket):
    """A Socket over ASGI's `receive` and `send`."""

    __slots__ = ("_closing", "_patience", "_wake", "_websocket")

    def __init__(self, websocket: WebSocket, door: Door) -> None:
        super().__init__(door)
        self._websocket = websocket
        self._closing: tuple[int, str] | None = None
        self._patience = asyncio.timeout(None)
        self._wake = asyncio.Event()

    async def run(self, codec: Codec, knock: Knock) -> None:
        """Converse to the end."""
        writer = asyncio.create_task(self._write_for_ever())
        try:
            async with self._patience:
                self._begin(codec, knock)
                await self._receive_for_ever()
        except TimeoutError:
            pass  # it was closed, and the peer does not take that in
        except Exception:
            self.close(INTERNAL, "internal error")
            raise
        finally:
            self._over(ABNORMAL)
            self._tell_end(clean=False)
            if self._closing is not None:
                await asyncio.wait([writer], timeout=sockets.CLOSE_SECONDS)
            await stop(writer)

    async def _receive_for_ever(self) -> None:
        wanted = "text" if self.codec is Codec.JSON else "bytes"
        while True:
            event = await self._websocket.receive()
            if event["type"] == "websocket.disconnect":
                self._disconnected(event["code"])
                return
            data: bytes | str | None = event.get(wanted)
            if data is not None:
                self._heard(data)
            elif self.closed_with is None:
                self._heard_wrong_kind()

    def _disconnected(self, code: int) -> None:
        """ASGI reports an end without a code and one without a goodbye alike; neither counts as clean."""
        clean = self._over(code) and code not in {NO_STATUS, ABNORMAL}
        self._tell_end(clean=clean)

    def _write_now(self, made: Frame) -> bool:  # noqa: ARG002 - the writer sends it
        return False

    def _queue(self, made: Frame) -> None:
        super()._queue(made)
        self._wake.set()

    def push(self, frame: Frame) -> None:
        """Take a broadcast; only while ready."""
        super().push(frame)
        self._wake.set()

    def close(self, code: int, words: str = "", retry_after: float | None = None) -> None:
        """Begin to close, behind what is being sent and the answers; a slow one gets no answers."""
        answers = None if code == CloseCode.SLOW else self._answers
        if self._over(code):
            self._answers = answers
            self._closing = (code, close_reason(words, retry_after))
            self._wake.set()
            loop = asyncio.get_running_loop()
            loop.call_soon(self._tell_abnormal_end)
            self._patience.reschedule(loop.time() + sockets.CLOSE_SECONDS)

    async def _write_for_ever(self) -> None:
        try:
            while self._closing is None:
                await self._wake.wait()
                self._wake.clear()
                while (made := self._next()) is not None:
                    await self._send(made)
                if self.closed_with is None and not self.ready:
                    self.ready = True
                    self.door.ready(self)
            await self._websocket.close(*self._closing)
        except (OSError, RuntimeError, WebSocketDisconnect) as error:
            _log.debug("a socket closed under its writer: %s", error)  # its end is received, too
        except Exception:  # noqa: BLE001 - whatever it was, the socket must not stay open and mute
            _log.critical("a socket's writer died", exc_info=True)
            self.close(INTERNAL, "the writer died")
            with suppress(OSError, RuntimeError):
                await self._websocket.close(INTERNAL)

    async def _send(self, made: Frame) -> None:
        """By ASGI, which waits while the peer does not read: for so long, and no longer."""
        message: dict[str, Any] = {"type": "websocket.send"}
        if self.codec is Codec.JSON:
            message["text"] = made.data.decode()
        else:
            message["bytes"] = made.data
        try:
            async with asyncio.timeout(sockets.BLOCKED_SECONDS):
                await self._websocket.send(message)
        except TimeoutError:
            self.close(CloseCode.SLOW, "nothing read for too long", SLOW_RETRY_SECONDS)
