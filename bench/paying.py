"""Buyers over HTTP/1.1 that is kept alive: each holds, books, pays in the sandbox, and hears of the end."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import redis.asyncio

from server.bookings.announcer import CHANNEL

HALL = "hall"
PATIENCE = 30.0


@dataclass
class Figures:
    """What the buyers saw, in seconds."""

    took: float = 0.0
    routes: dict[str, list[float]] = field(default_factory=dict)
    whole: list[float] = field(default_factory=list)
    lost: int = 0


class Line:
    """One connection that is kept alive: a request, then its answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Line":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, path: str, body: object = None, token: str = "") -> dict[str, Any]:
        """The answer's JSON; an AssertionError with all of it where it is a refusal."""
        content = b"{}" if body is None else json.dumps(body).encode()
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{bearer}"
        self._writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(answer.partition("content-length: ")[2].partition("\r\n")[0] or 0)
        said = await self._reader.readexactly(length)
        assert answer.split(" ", 2)[1].startswith("2"), f"{path}: {answer}{said!r}"
        found: dict[str, Any] = json.loads(said)
        return found

    def close(self) -> None:
        self._writer.close()


class Buyers:
    """In a process of their own, so that their work delays no answer."""

    def __init__(self, port: int, redis_url: str) -> None:
        self._port = port
        self._redis_url = redis_url
        self._confirmed: dict[str, asyncio.Event] = {}
        self.figures = Figures(routes={name: [] for name in ("hold", "book", "pay")})

    async def buy(self, sessions: Sequence[str], seats: Iterator[int], rate: float, lines: int) -> None:
        """Each session buys a seat, so many at once at the most."""
        async with self._listening(), asyncio.TaskGroup() as everybody:
            waiting = iter(sessions)
            began, due = time.perf_counter(), itertools.count()
            for _ in range(lines):
                everybody.create_task(
                    self._keep_buying(waiting, seats, lambda: began + next(due) / rate if rate else 0)
                )
        self.figures.took = time.perf_counter() - began

    async def _keep_buying(self, sessions: Iterator[str], seats: Iterator[int], due: Any) -> None:
        line = await Line.open(self._port)
        for session in sessions:
            await asyncio.sleep(max(0.0, due() - time.perf_counter()))
            await self._buy(line, session, next(seats))
        line.close()

    async def _buy(self, line: Line, token: str, seat: int) -> None:
        began = time.perf_counter()
        wanted = {"resource": HALL, "items": [[f"S-{seat}", 1]]}
        await self._timed("hold", line.post("/api/holds", wanted, token))
        customer = {"name": "Ann Example", "email": "ann@example.org"}
        booked = await self._timed("book", line.post("/api/bookings", {"customer": customer}, token))
        confirmed = self._confirmed[booked["booking"]["id"]] = asyncio.Event()
        paying = f"/api/sandbox/payments/{booked['payment']['id']}"
        await self._timed("pay", line.post(paying, {"outcome": "succeed"}, token))
        try:
            async with asyncio.timeout(PATIENCE):
                await confirmed.wait()
        except TimeoutError:
            self.figures.lost += 1
        self.figures.whole.append(time.perf_counter() - began)

    async def _timed(self, name: str, asked: Any) -> dict[str, Any]:
        began = time.perf_counter()
        answer: dict[str, Any] = await asked
        self.figures.routes[name].append(time.perf_counter() - began)
        return answer

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        async with redis.asyncio.Redis.from_url(self._redis_url) as client, client.pubsub() as heard:
            await heard.subscribe(CHANNEL)
            listening = asyncio.create_task(self._listen(heard))
            yield
            listening.cancel()

    async def _listen(self, heard: Any) -> None:
        while True:
            message = await heard.get_message(ignore_subscribe_messages=True, timeout=1.0)
            if message is None:
                continue
            booking = json.loads(message["data"])["booking"]
            if booking["status"] == "confirmed" and booking["id"] in self._confirmed:
                self._confirmed[booking["id"]].set()


async def open_sessions(port: int, count: int) -> list[str]:
    """So many visitors' tokens."""

    async def some(number: int) -> list[str]:
        line = await Line.open(port)
        tokens = [(await line.post("/api/sessions"))["token"] for _ in range(number)]
        line.close()
        return tokens

    found = await asyncio.gather(*(some(len(range(at, count, 8))) for at in range(8)))
    return [token for tokens in found for token in tokens]


def load(
    port: int, redis_url: str, sessions: Sequence[str], *, first: int, rate: float, lines: int
) -> Figures:
    """All of the buyers; what they saw. They buy the seats from `first` on."""
    buyers = Buyers(port, redis_url)
    asyncio.run(buyers.buy(sessions, itertools.count(first), rate, lines))
    return buyers.figures
