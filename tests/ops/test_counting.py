"""Handshakes counted together: the same limit as one by one, over all processes, and no task for any."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from channels.cluster import Cluster
from channels.redis_url import read
from server.errors import RateLimited, Unavailable
from server.ops import counting
from server.ops.counting import Counting
from server.ops.limits import Limits
from server.settings import Settings

SETTINGS = Settings(rate_bookings=5)  # one in 12 s: nothing comes back while a test runs


@pytest.fixture
def limits(redis: Redis) -> Limits:
    return Limits(SETTINGS, redis)


@asynccontextmanager
async def noting(limits: Limits) -> AsyncIterator[list[int]]:
    """How many subjects each script has that is run meanwhile."""
    script, sizes = limits._script, list[int]()

    async def noted(**asked: Any) -> Any:
        sizes.append(len(asked["keys"]))
        return await script(**asked)

    limits._script = noted
    yield sizes


async def test_what_comes_at_once_is_one_question_and_the_last_are_refused(limits: Limits) -> None:
    counting = Counting(limits, "bookings")
    async with noting(limits) as sizes:
        waits = await asyncio.gather(*[counting.count(each) for each in ["a"] * 7 + ["b"] * 2])
    assert sizes == [2]
    assert [wait > 0 for wait in waits] == [False] * 5 + [True] * 2 + [False] * 2
    assert 0 < waits[5] == waits[6] <= 12


async def test_processes_count_together_and_with_who_asks_alone(limits: Limits, redis: Redis) -> None:
    mine, other = Counting(limits, "bookings"), Counting(Limits(SETTINGS, redis), "bookings")
    assert await asyncio.gather(*[mine.count("a") for _ in range(2)]) == [0.0] * 2
    assert await asyncio.gather(*[other.count("a") for _ in range(2)]) == [0.0] * 2
    await limits.take("bookings", "a")
    assert await mine.count("a") > 0
    with pytest.raises(RateLimited):
        await limits.take("bookings", "a")


async def test_one_by_one_or_together_so_many_are_granted(limits: Limits) -> None:
    """And what is refused counts for nothing."""
    assert (await limits.take_many("bookings", {"a": 9}))["a"][0] == 5
    granted = 0
    for _ in range(9):
        granted += (await limits.take_many("bookings", {"b": 1}))["b"][0]
    assert granted == 5
    redis = limits._script.registered_client
    one, other = [int(await redis.get(f"holdfast:rate:bookings:{each}")) for each in "ab"]
    assert abs(one - other) < 12_000_000, "both are five intervals ahead of their moment"


async def test_when_the_clock_goes_back_nobody_waits_until_it_is_where_it_was(
    limits: Limits, redis: Redis
) -> None:
    seconds, micros = await redis.time()
    by_then = (seconds + 3600) * 1_000_000 + micros
    await redis.set("holdfast:rate:bookings:a", by_then)
    assert (await limits.take_many("bookings", {"a": 7}))["a"][0] == 5
    with pytest.raises(RateLimited):
        await limits.take("bookings", "a")


async def test_what_comes_until_an_answer_is_the_next_question(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "BATCH", 3)
    many = Counting(limits, "bookings")
    async with noting(limits) as sizes:
        first = many.count("a")
        await asyncio.sleep(0)
        waits = await asyncio.gather(first, *[many.count(f"b{number}") for number in range(4)])
    assert sizes == [1, 3, 1]
    assert waits == [0.0] * 5


async def test_one_question_is_on_its_way_and_nobody_has_a_task(limits: Limits) -> None:
    script, goes_on, sizes = limits._script, asyncio.Event(), list[int]()

    async def held_up(**asked: Any) -> Any:
        sizes.append(len(asked["keys"]))
        await goes_on.wait()
        return await script(**asked)

    limits._script = held_up
    many, before = Counting(limits, "bookings"), asyncio.all_tasks()
    first = many.count("a")
    await asyncio.sleep(0)
    others = [many.count(f"b{number}") for number in range(9)]
    await asyncio.sleep(0)
    assert sizes == [1]
    assert len(asyncio.all_tasks() - before) == 1
    goes_on.set()
    assert await asyncio.gather(first, *others) == [0.0] * 10
    assert sizes == [1, 9]


async def test_in_a_cluster_where_no_script_sees_two_each_is_asked_about_by_itself(
    limits: Limits,
) -> None:
    of_cluster = Limits(SETTINGS, Cluster(read("redis+cluster://127.0.0.1:1"), connections=1))
    async with noting(limits) as sizes:
        of_cluster._script = limits._script
        many = Counting(of_cluster, "bookings")
        waits = await asyncio.gather(*[many.count(each) for each in "aab"])
    assert (sizes, waits) == ([1, 1], [0.0, 0.0, 0.0])


def failing(error: Exception) -> Callable[..., Awaitable[Any]]:
    async def fails(**_asked: Any) -> Any:
        raise error

    return fails


async def test_while_redis_is_away_nobody_waits(limits: Limits) -> None:
    limits._script = failing(Unavailable())
    assert await Counting(limits, "bookings").count("a") == 0.0


async def test_who_has_gone_is_told_nothing_and_a_fault_is_told_to_all_who_are_there(limits: Limits) -> None:
    many, script = Counting(limits, "bookings"), limits._script
    gone, there = many.count("a"), many.count("b")
    gone.cancel()
    assert await there == 0.0
    limits._script = failing(RuntimeError("nobody foresaw this"))
    gone, there = many.count("a"), many.count("b")
    gone.cancel()
    with pytest.raises(RuntimeError):
        await there
    limits._script = script
    assert await many.count("a") == 0.0
