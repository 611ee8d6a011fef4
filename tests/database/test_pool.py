"""The pool: every trouble of the database comes out as Unavailable, soon, and passes by itself."""

import asyncio
import socket
from typing import Any

import asyncpg
import pytest

from server.database import pool
from server.database.pool import ACQUIRE_SECONDS, COMMAND_SECONDS, Connection, Database
from server.errors import Unavailable
from tests.support.servers import PostgreSQL, freeze, thaw

LONGEST = ACQUIRE_SECONDS + COMMAND_SECONDS + 3  # with room for a machine under load


async def asks(database: Database) -> int:
    async with database.connection() as connection:
        answer: int = await connection.fetchval("select 42")
        return answer


async def eventually_asks(database: Database) -> None:
    """Asked again and again, it answers; a test that waits for ever is ended by its time limit."""
    while True:
        try:
            assert await asks(database) == 42
        except Unavailable:
            await asyncio.sleep(0.05)
        else:
            return


async def busy(database: Database, size: int) -> None:
    """Open so many connections."""

    async def one() -> None:
        async with database.connection() as connection:
            await connection.execute("select pg_sleep(0.05)")

    await asyncio.gather(*(one() for _ in range(size)))


async def test_json_goes_in_and_out_as_values(database: Database) -> None:
    async with database.connection() as connection:
        value = {"areas": [{"x": 1.5}], "name": "Ö", "none": None}
        assert await connection.fetchval("select $1::jsonb", value) == value


