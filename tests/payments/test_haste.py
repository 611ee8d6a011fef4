"""A mark of what would only be done once more waits for no disk; the next transaction does, as ever."""

from datetime import UTC, datetime
from typing import Any

import pytest

from server.bookings import store
from server.payments import inbox_store, sandbox
from tests.payments.house import House

NOW = datetime(2026, 11, 22, tzinfo=UTC)
QUERIES = {
    "events_done": inbox_store._queries.events_done,
    "events_delivered": sandbox._queries.events_delivered,
    "mark_applied": store._queries.mark_applied,
}


async def arguments_of(house: House, name: str) -> tuple[Any, ...]:
    """A row that the mark is made on."""
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    async with house.database.connection() as connection:
        if name == "mark_applied":
            booking = await connection.fetchval("update booking set applied_version = 0 returning id")
            return [booking], [1], [], [], []
        await connection.execute(
            "insert into inbox (provider, event_id, kind, object_id, body, received_at, due_at)"
            " values ('sandbox', 'sbe_1', 'kind', 'sbx_1', '{}', now(), now())"
        )
        await connection.execute(
            "insert into sandbox.event (id, intent_id, kind, created_at, due_at)"
            " select 'sbe_1', id, 'intent.authorised', now(), now() from sandbox.intent"
        )
    return (["sandbox"], ["sbe_1"], NOW) if name == "events_done" else (["sbe_1"],)


@pytest.mark.parametrize("name", QUERIES)
async def test_a_mark_that_may_be_lost_waits_for_no_disk_and_the_next_transaction_does(
    house: House, name: str
) -> None:
    arguments = await arguments_of(house, name)
    async with house.database.connection() as connection:
        async with connection.transaction():
            assert await connection.fetchval("show synchronous_commit") == "on"
            assert (await connection.execute(QUERIES[name], *arguments)).endswith(" 1")
            assert await connection.fetchval("show synchronous_commit") == "off"
        assert await connection.fetchval("show synchronous_commit") == "on"
