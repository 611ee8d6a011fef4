"""Faults of PostgreSQL and of ways by a proxy: each does its harm, and healing undoes it."""

import asyncio
import random

import asyncpg
import pytest

from tests.support.servers import PostgreSQL
from tests.support.waiting import until
from tests.torture.nemesis.links import MODES, ProxyFault
from tests.torture.nemesis.postgresql import KillBackend, LockTable, TakeConnections
from tests.torture.proxy import Healthy, Proxy

CHANCE = random.Random(1)
# What asyncpg hears of first: the server's word, the line's end, or that the connection is closed by then.
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


@pytest.mark.parametrize("roughly", [False, True])
async def test_a_killed_backend_takes_its_connection_along(
    spare_postgresql: PostgreSQL, roughly: bool
) -> None:
    connection = await asyncpg.connect(spare_postgresql.url)
    fault = KillBackend(spare_postgresql.url, roughly=roughly)
    assert str(connection.get_server_pid()) in await fault.strike(CHANCE)
    async with asyncio.timeout(60):  # who is asked to go may yet answer what comes before that
        with pytest.raises(LOST):
            await asks_on(connection)
    await fault.heal()
    await until(lambda: serves(spare_postgresql))


async def asks_on(connection: asyncpg.Connection) -> None:
    while True:
        await connection.fetchval("select 1")


async def serves(server: PostgreSQL) -> bool:
    try:
        connection = await asyncpg.connect(server.url)
    except (asyncpg.PostgresError, OSError):
        return False
    answer = await connection.fetchval("select 1")
    await connection.close()
    return bool(answer == 1)


async def test_whoever_reads_a_locked_table_waits_until_it_is_healed(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    fault = LockTable(database_url, "booking", "slot")
    for _ in range(2):
        await fault.strike(CHANCE)
    with pytest.raises(TimeoutError):
        await connection.fetchval("select count(*) from booking", timeout=0.2)
    for _ in range(2):
        await fault.heal()
    assert await connection.fetchval("select count(*) from booking") == 0
    await connection.close()


async def test_when_all_connections_are_taken_nobody_gets_one(spare_postgresql: PostgreSQL) -> None:
    fault = TakeConnections(spare_postgresql.url)
    for _ in range(2):
        await fault.strike(CHANCE)
    with pytest.raises(asyncpg.TooManyConnectionsError):
        await asyncpg.connect(spare_postgresql.url)
    for _ in range(2):
        await fault.heal()
    await until(lambda: serves(spare_postgresql))


@pytest.mark.parametrize("kind", MODES)
async def test_a_fault_of_a_proxy_sets_its_mode_and_takes_it_back(kind: str) -> None:
    async with Proxy("127.0.0.1", 1) as proxy:
        fault = ProxyFault(proxy, kind=kind)  # type: ignore[arg-type]  # from the catalogue itself
        for _ in range(2):
            await fault.strike(CHANCE)
        assert proxy.mode == MODES[kind]  # type: ignore[index]  # from the catalogue itself
        for _ in range(2):
            await fault.heal()
        assert proxy.mode == Healthy()
