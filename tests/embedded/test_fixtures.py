import asyncpg
import pytest
import redis.exceptions
from redis.asyncio import Redis as RedisClient

from server.database.pool import Database
from server.settings import Settings
from tests.support.servers import PostgreSQL, Redis, freeze, open_redis, thaw


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_finds_redis_empty(redis: RedisClient, turn: int) -> None:
    assert await redis.incr("turns") == 1, turn


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_has_a_database_of_its_own(database: Database, turn: int) -> None:
    await database.pool.execute("create table mine (turn int)")
    assert await database.pool.fetchval("select count(*) from mine") == 0, turn
    assert await database.pool.fetchval("select count(*) from schema_migration") >= 1


async def test_an_empty_database_has_no_tables(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    tables = await connection.fetchval("select count(*) from pg_tables where schemaname = 'public'")
    await connection.close()
    assert tables == 0


async def test_the_settings_lead_to_both_servers(settings: Settings) -> None:
    async with open_redis(settings.redis_url) as client:
        assert await client.ping()
    connection = await asyncpg.connect(settings.database_url)
    await connection.close()


async def test_a_spare_redis_keeps_its_address_over_a_kill(spare_redis: Redis) -> None:
    url = spare_redis.url
    spare_redis.kill()
    assert spare_redis.start() == url


async def test_a_frozen_redis_does_not_answer_until_it_is_thawed(spare_redis: Redis) -> None:
    client = RedisClient.from_url(spare_redis.url, retry=None, socket_timeout=0.2)
    await client.ping()
    freeze(spare_redis)
    with pytest.raises(redis.exceptions.TimeoutError):
        await client.ping()
    thaw(spare_redis)
    await client.ping()
    await client.aclose()


async def test_a_frozen_postgresql_does_not_answer_until_it_is_thawed(spare_postgresql: PostgreSQL) -> None:
    connection = await asyncpg.connect(spare_postgresql.url)
    freeze(spare_postgresql)
    with pytest.raises(TimeoutError):
        await connection.fetchval("select 1", timeout=0.2)
    thaw(spare_postgresql)
    await connection.close()
