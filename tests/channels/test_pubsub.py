"""The bus on a real Redis: what is said arrives, and what may have been missed is noticed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis as RedisClient
from redis.asyncio.client import PubSub

from channels import reader
from channels.pubsub import Bus
from tests.support.servers import Redis, freeze, open_redis, thaw
from tests.support.waiting import until


class Ear:
    """A bus that is started, what it heard on `news`, and how often it noticed a gap."""

    def __init__(self, url: str, *, probe_seconds: float, confirm_seconds: float) -> None:
        self.bus = Bus(url, probe_seconds=probe_seconds, confirm_seconds=confirm_seconds)
        self.heard: list[bytes] = []
        self.gaps = 0
        self.bus.on_gap(self._gap)

    def _gap(self) -> None:
        self.gaps += 1

    def noticed_since(self, gaps: int) -> bool:
        """Whether a gap was noticed, and all is well again."""
        return self.gaps > gaps and self.bus.healthy

    async def listens(self) -> None:
        await self.bus.start()
        await until(lambda: self.bus.healthy)
        assert await self.bus.subscribe("news", self.heard.append)


@asynccontextmanager
async def ear_of(url: str, *, probe_seconds: float = 0.1, confirm_seconds: float = 3) -> AsyncIterator[Ear]:
    ear = Ear(url, probe_seconds=probe_seconds, confirm_seconds=confirm_seconds)
    yield ear
    await ear.bus.close()


@pytest.fixture
async def ear(redis_url: str, redis: RedisClient) -> AsyncIterator[Ear]:  # noqa: ARG001  # emptied first
    """One that takes no busy machine for a Redis that is away."""
    async with ear_of(redis_url, probe_seconds=1, confirm_seconds=30) as ear:
        await ear.listens()
        yield ear


async def test_what_is_published_arrives_in_order(ear: Ear, redis: RedisClient) -> None:
    for number in range(500):
        await redis.publish("news", str(number))
    await until(lambda: len(ear.heard) == 500)
    assert ear.heard == [str(number).encode() for number in range(500)]


async def test_what_came_together_is_read_together(
    ear: Ear, redis: RedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """redis-py's way to a message takes longer than all that is done with it."""
    waits = 0
    get_message = PubSub.get_message

    async def counted(*given: Any, **named: Any) -> Any:
        nonlocal waits
        waits += 1
        return await get_message(*given, **named)

    monkeypatch.setattr(PubSub, "get_message", counted)
    async with redis.pipeline(transaction=True) as pipeline:
        for number in range(500):
            pipeline.publish("news", str(number))
        await pipeline.execute()
    await until(lambda: len(ear.heard) == 500)
    assert ear.heard == [str(number).encode() for number in range(500)]
    assert waits < 100


async def test_two_handlers_of_one_channel_both_hear_until_they_leave(ear: Ear, redis: RedisClient) -> None:
    other: list[bytes] = []
    assert await ear.bus.subscribe("news", other.append)
    await redis.publish("news", "one")
    await until(lambda: ear.heard and other)
    await ear.bus.unsubscribe("news", ear.heard.append)
    await redis.publish("news", "two")
    await until(lambda: len(other) == 2)
    assert ear.heard == [b"one"]
    await ear.bus.unsubscribe("news", other.append)
    await ear.bus.unsubscribe("news", other.append)
    assert await ear.bus.subscribe("more", other.append)
    assert (await redis.pubsub_numsub("news"))[0][1] == 0


async def test_leaving_and_coming_back_at_once_is_no_gap(ear: Ear, redis: RedisClient) -> None:
    gaps = ear.gaps
    for _ in range(20):
        await ear.bus.unsubscribe("news", ear.heard.append)
        assert await ear.bus.subscribe("news", ear.heard.append)
    await redis.publish("news", "still there")
    await until(lambda: ear.heard)
    assert (ear.heard, ear.gaps) == ([b"still there"], gaps)


