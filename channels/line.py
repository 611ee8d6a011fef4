"""uvicorn's WebSocket protocol, plus what the ASGI messages don't say: a line that can be looked at and cut.

It tells when anything was last received (pongs included), whether the peer said goodbye or just went, and
when the peer does not read; it bounds control frames, fragments and what waits to be written; and it writes
whole prebuilt frames straight to the transport. uvicorn's class is not public, so `websocket_class` checks
what is used of it and falls back to uvicorn's own: then sockets work by plain ASGI, slower and with less to
tell.

A prebuilt frame never lands inside another one: uvicorn writes each outgoing frame whole, in one
`transport.write` on the event loop, and so does `write`; extensions are never negotiated, so no frame
depends on the one before.
"""

import asyncio
import inspect
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Any, Protocol, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame as WebSocketFrame
from websockets.protocol import OPEN

from channels.protocol import MAX_FRAME_BYTES, CloseCode

EXTENSION = "holdfast.socket"
"""Where an ASGI scope's `extensions` hold the line."""

HIGH_WATER = 32 * 1024
"""Unsent bytes at which a peer counts as not reading: few, for what waits there is old on arrival."""

NOT_SENT_LOW_WATER = 16 * 1024
CLOSE_SECONDS = 5.0
"""How long a closing handshake, or a last write, may take before the connection is cut."""

CONTROL_BURST = 20
CONTROL_PER_SECOND = 5.0
MAX_FRAGMENTS = 256
_SLICE = 4096
_PING = b"\x89\x00"

_log = logging.getLogger("holdfast.socket")


class Line(Protocol):
    """What a socket can see and do below ASGI. Times are the event loop's."""

    last_received: float
    said_goodbye: bool
    paused: bool
    resumed: Callable[[], None]

    def write(self, data: bytes) -> bool:
        """Write one whole frame now; False if the line is not open or the peer does not read."""
        ...

    def ping(self) -> None:
        """Ask the peer for a sign of life."""
        ...

    def buffered(self) -> int:
        """How many bytes wait to be sent."""
        ...

    def hang_up(self, code: int, reason: str) -> None:
        """Close, without waiting for the peer to read; cut after CLOSE_SECONDS."""
        ...


