"""The keeper's loops, on the real clock: things happen by themselves, and nothing that fails ends them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from channels.pubsub import Bus
from server.errors import Conflict, HoldfastError, Overloaded, Unavailable
from server.holds.events import SESSIONS_CHANNEL
from server.holds.keeper import Keeper
from server.inventory.rules import HoldPolicy
from tests.holds.conftest import MakeWorld
from tests.holds.world import World, hall, rows


@asynccontextmanager
async def running(world: World, redis_url: str, name: str) -> AsyncIterator[Keeper]:
    """A process' keeper with its bus."""
    bus = Bus(redis_url)
    keeper = Keeper(world.process(name), hears=lambda: bus.healthy)
    bus.on_gap(keeper.may_have_missed)
    await bus.start()
    await bus.subscribe(SESSIONS_CHANNEL, keeper.hear)
    loops = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        loops.cancel()
        await asyncio.gather(loops, return_exceptions=True)
        await bus.close()


async def until(what: Callable[[], Awaitable[bool]]) -> None:
    """Wait for it; how long it took is nobody's business here."""
    async with asyncio.timeout(30):
        while not await what():  # noqa: ASYNC110  # Redis tells of it only to those who ask
            await asyncio.sleep(0.02)


@pytest.fixture
def brief(make_world: MakeWorld) -> World:
    """A hall whose holds last a second, on the real clock."""
    short = HoldPolicy(hold_seconds=1, disconnect_grace_seconds=0)
    return make_world(
        hall("hall", rows(A=6), policy=short),
        hall("long", rows(B=6)),
        real_time=True,
        liveness_seconds=6,
        disconnect_grace_seconds=0,
    )


async def is_free(world: World, slot: str, where: str = "hall") -> bool:
    return (await world.of(slot, where))[0] == 1


async def test_holds_end_by_themselves(brief: World, redis_url: str) -> None:
    async with running(brief, redis_url, "one"), running(brief, redis_url, "two"):
        await brief.buyer("ann").holds("A-1")
        await until(lambda: is_free(brief, "A-1"))


async def test_who_closes_the_last_tab_has_left(brief: World, redis_url: str) -> None:
    async with running(brief, redis_url, "one") as keeper:
        keeper.socket_opened("ann", "tab")
        await brief.buyer("ann").holds("B-1", hall="long", connected=True)
        keeper.socket_left("ann", "tab")
        keeper.socket_closed("ann", "tab")
        await until(lambda: is_free(brief, "B-1", "long"))


async def test_who_stays_is_renewed(brief: World, redis_url: str) -> None:
    async with running(brief, redis_url, "one") as keeper:
        keeper.socket_opened("ann", "tab")
        held = await brief.buyer("ann").holds("B-1", hall="long")
        renewed: set[object] = set()

        async def twice() -> bool:
            lives = await brief.redis.hget("{long}:live:ann", "one")
            renewed.update({lives} if lives else ())
            return len(renewed) > 2

        await until(twice)
        assert (await brief.buyer("ann").finds(held)).status == "held"


async def test_who_is_here_lives_by_what_another_process_holds_for_them_though_pubsub_is_silent(
    brief: World,
) -> None:
    deaf = Keeper(brief.process("one"), hears=lambda: False)
    loops = asyncio.create_task(deaf.run())
    try:
        deaf.socket_opened("ann", "tab", is_read=True)
        await brief.buyer("ann", process=brief.process("two")).holds("B-1", hall="long")
        await until(lambda: brief.redis.hexists("{long}:live:ann", "one"))
    finally:
        loops.cancel()
        await asyncio.gather(loops, return_exceptions=True)


async def test_a_flushed_redis_comes_back_by_itself(brief: World, redis_url: str) -> None:
    async with running(brief, redis_url, "one"):
        await brief.buyer("ann").holds("A-1")
        await until(lambda: _knows(brief))
        await brief.redis.flushall()

        async def is_back() -> bool:
            return await brief.main.epoch("hall") == "epoch-2"

        await until(is_back)


async def _knows(world: World) -> bool:
    """The keeper has swept: the lease and the first answer are behind it."""
    await asyncio.sleep(0.1)
    return bool(await world.main.store.resources())


@pytest.mark.parametrize("away", [Unavailable(), Overloaded(retry_after=1)])
async def test_no_failure_ends_a_loop(
    world: World, monkeypatch: pytest.MonkeyPatch, away: HoldfastError
) -> None:
    monkeypatch.setattr("server.holds.keeper.RETRY_SECONDS", 0)
    keeper = world.keeper(world.main)

    async def fails(error: Exception) -> None:
        raise error

    await keeper.guard(fails(Conflict("of some kind")))
    assert world.main.trust
    await keeper.guard(fails(away))
    assert not world.main.trust


async def test_a_drain_without_redis_is_a_drain(world: World) -> None:
    keeper = world.keeper(world.main)

    async def away() -> None:
        raise Unavailable

    keeper.liveness.renew = away  # type: ignore[method-assign]
    await keeper.drain()


async def test_while_sessions_cannot_be_renewed_no_hold_ends_by_its_liveness(world: World) -> None:
    """Redis is back, and PostgreSQL, say, is not, which knows for how long a session lives."""
    keeper = world.keeper(world.main)

    async def away() -> None:
        raise Unavailable

    keeper.liveness.renew = away  # type: ignore[method-assign]
    keeper._was_away = True
    for _ in range(3):
        world.time_passes(20)
        assert world.main.trust
        await keeper.sweep()
        assert not world.main.trust
