"""Many bookings made in one transaction: nobody's trouble is another's."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from server.bookings import store, taking
from server.database.pool import Connection
from server.errors import InvalidFields, SlotTaken
from tests.payments.house import FORM, HALL, PRICE, Buyer, House


async def carts(house: House, *slots: str) -> list[Buyer]:
    buyers = [house.buyer(f"buyer-{slot}") for slot in slots]
    for buyer, slot in zip(buyers, slots, strict=True):
        await buyer.holds(slot)
    return buyers


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bookings each statement was asked to make."""
    sizes: list[int] = []
    write = taking.write_all

    async def noted(connection: Any, bookings: Any) -> Any:
        sizes.append(len(bookings))
        return await write(connection, bookings)

    monkeypatch.setattr(taking, "write_all", noted)
    return sizes


async def test_carts_that_are_booked_at_once_share_their_transactions(
    house: House, batches: list[int]
) -> None:
    buyers = await carts(house, "A-1", "A-2", "A-3", "A-4")
    await asyncio.gather(*(buyer.books() for buyer in buyers))
    assert sum(batches) == 4
    assert len(batches) < 4
    assert [line.label for buyer in buyers for line in buyer.own.lines] == ["A-1", "A-2", "A-3", "A-4"]
    assert (
        await house.value("select count(distinct booking_id) from payment where requested_at is not null")
        == 4
    )
    assert await house.value("select count(*) from outbox where kind = 'booking_created'") == 4
    await house.is_whole()


async def test_what_is_sold_after_all_keeps_no_other_from_being_booked(house: House) -> None:
    ann, ben, cem = await carts(house, "A-1", "A-2", "A-3")
    await house.execute("update slot set taken = 1 where id = 'A-2'")
    answers = await asyncio.gather(ann.books(), ben.books(), cem.books(), return_exceptions=True)
    assert isinstance(answers[1], SlotTaken)
    assert answers[1].slots == ["A-2"]
    assert {await buyer.status() for buyer in (ann, cem)} == {("pending", "pending")}
    await house.execute("update slot set taken = 0 where id = 'A-2'")
    await house.is_whole()


async def test_of_two_who_have_room_each_but_not_together_one_is_booked(house: House) -> None:
    await house.sells(["B-1"], resource="opera", capacity=2)
    buyers = [house.buyer("ann"), house.buyer("ben")]
    for buyer in buyers:
        await buyer.holds("B-1", resource="opera")
    await house.execute("update slot set capacity = 1 where id = 'B-1'")
    answers = await asyncio.gather(*(buyer.books() for buyer in buyers), return_exceptions=True)
    assert sorted(isinstance(answer, SlotTaken) for answer in answers) == [False, True]
    assert await house.value("select taken from slot where id = 'B-1'") == 1
    assert await house.value("select count(*) from booking_line") == 1


async def test_a_cart_in_two_tabs_is_one_booking_beside_others(house: House) -> None:
    ann, ben = await carts(house, "A-1", "A-2")
    first, _, again = await asyncio.gather(ann.books(), ben.books(), ann.books())
    assert first.booking == again.booking
    assert await house.value("select count(*) from booking") == 2
    await house.is_whole()


async def test_what_nobody_can_be_paid_by_is_refused_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, ben = await carts(house, "A-1", "A-2")
    await ben.holds("A-3")
    monkeypatch.setattr(
        house.office.sandbox, "refuses", lambda amount, _: "too much" if amount > PRICE else None
    )
    answers = await asyncio.gather(ann.books(), ben.books(), return_exceptions=True)
    assert isinstance(answers[1], InvalidFields)
    assert await ann.status() == ("pending", "pending")
    assert await house.value("select count(*) from booking") == 1


async def test_a_resource_that_is_being_rebuilt_holds_up_no_other(house: House) -> None:
    await house.sells(["B-1"], resource="opera")
    (ann,) = await carts(house, "A-1")
    ben = house.buyer("ben")
    await ben.holds("B-1", resource="opera")
    async with house.database.transaction() as connection:
        await connection.execute("select from resource where id = $1 for update", HALL)
        waiting = asyncio.create_task(ann.books())
        await ben.books()
        assert not waiting.done()
    await waiting
    assert ann.own.status == ben.own.status == "pending"
    await house.is_whole(resources=(HALL, "opera"))


async def _has_slot(connection: Connection, _house: House, _buyer: Buyer) -> None:
    await connection.execute("select from slot where id = 'B-1' for no key update")


async def _books_the_same_cart(connection: Connection, house: House, buyer: Buyer) -> None:
    making = house.office.bookings._making
    cart = await making._cart(buyer.caller)
    assert cart is not None
    draft, _ = await making._draft(buyer.caller, FORM, cart)
    await store.insert(connection, draft)


@pytest.mark.parametrize("does", [_has_slot, _books_the_same_cart])
async def test_who_waits_for_a_process_that_was_stopped_holds_up_no_other(
    house: House, does: Callable[[Connection, House, Buyer], Awaitable[None]]
) -> None:
    await house.sells(["B-1"], resource="opera", capacity=2)
    ben, cem = await carts(house, "A-1", "A-2")
    ann = house.buyer("ann")
    await ann.holds("B-1", resource="opera")
    async with house.database.transaction() as connection:
        await does(connection, house, ann)
        waiting = asyncio.create_task(ann.books())
        await asyncio.gather(ben.books(), cem.books())
        assert not waiting.done()
        await connection.execute("rollback; begin")
    await waiting
    assert ann.own.status == ben.own.status == cem.own.status == "pending"
    await house.is_whole(resources=(HALL, "opera"))
