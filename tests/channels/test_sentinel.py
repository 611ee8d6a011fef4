"""A master that fails, or is told to be none: commands and pub/sub find the next one by themselves."""

from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis as RedisClient
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, RedisError

from channels.pubsub import Bus
from channels.redis_clients import open_client
from channels.redis_url import read
from tests.support.sentinels import Watched
from tests.support.servers import open_redis
from tests.support.waiting import until


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    servers = Watched(tmp_path_factory.mktemp("sentinels"))
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


@pytest.fixture
async def watched(servers: Watched) -> Watched:
    await servers.is_complete()
    return servers


@pytest.fixture
async def client(watched: Watched) -> AsyncIterator[RedisClient]:
    client = open_client(read(watched.url), connections=4)
    yield client
    await client.aclose()


@pytest.fixture
async def bus(watched: Watched) -> AsyncIterator[Bus]:
    bus = Bus(watched.url, probe_seconds=0.5, confirm_seconds=30)
    await bus.start()
    await until(lambda: bus.healthy)
    yield bus
    await bus.close()


async def writes(client: RedisClient, name: str) -> bool:
    """Whether the master takes a change."""
    try:
        return bool(await client.set(name, "1"))
    except (RedisError, OSError):
        return False


async def test_the_master_is_found_through_any_sentinel_that_answers(watched: Watched) -> None:
    good = read(watched.url)
    host, port = good.hosts[0]
    url = watched.url.replace(f"{host}:{port},", "127.0.0.1:1,")
    client = open_client(read(url), connections=1)
    await client.set("found", "yes")
    async with open_redis(watched.servers[0].url) as direct:
        assert await direct.get("found") == b"yes"
    await client.aclose()


async def test_a_service_that_no_sentinel_knows_is_no_redis_at_all(watched: Watched) -> None:
    client = open_client(read(watched.url.replace("/tickets/", "/coaches/")), connections=1)
    with pytest.raises(RedisConnectionError, match="no Sentinel names a master of 'coaches'"):
        await client.get("x")
    await client.aclose()


async def test_a_replica_that_is_asked_by_mistake_is_asked_no_second_time(
    watched: Watched, client: RedisClient
) -> None:
    await client.set("here", "1")
    async with open_redis((await watched.master()).url) as direct:
        await direct.replicaof("127.0.0.1", "1")
        refused = False
        try:
            await client.set("here", "2")
        except ReadOnlyError:
            refused = True
        await direct.replicaof("NO", "ONE")
    assert refused
    await until(lambda: writes(client, "here"))


async def test_commands_and_channels_follow_an_ordered_failover(
    watched: Watched, client: RedisClient, bus: Bus
) -> None:
    heard: list[bytes] = []
    gaps: list[None] = []
    assert await bus.subscribe("holdfast:{hall}:changes", heard.append)
    assert await bus.subscribe("holdfast:sessions", heard.append)
    bus.on_gap(lambda: gaps.append(None))
    await client.set("kept", "1")
    before = await watched.master()
    async with open_redis(watched.sentinels[0].url.removesuffix("/0")) as sentinel:
        await sentinel.execute_command("SENTINEL", "FAILOVER", "tickets")  # type: ignore[no-untyped-call]

    async def moved() -> bool:
        return await watched.master() is not before

    await until(moved)
    async with open_redis((await watched.master()).url) as direct:

        async def lands() -> bool:
            # What the old master took before it knew is lost: versions show that (docs/scaling.md).
            return await writes(client, "after") and await direct.get("after") == b"1"

        await until(lands)
        await until(lambda: gaps and bus.healthy)
        await direct.execute_command("SPUBLISH", "holdfast:{hall}:changes", "one")  # type: ignore[no-untyped-call]
        await direct.publish("holdfast:sessions", "two")
    await until(lambda: len(heard) == 2)
    assert sorted(heard) == [b"one", b"two"]


async def test_a_master_that_dies_is_replaced(watched: Watched, client: RedisClient, bus: Bus) -> None:
    await watched.is_complete()
    dead = await watched.master()
    gaps: list[None] = []
    bus.on_gap(lambda: gaps.append(None))
    assert await writes(client, "before")
    dead.kill()
    await until(lambda: not bus.healthy)
    await until(lambda: writes(client, "after"))
    assert await watched.master() is not dead
    await until(lambda: gaps and bus.healthy)
    dead.start()
