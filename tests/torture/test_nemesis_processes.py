"""Faults of processes and Redis: each does its harm, and healing undoes it."""

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis as RedisClient
from redis.exceptions import RedisError

from tests.support.servers import PostgreSQL, Redis, open_redis
from tests.support.waiting import until
from tests.torture.nemesis.debts import BOOKS
from tests.torture.nemesis.processes import Kill, Restart, Revive, Stop, states
from tests.torture.nemesis.redis import (
    ChangePassword,
    CutRedisFile,
    FlushRedis,
    KillPubSub,
    LoseRedis,
    PromoteLaggingReplica,
    StallSubscriber,
    appended,
)
from tests.torture.proxy import Proxy, Silence

CHANCE = random.Random(1)


class Sleeper:
    """A process with a child, that says something each time it is asked to."""

    def __init__(self) -> None:
        self.start()

    @property
    def pid(self) -> int:
        return self.child.pid

    def start(self) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", "while line := input(): print(line, flush=True)"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def kill(self) -> None:
        self.child.kill()
        self.stop()

    def stop(self) -> None:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    made = Sleeper()
    yield made
    made.kill()


@pytest.fixture
async def client(spare_redis: Redis) -> AsyncIterator[RedisClient]:
    async with open_redis(spare_redis.url) as made:
        yield made


@pytest.mark.parametrize("fault", [Kill, Restart])
async def test_what_is_ended_is_gone_until_it_is_healed(sleeper: Sleeper, fault: type[Kill]) -> None:
    ending, before = fault(sleeper), sleeper.pid
    await ending.strike(CHANCE)
    assert states([before]) == ["gone"]
    assert await ending.strike(CHANCE) == "dead already"
    await ending.heal()
    healed = sleeper.pid
    await ending.heal()
    assert healed == sleeper.pid != before
    assert states([healed]) in (["S"], ["R"])


async def test_a_killed_redis_refuses_and_comes_back_with_its_keys(
    spare_redis: Redis, client: RedisClient
) -> None:
    await client.set("kept", 1)
    fault = Kill(spare_redis)
    await fault.strike(CHANCE)
    with pytest.raises(RedisError):
        await client.ping()
    await fault.heal()
    assert await client.get("kept") == b"1"


async def test_what_is_stopped_does_not_answer_and_goes_on_where_it_was(
    spare_redis: Redis, client: RedisClient
) -> None:
    await client.ping()
    fault = Stop(spare_redis)
    for _ in range(2):
        await fault.strike(CHANCE)
    assert states([spare_redis.pid]) == ["T"]
    assert len(BOOKS.outstanding) == 1
    asked = asyncio.ensure_future(client.incr("count"))
    await asyncio.wait([asked], timeout=0.2)
    assert not asked.done()
    for _ in range(2):
        await fault.heal()
    assert await asked == 1
    assert states([spare_redis.pid]) != ["T"]
    assert BOOKS.outstanding == []


async def test_a_stopped_postgresql_is_stopped_with_all_its_processes(spare_postgresql: PostgreSQL) -> None:
    connection = await asyncpg.connect(spare_postgresql.url)
    backend = connection.get_server_pid()
    fault = Stop(spare_postgresql)
    await fault.strike(CHANCE)
    assert states([spare_postgresql.pid, backend]) == ["T", "T"]
    await fault.heal()
    assert await connection.fetchval("select 1") == 1
    await connection.close()


async def test_one_that_is_killed_while_stopped_is_healed_all_the_same(sleeper: Sleeper) -> None:
    fault = Stop(sleeper)
    await fault.strike(CHANCE)
    sleeper.kill()
    await fault.heal()
    assert BOOKS.outstanding == []
    sleeper.start()


async def test_flushed_redis_serves_and_knows_nothing(spare_redis: Redis, client: RedisClient) -> None:
    await client.set("a", 1)
    fault = FlushRedis(spare_redis.url)
    assert await fault.strike(CHANCE) == "FLUSHALL of 1 keys"
    assert await client.dbsize() == 0
    await fault.heal()


async def test_lost_redis_comes_back_empty_where_it_was(spare_redis: Redis, client: RedisClient) -> None:
    await client.set("a", 1)
    port = spare_redis.port
    fault = LoseRedis(spare_redis)
    assert "removed" in await fault.strike(CHANCE)
    for _ in range(2):
        await fault.heal()
    assert spare_redis.port == port
    async with open_redis(spare_redis.url) as later:
        assert await later.dbsize() == 0


