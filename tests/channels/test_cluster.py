"""A real cluster of three masters: commands go where their keys are, and each master's channels are heard."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from redis.exceptions import ClusterDownError, RedisError, TryAgainError

from channels.cluster import SLOTS, Cluster, slot_of
from channels.cluster_bus import ClusterBus
from channels.redis_url import read
from tests.support.servers import freeze, thaw
from tests.support.shards import Shards
from tests.support.waiting import until


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shards]:
    shards = Shards(tmp_path_factory.mktemp("shards"), replicas=1)
    try:
        shards.start()
        asyncio.run(shards.join())
        yield shards
    finally:
        shards.stop()


@pytest.fixture
async def shards(servers: Shards) -> Shards:
    await servers.is_whole()
    return servers


@pytest.fixture
async def client(shards: Shards) -> AsyncIterator[Cluster]:
    client = Cluster(read(shards.url), connections=4)
    yield client
    await client.aclose()


class Ear:
    """A bus, and what it heard on channels of many resources."""

    def __init__(self, url: str) -> None:
        self.bus = ClusterBus(url, probe_seconds=1, confirm_seconds=10)
        self.heard: list[bytes] = []
        self.gaps = 0
        self.bus.on_gap(self._gap)

    def _gap(self) -> None:
        self.gaps += 1


@pytest.fixture
async def ear(shards: Shards) -> AsyncIterator[Ear]:
    ear = Ear(shards.url)
    await ear.bus.start()
    await until(lambda: ear.bus.healthy)
    yield ear
    await ear.bus.close()


def name_at(number: int, masters: int = 3) -> str:
    """A resource whose slot the master of this number has at first."""
    return next(name for name in map(str, range(1000)) if slot_of(f"{{{name}}}") * masters // SLOTS == number)


def channel(name: str) -> str:
    return f"holdfast:{{{name}}}:changes"


async def publish(client: Cluster, name: str, said: str) -> None:
    await client.execute_command("SPUBLISH", channel(name), said)


async def test_a_command_goes_to_the_master_that_has_its_key(client: Cluster, shards: Shards) -> None:
    for number in range(3):
        key = "{" + name_at(number) + "}:x"
        await client.set(key, str(number))
        assert await client.get(key) == str(number).encode()
        assert await shards.run(number, "GET", key) == str(number).encode()
        assert await client.eval("return redis.call('GET', KEYS[1])", 1, key) == str(number).encode()
    assert await client.ping()


async def test_a_transaction_is_of_one_slot_and_runs_there(client: Cluster) -> None:
    async with client.pipeline(transaction=True) as pipeline:
        pipeline.set("{2}:a", "1")
        pipeline.get("{2}:a")
        assert await pipeline.execute() == [True, b"1"]


async def test_a_script_that_is_registered_runs_at_every_master(client: Cluster) -> None:
    script = client.register_script("return redis.call('INCR', KEYS[1])")
    for number in range(3):
        key = "{" + name_at(number) + "}:count"
        assert [await script(keys=[key]), await script(keys=[key])] == [1, 2]


async def test_channels_of_every_master_and_those_of_all_are_heard(ear: Ear, client: Cluster) -> None:
    for number in range(3):
        assert await ear.bus.subscribe(channel(name_at(number)), ear.heard.append)
    assert await ear.bus.subscribe("holdfast:sessions", ear.heard.append)
    for number in range(3):
        await publish(client, name_at(number), f"of {number}")
        await client.nodes.client(client.nodes.masters[number]).publish("holdfast:sessions", f"at {number}")
    await until(lambda: len(ear.heard) == 6)
    assert sorted(ear.heard) == sorted(
        f"{word} {number}".encode() for word in ("of", "at") for number in range(3)
    )
    await ear.bus.unsubscribe(channel(name_at(0)), ear.heard.append)
    await publish(client, name_at(0), "no more")
    await publish(client, name_at(1), "still")
    await until(lambda: len(ear.heard) == 7)
    assert ear.heard[-1] == b"still"


async def test_a_slot_that_moves_takes_its_channel_along(ear: Ear, client: Cluster, shards: Shards) -> None:
    name = name_at(0)
    slot = slot_of(f"{{{name}}}")
    await client.set("{" + name + "}:kept", "1")
    assert await ear.bus.subscribe(channel(name), ear.heard.append)
    gaps = ear.gaps
    await shards.migrate(slot, 1)
    await until(lambda: ear.gaps > gaps and ear.bus.healthy)
    await publish(client, name, "there")
    await until(lambda: ear.heard)
    assert await client.get("{" + name + "}:kept") == b"1"
    assert await shards.run(1, "GET", "{" + name + "}:kept") == b"1"
    await shards.migrate(slot, 0)


async def test_a_key_of_a_slot_that_is_on_its_way_is_found_at_either_server(
    client: Cluster, shards: Shards
) -> None:
    name = name_at(0)
    slot, first, second = slot_of(f"{{{name}}}"), f"{{{name}}}:1", f"{{{name}}}:2"
    await client.mset({first: "1", second: "2"})
    await shards.begin_key_by_key(slot, 2)
    await shards.move_keys(slot, 2, [first.encode()])
    assert [await client.get(first), await client.get(second)] == [b"1", b"2"]
    with pytest.raises(TryAgainError):
        await client.mget(first, second)
    async with client.pipeline(transaction=True) as pipeline:
        pipeline.get(first)
        with pytest.raises(TryAgainError):
            await pipeline.execute()
    await shards.end_key_by_key(slot, 2)
    assert await client.mget(first, second) == [b"1", b"2"]
    await shards.migrate(slot, 0)


async def test_a_killed_connection_is_a_gap(ear: Ear, client: Cluster, shards: Shards) -> None:
    assert await ear.bus.subscribe(channel(name_at(2)), ear.heard.append)
    gaps = ear.gaps
    await shards.run(2, "CLIENT", "KILL", "TYPE", "pubsub")
    await until(lambda: ear.gaps > gaps and ear.bus.healthy)
    await publish(client, name_at(2), "again")
    await until(lambda: ear.heard)


async def test_a_master_that_says_nothing_holds_up_nobody_and_is_noticed(
    ear: Ear, client: Cluster, shards: Shards
) -> None:
    names = [name_at(number) for number in range(3)]
    for name in names:
        assert await ear.bus.subscribe(channel(name), ear.heard.append)
    freeze(shards.servers[2])
    try:
        await publish(client, names[0], "quick")
        await until(lambda: ear.heard)
        assert ear.bus.healthy, "that one says nothing is not known so soon"
        await until(lambda: not ear.bus.healthy)
        with pytest.raises((RedisError, OSError)):
            await client.set("{" + names[2] + "}:x", "1")
    finally:
        thaw(shards.servers[2])
    gaps = ear.gaps
    await until(lambda: ear.gaps > gaps and ear.bus.healthy)
    await shards.is_whole()
    await publish(client, names[2], "back")
    await until(lambda: b"back" in ear.heard)


async def test_a_master_that_dies_is_replaced_by_its_replica(
    ear: Ear, client: Cluster, shards: Shards
) -> None:
    name = name_at(0)
    assert await ear.bus.subscribe(channel(name), ear.heard.append)
    gaps, replica = ear.gaps, shards.masters
    await shards.run(replica, "CONFIG", "SET", "cluster-replica-no-failover", "yes")
    shards.servers[0].kill()

    async def writes() -> Any:
        try:
            return await client.set("{" + name + "}:x", "1")
        except (RedisError, OSError):
            return False

    await until(lambda: not ear.bus.healthy)
    with pytest.raises((ClusterDownError, RedisError, OSError)):
        await client.ping()
    await shards.run(replica, "CONFIG", "SET", "cluster-replica-no-failover", "no")
    await until(writes, 60)
    await until(lambda: ear.gaps > gaps and ear.bus.healthy)
    await publish(client, name, "from the replica")
    await until(lambda: ear.heard)
    assert await client.ping()
