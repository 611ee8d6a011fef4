"""How the inbox stands is asked every few seconds: it must not cost what was ever received."""

from server.database.pool import Database
from server.payments import inbox_store
from server.payments.inbox_store import Standing


async def test_what_is_done_is_not_read_to_count_what_waits(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(
            """
            insert into inbox
              (provider, event_id, kind, object_id, body, received_at, due_at, done_at, dead_at)
            select 'stripe', 'evt_' || i, 'k', 'pi_' || i, '{}', to_timestamp(i), now(),
              case when i % 400 > 1 then now() end, case when i % 400 = 1 then now() end
            from generate_series(1, 4000) i
            """
        )
        await connection.execute("analyze inbox")
        assert await inbox_store.standing(connection) == Standing(waiting=10, oldest=400_000, dead=10)
        for query in (inbox_store._queries.standing, inbox_store._queries.replay_dead):
            types = "(timestamptz)" if "$1" in query else ""
            await connection.execute(f"prepare asked{types} as {query}")
            plan = await connection.fetch(f"explain execute asked{'(now())' if types else ''}")
            assert not [line for (line,) in plan if "Seq Scan on inbox" in line], plan
            await connection.execute("deallocate asked")