async def test_cut_short_its_file_has_lost_the_last_writes_and_kept_the_first(
    spare_redis: Redis, client: RedisClient
) -> None:
    for number in range(200):
        await client.set(f"key-{number}", "x" * 50)
    written = appended(spare_redis)[-1]
    await until(lambda: b"key-199" in written.read_bytes())
    fault = CutRedisFile(spare_redis)
    await fault.strike(CHANCE)
    assert b"key-199" not in written.read_bytes()
    for _ in range(2):
        await fault.heal()
    async with open_redis(spare_redis.url) as later:
        kept = [number for number in range(200) if await later.exists(f"key-{number}")]
    assert 100 < len(kept) < 200
    assert kept == list(range(len(kept)))


async def test_a_promoted_replica_lags_and_the_old_master_still_takes_writes(tmp_path: Path) -> None:
    options = {"repl-diskless-sync-delay": "0"}
    servers = [Redis(tmp_path / name, password="shared", options=options) for name in ("one", "two")]
    for server in servers:
        server.start()
    try:
        async with (
            Proxy("127.0.0.1", servers[0].port) as front,
            Proxy("127.0.0.1", servers[0].port) as link,
            open_redis(servers[0].url) as old,
        ):
            address = f"redis://:shared@127.0.0.1:{front.port}/0"
            fault = PromoteLaggingReplica(front, servers, link, lag=0)
            await fault.follow()
            await old.set("early", 1)
            await old.wait(1, 5000)
            link.mode = Silence()
            await old.set("late", 1)
            assert "lags 0 bytes" not in await fault.strike(CHANCE)
            async with open_redis(address) as client:
                assert await client.get("early") == b"1"
                assert await client.get("late") is None
                await client.set("new", 1)
            await old.set("ghost", 1)  # whoever still has the old master's address is not stopped
            for _ in range(2):
                await fault.heal()
            assert (await old.info("replication"))["role"] == "slave"
            await until(lambda: old.exists("new"))
            assert not await old.exists("ghost")
            await fault.strike(CHANCE)  # and back, the other way round
            await fault.heal()
            async with open_redis(address) as client:
                assert await client.get("new") == b"1"
                assert (await client.info("replication"))["role"] == "master"
    finally:
        for server in servers:
            server.stop()


async def test_killing_pub_sub_ends_subscribers_and_nobody_else(
    spare_redis: Redis, client: RedisClient
) -> None:
    await client.ping()
    reader, writer = await asyncio.open_connection("127.0.0.1", spare_redis.port)
    password = spare_redis.url.partition("//:")[2].partition("@")[0]
    writer.write(f"AUTH {password}\r\nSUBSCRIBE a\r\n".encode())
    await reader.readuntil(b":1\r\n")
    fault = KillPubSub(client)
    assert await fault.strike(CHANCE) == "killed 1 connections"
    assert await reader.read() == b""
    assert await client.ping()
    await fault.heal()
    writer.close()


async def test_a_stalled_subscriber_is_kept_waiting_for_and_gone_when_healed(
    spare_redis: Redis, client: RedisClient
) -> None:
    fault = StallSubscriber(spare_redis)
    for _ in range(2):
        await fault.strike(CHANCE)

    async def waits() -> int:
        await client.publish("news", b"x" * 100_000)
        subscribers = await client.client_list(_type="pubsub")
        return sum(int(each["omem"]) for each in subscribers)

    await until(waits)
    for _ in range(2):
        await fault.heal()
    await until(lambda: _has_none(client))


async def _has_none(client: RedisClient) -> bool:
    return not await client.client_list(_type="pubsub")


async def test_what_died_by_itself_is_revived_and_what_lives_is_left_alone(sleeper: Sleeper) -> None:
    revive, before = Revive(sleeper), sleeper.pid
    await revive.now()
    assert sleeper.pid == before
    sleeper.child.kill()
    await until(lambda: states([before]) == ["Z"])
    await revive.now()
    assert states([before]) == ["gone"]
    assert states([sleeper.pid])[0] in {"R", "S"}


async def test_with_another_password_nobody_gets_in_until_it_is_healed(
    spare_redis: Redis, client: RedisClient
) -> None:
    await client.ping()
    fault = ChangePassword(spare_redis)
    for _ in range(2):
        await fault.strike(CHANCE)
    before = await fault.connects()
    for _ in range(2):
        with pytest.raises(RedisError):
            await client.ping()
    assert await fault.connects() > before
    for _ in range(2):
        await fault.heal()
    async with open_redis(spare_redis.url) as later:
        assert await later.ping()
