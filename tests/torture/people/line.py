"""A browser's WebSocket as cheap as one can be: an asyncio protocol, zero masks, frames of one piece."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

import msgpack

OPEN_SECONDS: Final = 10.0
CLOSE, PING, PONG = 8, 9, 10
GONE: Final = 1006
"""The code of a line that ended without a word."""

_REQUEST = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: holdfast.v1.msgpack\r\n\r\n"
)


Hears = Callable[[bytes], None]
Ended = Callable[["Line", int], None]


class Unanswered(Exception):
    """Nobody can say whether it was done: the line broke, or time ran out.

    `retry_after` is how many seconds to wait before it is asked again, as far as somebody said so.
    """

    def __init__(self, why: str = "", retry_after: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after = retry_after


def frame(payload: bytes, opcode: int = 2) -> bytes:
    """A client's frame; a mask of zeros is one, too."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, 0x80 | size)) + bytes(4) + payload
    return bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big") + bytes(4) + payload


class Line(asyncio.Protocol):
    """`hears(payload)` gets every message, `ended(line, code)` comes once, after `is_open` was true."""

    __slots__ = ("_code", "_ended", "_hears", "_opened", "_rest", "_transport", "is_mute", "is_open", "port")

    def __init__(self, port: int, hears: Hears, ended: Ended) -> None:
        self.port = port
        self.is_open = False
        self.is_mute = False
        """Whether it no longer answers pings: as one whose network is gone."""
        self._hears = hears
        self._ended = ended
        self._rest = b""
        self._code = GONE
        self._transport: asyncio.Transport | None = None
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def opens(cls, port: int, hears: Hears, ended: Ended, source: str = "") -> "Line":
        """Connect and upgrade; raise OSError where that does not come about."""
        loop = asyncio.get_running_loop()
        line = cls(port, hears, ended)
        here = (source, 0) if source else None
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await loop.create_connection(lambda: line, "127.0.0.1", port, local_addr=here)
                await line._opened
        except TimeoutError:
            line.cuts()
            raise ConnectionError("no upgrade in time") from None
        return line

    def says(self, message: dict[str, Any]) -> None:
        """Send a message."""
        self._write(frame(msgpack.packb(message)))

    def closes(self) -> None:
        """Close as a page does that goes away."""
        self._write(frame((1001).to_bytes(2, "big"), CLOSE))
        if self._transport is not None:
            self._transport.close()

    def cuts(self) -> None:
        """End it as a crash does."""
        if self._transport is not None:
            self._transport.abort()

    def stops_reading(self) -> None:
        """Leave everything where it is, pings too."""
        if self._transport is not None:
            self._transport.pause_reading()

    def reads_on(self) -> None:
        """Read what has come meanwhile, and all that follows."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._write(_REQUEST.format(port=self.port).encode())

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        if not self.is_open:
            data = self._upgraded(data)
        start = 0
        while (end := _end_of(data, start)) is not None:
            head, start_of_next = end
            self._takes(data[start] & 0x0F, data[head:start_of_next])
            start = start_of_next
        self._rest = data[start:]

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._opened.done():
            self._opened.set_exception(ConnectionError("closed before it was open"))
            self._opened.exception()  # whoever waited may have given up
        if self.is_open:
            self.is_open = False
            self._ended(self, self._code)

    def _upgraded(self, data: bytes) -> bytes:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            self._rest = data
            return b""
        if self._opened.done():
            return b""
        if head.startswith(b"HTTP/1.1 101"):
            self.is_open = True
            self._rest = b""
            self._opened.set_result(None)
            return rest
        self._opened.set_exception(ConnectionError(head.split(b"\r\n")[0].decode()))
        self.cuts()
        return b""

    def _takes(self, opcode: int, payload: bytes) -> None:
        if opcode == 2:
            self._hears(payload)
        elif opcode == PING and not self.is_mute:
            self._write(frame(payload, PONG))
        elif opcode == CLOSE:
            self._code = int.from_bytes(payload[:2], "big") or GONE
            self._write(frame(payload[:2], CLOSE))


def _end_of(data: bytes, start: int) -> tuple[int, int] | None:
    """Where the payload of the frame at `start` begins and ends; None if it is not whole yet."""
    if len(data) < start + 2:
        return None
    size, head = data[start + 1], start + 2
    if size >= 126:
        head += 2 if size == 126 else 8
        if len(data) < head:
            return None
        size = int.from_bytes(data[start + 2 : head], "big")
    return (head, head + size) if len(data) >= head + size else None
