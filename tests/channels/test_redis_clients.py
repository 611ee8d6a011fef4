"""Clients of a Redis that does not answer."""

import asyncio

import pytest
from redis.exceptions import TimeoutError as RedisTimeoutError

from channels.redis_clients import open_client
from channels.redis_url import read
from tests.support.servers import Redis, freeze, thaw


async def test_a_command_is_not_repeated_when_nobody_answers(spare_redis: Redis) -> None:
    """What was sent may be done when the server wakes: once, whatever the library would like to try."""
    client = open_client(read(spare_redis.url), connections=4, seconds=0.5)
    await client.set("count", 0)
    freeze(spare_redis)
    asked: asyncio.Future[int] = asyncio.ensure_future(client.incr("count"))
    await asyncio.wait({asked}, timeout=5)
    thaw(spare_redis)
    with pytest.raises(RedisTimeoutError):
        await asked
    assert await client.get("count") in {b"0", b"1"}
    await client.aclose()
