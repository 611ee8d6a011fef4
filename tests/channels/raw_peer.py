"""A client that may break every rule of RFC 6455: it sends what bytes it likes and reads frames strictly."""

import asyncio
import os
from typing import NamedTuple, Self

from websockets.utils import apply_mask

from channels.codec import Codec
from channels.handshake import accept_of

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
PATIENCE = 60


class Received(NamedTuple):
    """A frame from the server."""

    first: int
    payload: bytes

    @property
    def opcode(self) -> int:
        return self.first & 0x0F


def masked(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    reserved: int = 0,
    mask: bytes | None = None,
    unmasked: bool = False,
    form: int | None = None,
) -> bytes:
    """One frame of a client; `form` writes its length in 7, 16 or 64 bits though fewer would do."""
    size = len(payload)
    bits = form or (7 if size < 126 else 16 if size < 1 << 16 else 64)
    flag = 0 if unmasked else 0x80
    head = bytes(((0x80 if final else 0) | reserved | opcode,))
    if bits == 7:
        head += bytes((flag | size,))
    elif bits == 16:
        head += bytes((flag | 126,)) + size.to_bytes(2, "big")
    else:
        head += bytes((flag | 127,)) + size.to_bytes(8, "big")
    if unmasked:
        return head + payload
    mask = os.urandom(4) if mask is None else mask
    return head + mask + apply_mask(payload, mask)


def handshake(*lines: str, path: str = "/ws", subprotocol: str = Codec.JSON.value) -> bytes:
    """A handshake's head, with more lines."""
    usual = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {KEY.decode()}",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: {subprotocol}",
    ]
    named = {line.partition(":")[0].lower() for line in lines}
    kept = [line for line in usual if line.partition(":")[0].lower() not in named]
    return "\r\n".join([*kept, *(line for line in lines if not line.endswith(": -")), "", ""]).encode()


class RawPeer:
    """One connection; use it as an async context manager."""

    def __init__(self, port: int, *lines: str, head: bytes | None = None) -> None:
        self._port = port
        self._head = head or handshake(*lines)
        self.status = 0
        self.headers: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        self.writer.write(self._head)
        async with asyncio.timeout(PATIENCE):
            answer = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = answer.decode("latin-1").strip().split("\r\n")
        self.status = int(first.split()[1])
        for line in lines:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    @property
    def is_accepted(self) -> bool:
        return self.status == 101 and self.headers["sec-websocket-accept"] == accept_of(KEY).decode()

    def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    async def next(self) -> Received:
        """The next frame of the server, held to the rules that are the server's."""
        async with asyncio.timeout(PATIENCE):
            first, second = await self.reader.readexactly(2)
            assert not second & 0x80, "5.1: a server masks nothing"
            size = second
            if second >= 126:
                size = int.from_bytes(await self.reader.readexactly(2 if second == 126 else 8), "big")
            return Received(first, await self.reader.readexactly(size))

    async def ends_with(self) -> int:
        """The code of the close frame that ends the connection; 1006 if it ended without one."""
        code = 1006
        try:
            while True:
                frame = await self.next()
                if frame.opcode == 0x8:
                    code = int.from_bytes(frame.payload[:2], "big") if frame.payload else 1005
        except (asyncio.IncompleteReadError, ConnectionError):
            return code

    async def said(self) -> bytes:
        """The next message's payload."""
        while (frame := await self.next()).opcode not in {0x1, 0x2}:
            pass
        return frame.payload
