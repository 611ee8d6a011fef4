"""The wire to Redis, where what is sent or what answers is broken."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from unittest.mock import Mock

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from server.errors import Unavailable
from server.holds import pipeline as pipeline_module
from server.holds.client import connect
from server.holds.pipeline import IN_FLIGHT, SECONDS, Pipeline
from server.holds.scripts import or_unavailable
from server.holds.wire import Wire
from tests.support.waiting import until


@pytest.mark.parametrize("bad", [None, "a lone \ud800", bytearray(b"x")])
async def test_a_command_that_cannot_be_sent_gives_its_answer_to_nobody_else(
    holds_redis: Redis, bad: Any
) -> None:
    pipeline = Pipeline(holds_redis)
    commands = [("ECHO", "a"), ("ECHO", bad), ("ECHO", "b")]
    async with asyncio.timeout(60):
        first = await asyncio.gather(*(pipeline.call(*each) for each in commands), return_exceptions=True)
        later = await asyncio.gather(*(pipeline.call("ECHO", each) for each in "cd"))
    assert (first[0], first[2], later) == (b"a", b"b", [b"c", b"d"])
    assert isinstance(first[1], (TypeError, UnicodeError))


async def test_who_is_closed_gives_the_connection_back_and_may_be_called_again(holds_redis: Redis) -> None:
    pool = holds_redis.connection_pool
    before = len(pool._in_use_connections)
    pipeline = Pipeline(holds_redis)
    for word in (b"a", b"b"):
        assert await pipeline.call("ECHO", word) == word
        under_way = pipeline.call("ECHO", word)
        await pipeline.aclose()
        assert len(pool._in_use_connections) == before
        with pytest.raises(RedisConnectionError):
            await under_way


class Clock:
    """A loop's time and timers, in the test's own hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, work: Callable[[], None]) -> Any:
        self.timers.append((self.now + delay, work))
        return Mock()

    def passes(self, seconds: float) -> None:
        """What is due is called, and what that puts off is not called in the same turn."""
        self.now += seconds
        due, self.timers = self.timers, []
        for when, work in due:
            if when <= self.now:
                work()
            else:
                self.timers.append((when, work))


@pytest.mark.parametrize("answers", [True, False])
async def test_what_came_while_this_process_was_busy_is_read_before_redis_counts_as_away(
    answers: bool,
) -> None:
    wire, clock = Wire(Mock(), SECONDS, lambda: None), Clock()
    wire._loop = clock  # type: ignore[assignment]  # as much of one as it uses
    asked: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    wire.send([(b"PING", asked)])
    clock.passes(3 * SECONDS)
    assert not wire.lost.done(), "nobody has looked yet whether anything has come"
    if answers:
        wire.data_received(b"+PONG\r\n")
    clock.passes(SECONDS)
    assert asked.done()
    assert wire.lost.done() is not answers
    if not answers:
        assert isinstance(asked.exception(), RedisTimeoutError)


async def be_a_deaf_replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say so to the first script, and read nothing from then on."""
    try:
        while data := await reader.read(65_536):
            if b"EVALSHA" in data:
                writer.write(b"-READONLY You can't write against a read only replica.\r\n")
                await asyncio.Event().wait()
            writer.write(b"+OK\r\n" * data.count(b"*"))
    finally:
        writer.transport.abort()


@pytest.fixture
async def deaf_replica() -> AsyncIterator[Redis]:
    tasks: list[asyncio.Task[None]] = []

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(be_a_deaf_replica(reader, writer)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = connect(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    yield client
    await client.aclose()
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)


async def test_whoever_asks_while_the_wire_is_being_cut_is_told_too(deaf_replica: Redis) -> None:
    """What cannot be sent any more must not wait for a peer that reads no more."""
    pipeline = Pipeline(deaf_replica)
    calls = [pipeline.call("EVALSHA", "a", 0, "x" * 30_000) for _ in range(3 * IN_FLIGHT)]
    for _ in range(300):  # a busy process: somebody calls in each turn of the loop
        calls.append(pipeline.call("EVALSHA", "a", 0, "x"))
        await asyncio.sleep(0)
    _, pending = await asyncio.wait(calls, timeout=60 * SECONDS)
    for call in calls:
        assert not call.done() or isinstance(call.exception(), (RedisError, OSError))
    assert len(pending) == 0


async def test_nobody_waits_long_for_a_connection(
    holds_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several Sentinels that say nothing take a second each."""
    given = pipeline_module.CONNECT_SECONDS
    monkeypatch.setattr(pipeline_module, "CONNECT_SECONDS", 0.2)
    pool: Any = holds_redis.connection_pool
    get_connection = pool.get_connection

    async def slow() -> object:
        await asyncio.sleep(3_600)
        return await get_connection()

    monkeypatch.setattr(pool, "get_connection", slow)
    pipeline = Pipeline(holds_redis)
    async with asyncio.timeout(60):
        with pytest.raises(Unavailable):
            await or_unavailable(pipeline.call("ECHO", "x"))
    monkeypatch.setattr(pool, "get_connection", get_connection)
    monkeypatch.setattr(pipeline_module, "CONNECT_SECONDS", given)
    monkeypatch.setattr(pipeline_module, "AGAIN_SECONDS", 0)
    assert await pipeline.call("ECHO", "x") == b"x"


async def test_a_redis_that_nobody_reaches_is_not_asked_again_for_each_command() -> None:
    knocks = 0

    def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal knocks
        knocks += 1
        writer.transport.abort()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    client = connect(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", connections=2)
    pipeline = Pipeline(client)
    try:
        for _ in range(20):
            with pytest.raises(RedisConnectionError):
                await pipeline.call("PING")
        few = knocks

        async def asks_again() -> bool:
            with pytest.raises(RedisConnectionError):
                await pipeline.call("PING")
            return knocks > few

        await until(asks_again)
    finally:
        await client.aclose()
        server.close()
    assert few < 5