async def test_a_process_that_stood_still_is_not_deaf(redis_url: str, redis: RedisClient) -> None:
    """What was said meanwhile lies there to be read, and of ourselves nothing could be heard."""
    async with ear_of(redis_url, probe_seconds=0.5) as ear:
        await ear.listens()
        gaps = ear.gaps
        for number in range(4):
            time.sleep(1.7)  # noqa: ASYNC251  # all of it, as on a machine that is full
            await redis.publish("news", str(number))
        await until(lambda: len(ear.heard) == 4)
        assert ear.gaps == gaps


async def test_a_handler_that_breaks_does_not_stop_the_others(
    ear: Ear, redis: RedisClient, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(_payload: bytes) -> None:
        raise ValueError("broken")

    await ear.bus.subscribe("bad", breaks)
    await redis.publish("bad", "x")
    await redis.publish("news", "y")
    await until(lambda: ear.heard)
    assert "a pub/sub handler failed" in caplog.text


async def test_a_killed_connection_is_made_again_and_is_a_gap(ear: Ear, redis: RedisClient) -> None:
    for turn in range(1, 4):
        gaps = ear.gaps
        await redis.client_kill_filter(_type="pubsub")
        await until(partial(ear.noticed_since, gaps))
        await redis.publish("news", str(turn))
        await until(lambda: ear.heard)
        assert ear.heard.pop() == str(turn).encode()


async def test_a_resubscription_that_nobody_asked_for_is_a_gap(ear: Ear) -> None:
    gaps = ear.gaps
    assert ear.bus._pubsub is not None
    await ear.bus._pubsub.subscribe("news")
    await until(lambda: ear.gaps > gaps)


async def test_a_channel_that_is_left_while_the_others_are_confirmed_keeps_nobody_waiting(
    ear: Ear, redis: RedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own confirmation counts no more by then, and no other comes that could be looked at."""
    bus, gaps, leave = ear.bus, ear.gaps, reader._leave
    assert await bus.subscribe("hall", ear.heard.append)
    client, take, leaving = bus._client, bus._take, []
    late: list[tuple[str, bytes, bytes]] = []

    def takes_the_hall_late(kind: str, name: bytes, data: bytes) -> None:
        if name == b"hall" and kind == "subscribe":
            late.append((kind, name, data))
        else:
            take(kind, name, data)

    async def leaves_late(pubsub: PubSub, names: list[bytes]) -> None:
        await until(lambda: late and {b"news", bus.probe} <= bus._confirmed)
        take(*late.pop())
        await leave(pubsub, names)

    def leaves_now() -> RedisClient:
        bus._client = client
        leaving.append(asyncio.create_task(bus.unsubscribe("hall", ear.heard.append)))
        return client()

    monkeypatch.setattr(reader, "_leave", leaves_late)
    monkeypatch.setattr(bus, "_take", takes_the_hall_late)
    monkeypatch.setattr(bus, "_client", leaves_now)
    await redis.client_kill_filter(_type="pubsub")
    await until(lambda: bool(leaving))
    await leaving[0]
    await until(partial(ear.noticed_since, gaps))


async def test_a_redis_that_restarts_is_heard_again(spare_redis: Redis) -> None:
    async with ear_of(spare_redis.url) as ear:
        await ear.listens()
        gaps = ear.gaps
        spare_redis.stop()
        await until(lambda: not ear.bus.healthy)
        assert not await ear.bus.subscribe("later", ear.heard.append)
        spare_redis.start()
        await until(partial(ear.noticed_since, gaps))
        async with open_redis(spare_redis.url) as client:
            await client.publish("later", "I am back")
        await until(lambda: ear.heard)


async def test_a_redis_that_is_frozen_is_noticed_and_heard_again_after_it(spare_redis: Redis) -> None:
    async with ear_of(spare_redis.url) as ear:
        await ear.listens()
        gaps = ear.gaps
        freeze(spare_redis)
        try:
            await until(lambda: not ear.bus.healthy)
            assert not await ear.bus.subscribe("more", ear.heard.append)
        finally:
            thaw(spare_redis)
        await until(partial(ear.noticed_since, gaps))
        async with open_redis(spare_redis.url) as client:
            await client.publish("more", "hello")
        await until(lambda: ear.heard)


async def test_an_error_that_nobody_thought_of_is_one_gap_and_leaves_no_connection(
    ear: Ear, redis: RedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        assert await ear.bus.subscribe(f"more {number}", ear.heard.append)
    gaps, before, take = ear.gaps, ear.bus._pubsub, ear.bus._take
    assert before is not None

    def breaks(*given: Any) -> None:
        monkeypatch.setattr(ear.bus, "_take", take)
        raise KeyError(given)

    monkeypatch.setattr(ear.bus, "_take", breaks)
    await until(lambda: ear.bus._pubsub not in {None, before} and ear.bus.healthy)
    await redis.publish("more 9", "again")
    await until(lambda: ear.heard)
    assert (ear.gaps, before.connection) == (gaps + 1, None)


async def test_who_comes_back_is_confirmed_anew(spare_redis: Redis) -> None:
    """What is said before the server has heard of it is not heard, and would be missed without a word."""
    async with ear_of(spare_redis.url) as ear:
        await ear.listens()
        freeze(spare_redis)
        try:
            await ear.bus.unsubscribe("news", ear.heard.append)
            confirmed = await ear.bus.subscribe("news", ear.heard.append)
        finally:
            thaw(spare_redis)
        assert not confirmed
        await until(lambda: b"news" in ear.bus._confirmed)


async def test_a_connection_that_is_deaf_is_noticed_although_it_lives(ear: Ear, redis: RedisClient) -> None:
    gaps = ear.gaps
    assert ear.bus._pubsub is not None
    connection: Any = ear.bus._pubsub.connection
    await connection.send_command("UNSUBSCRIBE", ear.bus._probe_channel)
    await until(partial(ear.noticed_since, gaps))
    await redis.publish("news", "heard")
    await until(lambda: ear.heard)


async def test_a_bus_starts_without_redis_and_finds_it_later(spare_redis: Redis) -> None:
    spare_redis.stop()
    async with ear_of(spare_redis.url) as ear:
        await ear.bus.start()
        assert not await ear.bus.subscribe("news", ear.heard.append)
        assert not ear.bus.healthy
        spare_redis.start()
        await until(lambda: ear.bus.healthy)
        async with open_redis(spare_redis.url) as client:
            await client.publish("news", "here")
        await until(lambda: ear.heard)


async def test_who_has_no_connection_writes_nothing_to_itself(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ear_of(redis_url, probe_seconds=0.01) as ear:
        connect, send, tried = ear.bus._connect, ear.bus._send_probe, []

        async def refused() -> None:
            tried.append("to connect")
            raise ConnectionResetError("not now")

        async def noted() -> None:
            tried.append("to probe")
            await send()

        monkeypatch.setattr(ear.bus, "_connect", refused)
        monkeypatch.setattr(ear.bus, "_send_probe", noted)
        await ear.bus.start()
        await until(lambda: tried.count("to connect") >= 4)
        assert "to probe" not in tried
        monkeypatch.setattr(ear.bus, "_connect", connect)
        await until(lambda: "to probe" in tried and ear.bus.healthy)


async def test_a_command_that_cannot_be_sent_makes_a_new_connection(
    ear: Ear, redis: RedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps = ear.gaps
    assert ear.bus._pubsub is not None

    async def fails(*_names: bytes) -> None:
        raise ConnectionResetError("cut")

    monkeypatch.setattr(ear.bus._pubsub, "subscribe", fails)
    await ear.bus.subscribe("more", ear.heard.append)
    await until(partial(ear.noticed_since, gaps))
    await redis.publish("more", "after all")
    await until(lambda: ear.heard)
