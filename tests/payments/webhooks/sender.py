"""An open loop of signed deliveries: each leaves at its time, however slow the answers to the others are."""

import asyncio
import hmac
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256


@dataclass
class Answers:
    """What came back: seconds from when a delivery was due to its answer, and the statuses."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


class _Line(asyncio.Protocol):
    """One kept-alive connection with one request on it at a time; it reads no more than it must."""

    def __init__(self) -> None:
        self._answered: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, end, rest = self._read.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(rest) >= length and self._answered is not None:
            self._read = b""
            self._answered.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionResetError("closed"))

    def send(self, request: bytes) -> "asyncio.Future[int]":
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answered

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Sender:
    """Delivers bodies to one address over a few connections, as Stripe's own senders do."""

    def __init__(self, port: int, secret: str, lines: int = 64) -> None:
        self._port = port
        self._secret = secret.encode()
        self._count = lines
        self._free: asyncio.LifoQueue[_Line] = asyncio.LifoQueue()
        self.answers = Answers()

    async def open(self) -> None:
        """Connect all lines."""
        loop = asyncio.get_running_loop()
        for _ in range(self._count):
            _, line = await loop.create_connection(_Line, "127.0.0.1", self._port)
            self._free.put_nowait(line)

    def close(self) -> None:
        """Close all lines."""
        while not self._free.empty():
            self._free.get_nowait().close()

    async def deliver_all(self, bodies: Sequence[bytes], rate: float, seconds: float = math.inf) -> float:
        """Each body once, `rate` a second; the seconds it took until the last was answered.

        After so many `seconds` no more are sent; those under way are waited for.
        """
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number, body in enumerate(bodies):
                if time.perf_counter() - began > seconds:
                    break
                due = began + number / rate
                wait = due - time.perf_counter()
                if wait > 0 or number % 50 == 0:
                    await asyncio.sleep(max(0, wait))
                group.create_task(self._deliver(body, due))
        return time.perf_counter() - began

    async def _deliver(self, body: bytes, due: float) -> None:
        line = await self._free.get()
        status = await line.send(self._request(body))
        self._free.put_nowait(line)
        self.answers.seconds.append(time.perf_counter() - due)
        self.answers.statuses[status] += 1

    def _request(self, body: bytes) -> bytes:
        moment = b"%d" % time.time()
        mac = hmac.new(self._secret, moment + b"." + body, sha256).hexdigest().encode()
        return (
            b"POST /api/payments/webhook HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
            b"User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\n"
            b"Accept: */*; q=0.5, application/xml\r\n"
            b"Content-Type: application/json; charset=utf-8\r\nCache-Control: no-cache\r\n"
            b"Stripe-Signature: t=%b,v1=%b\r\nContent-Length: %d\r\n\r\n"
            % (self._port, moment, mac, len(body))
        ) + body
