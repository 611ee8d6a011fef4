"""The wire to Redis, where what is sent or what answers is broken."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from server.holds.batching import Batcher


@pytest.mark.parametrize("bad", [None, "a lone \ud800", bytearray(b"x")])
async def test_a_command_that_cannot_be_sent_gives_its_answer_to_nobody_else(
    holds_redis: Redis, bad: Any
) -> None:
    batcher = Batcher(holds_redis)
    commands = [("ECHO", "a"), ("ECHO", bad), ("ECHO", "b")]
    async with asyncio.timeout(5):
        first = await asyncio.gather(*(batcher.call(*each) for each in commands), return_exceptions=True)
        later = await asyncio.gather(*(batcher.call("ECHO", each) for each in "cd"))
    assert (first[0], first[2], later) == (b"a", b"b", [b"c", b"d"])
    assert isinstance(first[1], (TypeError, UnicodeError))