class HoldfastWebSocketProtocol(WebSocketsSansIOProtocol):
    """Given to uvicorn as `ws=`. It is a Line."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn.available_extensions = None
        self.conn.max_message_size = MAX_FRAME_BYTES
        self.last_received = self.loop.time()
        self.said_goodbye = False
        self.paused = False
        self.resumed: Callable[[], None] = lambda: None
        self._control_budget = float(CONTROL_BURST)
        self._control_at = self.last_received
        self._fragments = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep little in the buffers: what waits there can't be merged any more."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER)
        connection = transport.get_extra_info("socket")
        if connection is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            with suppress(OSError):  # a Unix socket has no such option
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOT_SENT_LOW_WATER)

    def data_received(self, data: bytes) -> None:
        """Anything is a sign of life. It is fed in slices, so that a flood is noticed in time."""
        self.last_received = self.loop.time()
        for start in range(0, len(data), _SLICE):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + _SLICE])

    def handle_ping(self) -> None:
        """Answer, within the budget."""
        if self._within_budget():
            super().handle_ping()

    def handle_pong(self, event: WebSocketFrame) -> None:
        """A sign of life, within the budget."""
        if self._within_budget():
            super().handle_pong(event)

    def _within_budget(self) -> bool:
        elapsed = self.last_received - self._control_at
        self._control_at = self.last_received
        self._control_budget = min(CONTROL_BURST, self._control_budget + elapsed * CONTROL_PER_SECOND) - 1
        if self._control_budget < 0:
            self._refuse("too many control frames")
        return self._control_budget >= 0

    def handle_text(self, event: WebSocketFrame) -> None:
        """A message begins."""
        self._fragments = 0
        super().handle_text(event)

    def handle_bytes(self, event: WebSocketFrame) -> None:
        """A message begins."""
        self._fragments = 0
        super().handle_bytes(event)

    def handle_cont(self, event: WebSocketFrame) -> None:
        """A message goes on, in a bounded number of parts."""
        self._fragments += 1
        if self._fragments > MAX_FRAGMENTS:
            self._refuse("too many fragments")
        else:
            super().handle_cont(event)

    def _refuse(self, reason: str) -> None:
        if not self.transport.is_closing():
            self.conn.fail(CloseCode.POLICY, reason)
            self.handle_parser_exception()
            self._cut_later()

    def handle_close(self, event: WebSocketFrame) -> None:
        """The peer says goodbye, or answers ours."""
        self.said_goodbye = True
        super().handle_close(event)

    def pause_writing(self) -> None:
        """The peer does not read."""
        self.paused = True
        super().pause_writing()

    def resume_writing(self) -> None:
        """It reads again; who waits for that is told from the loop, for this may run inside a write."""
        self.paused = False
        super().resume_writing()
        self.loop.call_soon(self.resumed)

    def start_keepalive(self) -> None:
        """Nothing: instead of uvicorn's two timers a connection, one for all sockets pings (pulse.py)."""

    async def run_asgi(self) -> None:
        """Hand the line to the app; after it, nobody waits for a peer that does not read."""
        cast("dict[str, Any]", self.scope["extensions"])[EXTENSION] = self
        try:
            await super().run_asgi()
        finally:
            self._cut_later()

    def _cut_later(self) -> None:
        if not self.disconnected:
            self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def write(self, data: bytes) -> bool:
        """Write one whole frame now; False if the line is not open or the peer does not read."""
        if self.paused or self.close_sent or self.conn.state is not OPEN or self.transport.is_closing():
            return False
        self.transport.write(data)
        return True

    def ping(self) -> None:
        """Ask the peer for a sign of life; one that does not read is not asked."""
        self.write(_PING)

    def buffered(self) -> int:
        """How many bytes wait to be sent."""
        size: int = self.transport.get_write_buffer_size()
        return size

    def hang_up(self, code: int, reason: str) -> None:
        """Close as uvicorn does, but behind whatever waits, and cut after CLOSE_SECONDS."""
        if self.close_sent or self.conn.state is not OPEN or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.writable.set()  # who waits to send learns that it is over
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)


_USED_METHODS = {
    "connection_made": ["transport"],
    "data_received": ["data"],
    "handle_ping": [],
    "handle_pong": ["event"],
    "handle_text": ["event"],
    "handle_bytes": ["event"],
    "handle_cont": ["event"],
    "handle_close": ["event"],
    "handle_parser_exception": [],
    "pause_writing": [],
    "resume_writing": [],
    "start_keepalive": [],
    "run_asgi": [],
}
_VERSIONS = {"uvicorn": "0.54.", "websockets": "17."}


def problems() -> list[str]:
    """What of uvicorn or websockets is not as this class needs it; nothing, if it can be used."""
    found = [
        f"{name} is {version(name)}; the line is made for {wanted}*"
        for name, wanted in _VERSIONS.items()
        if not version(name).startswith(wanted)
    ]
    for name, parameters in _USED_METHODS.items():
        method = getattr(WebSocketsSansIOProtocol, name, None)
        if method is None or list(inspect.signature(method).parameters)[1:] != parameters:
            found.append(f"uvicorn's {name}({', '.join(parameters)}) is not what it was")
    return found


def websocket_class() -> type[asyncio.Protocol] | str:
    """What to give uvicorn as `ws=`: ours, or its own, with an error in the log, where ours can't work."""
    found = problems()
    if not found:
        return HoldfastWebSocketProtocol
    _log.error("sockets use plain ASGI, slower and less exact: %s", "; ".join(found))
    return "websockets-sansio"
