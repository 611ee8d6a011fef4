"""A place that somebody gives up while somebody else is booking it: found by `make torture`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from server.bookings import store, taking
from server.bookings.rules import Booking
from server.database.pool import Connection
from tests.payments.house import FORM, Buyer, House
from tests.support.waiting import until


async def _alone(connection: Connection, booking: Booking) -> Booking:
    return await taking.write(connection, booking, ())


async def _with_others(connection: Connection, booking: Booking) -> Booking:
    return (await taking.write_all(connection, [booking]))[booking.id]


async def _draft(house: House, buyer: Buyer) -> Booking:
    making = house.office.bookings._making
    cart = await making._cart(buyer.caller)
    assert cart is not None
    return (await making._draft(buyer.caller, FORM, cart))[0]


@pytest.mark.parametrize("write", [_alone, _with_others])
async def test_a_place_is_booked_whose_giving_up_was_waited_for(
    house: House, write: Callable[[Connection, Booking], Awaitable[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL holds a row's constraints against what the statement's snapshot had, and then looks anew."""
    monkeypatch.setattr(store, "PATIENCE_MS", 10_000)
    ann = house.buyer("ann")
    await ann.holds("A-1")
    booking = await _draft(house, ann)
    await house.execute("update slot set taken = 1 where id = 'A-1'")

    async def books() -> Booking:
        async with house.database.transaction() as connection:
            found: Booking = await write(connection, booking)
            return found

    async with house.database.transaction() as connection:
        await connection.execute("update slot set taken = 0 where id = 'A-1'")
        booked = asyncio.create_task(books())
        await until(lambda: house.value("select count(*) from pg_locks where not granted"))
    assert [line.slot for line in (await booked).lines] == ["A-1"]
    assert await house.value("select taken from slot where id = 'A-1'") == 1
