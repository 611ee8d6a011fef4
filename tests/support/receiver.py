"""A server somewhere else: it keeps what it is sent and answers what a test told it to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Received:
    """One request; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    sni: str | None


@dataclass
class Receiver:
    """`answer` makes the raw response of a request; None leaves it unanswered for ever."""

    answer: Callable[[Received], bytes | None]
    port: int = 0
    sni: list[str] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            request = await self._read(reader)
            self.received.append(request)
            response = self.answer(request)
            if response is None:
                await reader.read()
            else:
                writer.write(response)
                await writer.drain()
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> Received:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        start, *lines = head.rstrip("\r\n").split("\r\n")
        method, path, _ = start.split(" ")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Received(method, path, headers, body, self.sni[-1] if self.sni else None)


def response(status: int, body: bytes = b"", **headers: str) -> bytes:
    """`Retry_After="7"` is a header with a dash."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} So\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


def always(status: int, body: bytes = b"", **headers: str) -> Callable[[Received], bytes]:
    return lambda _request: response(status, body, **headers)


@asynccontextmanager
async def open_receiver(
    answer: Callable[[Received], bytes | None] = always(204),  # noqa: B008  # a function, and it never changes
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> AsyncIterator[Receiver]:
    receiver = Receiver(answer)
    if tls is not None:

        def note(_socket: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
            receiver.sni.append(name or "")

        tls.sni_callback = note
    server = await asyncio.start_server(receiver.serve, host, 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        server.close_clients() if hasattr(server, "close_clients") else None