async def test_a_transaction_is_kept_or_undone_as_a_whole(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("create table seat (id int)")
        await connection.execute("insert into seat values (1)")
    with pytest.raises(ZeroDivisionError):
        await inserts_and_fails(database)
    async with database.connection() as connection:
        assert await connection.fetchval("select count(*) from seat") == 1


async def inserts_and_fails(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("insert into seat values (2)")
        raise ZeroDivisionError


async def test_a_snapshot_sees_one_moment_and_changes_nothing(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("create table seat (id int)")
    async with database.transaction(snapshot=True) as reader:
        assert await reader.fetchval("select count(*) from seat") == 0
        async with database.connection() as writer:
            await writer.execute("insert into seat values (1)")
        assert await reader.fetchval("select count(*) from seat") == 0
    with pytest.raises(Unavailable):  # as on a server that takes no changes at present
        await in_a_snapshot(database, "insert into seat values (2)")


async def in_a_snapshot(database: Database, sql: str) -> None:
    async with database.transaction(snapshot=True) as reader:
        await reader.execute(sql)


async def test_a_mistake_of_ours_stays_what_it_is(database: Database) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await in_a_transaction(database, "select * from nowhere")
    with pytest.raises(asyncpg.InterfaceError):
        async with database.connection() as connection:
            await connection.fetchval("select $1::int", 1, 2)
    assert await asks(database) == 42


async def in_a_transaction(database: Database, sql: str, *arguments: object) -> None:
    async with database.transaction() as connection:
        await connection.execute(sql, *arguments)


async def test_a_cancelled_request_leaves_its_connection_usable(database: Database) -> None:
    entered = asyncio.Event()

    async def slow() -> None:
        async with database.transaction() as connection:
            entered.set()
            await connection.execute("select pg_sleep(30)")

    request = asyncio.create_task(slow())
    await entered.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert await asks(database) == 42


async def test_no_database_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        await Database.connect("postgresql://nobody@127.0.0.1:1/nothing")


async def test_a_wrong_name_is_told(database_url: str) -> None:
    with pytest.raises(Unavailable, match="does not exist"):
        await Database.connect(database_url.rpartition("/")[0] + "/elsewhere")


async def test_a_closed_pool_is_unavailable(database_url: str) -> None:
    database = await Database.connect(database_url)
    await database.close()
    with pytest.raises(Unavailable, match="closed"):
        await asks(database)


async def test_a_query_that_takes_too_long_is_unavailable(database_url: str) -> None:
    database = await Database.connect(database_url, command_seconds=0.2)
    with pytest.raises(Unavailable):
        await in_a_transaction(database, "select pg_sleep(30)")
    await eventually_asks(database)
    await database.close()


async def test_a_connection_that_an_administrator_ends_is_replaced(database: Database) -> None:
    with pytest.raises(Unavailable):
        await in_a_transaction(database, "select pg_terminate_backend(pg_backend_pid())")
    assert await asks(database) == 42


@pytest.mark.parametrize("begins", [Database.connection, Database.transaction])
async def test_what_asyncpg_loses_its_thread_by_is_unavailable(database: Database, begins: Any) -> None:
    """It says so of a connection whose end it has not seen yet; nobody else gets that one."""
    async with database.connection() as connection:
        before = connection.get_server_pid()
    with pytest.raises(Unavailable) as refused:
        await loses_its_thread(begins(database))
    assert refused.value.retry_after == 1
    async with database.connection() as connection:
        assert connection.get_server_pid() != before


async def loses_its_thread(connection: Any) -> None:
    async with connection:
        raise asyncpg.InternalClientError("got result for unknown protocol state 0")


async def test_waiting_for_a_lock_has_an_end(database: Database) -> None:
    async with database.transaction() as first:
        await first.execute("create table seat (id int)")
    async with database.transaction() as first:
        await first.execute("lock table seat")
        with pytest.raises(Unavailable):
            await in_a_transaction(database, "set local lock_timeout = 50; lock table seat")


async def test_an_exhausted_pool_is_unavailable(database_url: str) -> None:
    database = await Database.connect(database_url, size=1)
    async with database.connection():
        with pytest.raises(Unavailable):
            await asks(database)
    assert await asks(database) == 42
    await database.close()


async def test_a_statement_is_planned_once_for_a_connection(database: Database) -> None:
    async with database.connection() as connection:
        for number in range(20):
            await connection.fetch("select id from resource where id = any($1::text[])", [str(number)])
        plans = await connection.fetchrow(
            "select generic_plans, custom_plans from pg_prepared_statements where statement like 'select id%'"
        )
    assert plans is not None
    assert tuple(plans) == (20, 0)


async def test_a_connection_serves_one_after_the_other_as_it_is(database: Database) -> None:
    async with database.connection() as connection:
        first = connection.get_server_pid()
        again = connection
    async with database.connection() as connection:
        assert connection.get_server_pid() == first
        assert connection is again, "it went through the pool in between"


async def test_what_is_not_as_it_was_goes_back_to_the_pool(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("begin")
        used = connection
    async with database.connection() as connection:
        assert connection is not used
        assert not connection.is_in_transaction()


async def test_whoever_waits_at_the_pool_has_the_next(database_url: str) -> None:
    database = await Database.connect(database_url, size=1)
    async with database.connection():
        waiting = asyncio.create_task(asks(database))
        await asyncio.sleep(0)
    assert await waiting == 42
    await database.close()


async def test_after_kill_9_and_restart_every_request_is_served(spare_postgresql: PostgreSQL) -> None:
    database = await Database.connect(spare_postgresql.url, size=5)
    await busy(database, 5)
    spare_postgresql.kill()
    with pytest.raises(Unavailable):
        await asks(database)
    spare_postgresql.start()
    await eventually_asks(database)
    assert await asyncio.gather(*(asks(database) for _ in range(20))) == [42] * 20
    await database.close()


async def test_a_database_that_nobody_reaches_is_not_asked_again_for_each_request(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    async def goes_nowhere() -> Connection:
        nonlocal tries
        tries += 1
        raise socket.gaierror(socket.EAI_AGAIN, "nobody knows the name")

    with monkeypatch.context() as lost:
        lost.setattr(pool, "AGAIN_SECONDS", 3600)
        lost.setattr(database, "_next", goes_nowhere)
        for _ in range(20):
            with pytest.raises(Unavailable):
                await asks(database)
        assert tries == 1
    monkeypatch.setattr(pool, "AGAIN_SECONDS", 0)
    assert await asks(database) == 42


async def test_a_frozen_server_fails_requests_soon_and_thaws(spare_postgresql: PostgreSQL) -> None:
    database = await Database.connect(spare_postgresql.url, size=3)
    await busy(database, 3)
    freeze(spare_postgresql)
    async with asyncio.timeout(LONGEST):
        answers = await asyncio.gather(*(asks(database) for _ in range(6)), return_exceptions=True)
    assert all(isinstance(answer, Unavailable) for answer in answers)
    thaw(spare_postgresql)
    await eventually_asks(database)
    assert await asyncio.gather(*(asks(database) for _ in range(20))) == [42] * 20
    await database.close()


async def test_however_many_connections_a_frozen_server_had_each_request_fails_soon(
    spare_postgresql: PostgreSQL,
) -> None:
    database = await Database.connect(spare_postgresql.url, size=20)
    await busy(database, 20)
    freeze(spare_postgresql)
    for _ in range(2):  # the first finds out, the second looks for one that answers
        async with asyncio.timeout(LONGEST):
            with pytest.raises(Unavailable):
                await asks(database)
    thaw(spare_postgresql)
    await database.close()


async def test_closing_does_not_wait_for_a_frozen_server(spare_postgresql: PostgreSQL) -> None:
    database = await Database.connect(spare_postgresql.url)
    await asks(database)
    freeze(spare_postgresql)
    await asyncio.wait_for(database.close(), LONGEST)
    thaw(spare_postgresql)
