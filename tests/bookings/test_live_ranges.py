"""Ranges from hold to booking and back, with Redis and PostgreSQL of one mind."""

import asyncio

import pytest

from server.errors import SlotTaken
from server.holds.rules import Hold, HoldRequest
from server.inventory.rules import HoldPolicy, ResourceDraft
from server.ops.auditor import audit
from tests.bookings.driveways import DRIVEWAY, OWNER, at, rules
from tests.payments.house import FORM, Buyer, House


@pytest.fixture
async def street(house: House) -> House:
    """A house with one driveway in it, whose bookings have half an hour of nothing after them."""
    draft = ResourceDraft(
        id=DRIVEWAY,
        kind="grid",
        title="Driveway",
        owner=OWNER,
        time_zone="UTC",
        currency="gbp",
        policy=HoldPolicy(),
        grid=rules(buffer_minutes=30),
    )
    await house.office.inventory.create(draft)
    return house


async def _holds(buyer: Buyer, start: str, end: str) -> Hold:
    request = HoldRequest(resource=DRIVEWAY, range=(at(start), at(end)))
    return (await buyer.office.holds.hold(buyer.caller, request, op=None, connected=False)).hold


async def _sold(street: House, name: str, start: str, end: str) -> Buyer:
    ann = street.buyer(name)
    await _holds(ann, start, end)
    await ann.books(FORM)
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    return ann


async def _is_whole(street: House) -> None:
    await street.office.loops_run(1)
    await street.is_whole(resources=[DRIVEWAY])
    assert await audit(street.database, street.redis, settle_seconds=0) == []


async def _free(street: House, start: str, end: str) -> bool:
    """Whether somebody could have it now; whoever tried has given it back."""
    probe = street.buyer("probe")
    try:
        hold = await _holds(probe, start, end)
    except SlotTaken:
        return False
    await street.office.holds.release(probe.caller, hold.id, None, op=None)
    return True


async def test_what_is_booked_is_nobodys_until_it_is_cancelled(street: House) -> None:
    ann = await _sold(street, "ann", "09:00", "10:00")
    assert not await _free(street, "10:00", "11:00")  # the buffer
    assert await _free(street, "10:30", "11:00")
    await _is_whole(street)
    await ann.cancels()
    assert await _free(street, "09:30", "11:00")
    await _is_whole(street)


async def test_a_lost_redis_is_built_anew_with_what_is_booked_and_being_paid(street: House) -> None:
    await _sold(street, "ann", "09:00", "10:00")
    ben = street.buyer("ben")
    await _holds(ben, "12:00", "13:00")
    await ben.books(FORM)
    await street.redis.flushall()
    assert not await _free(street, "09:45", "10:45")
    assert not await _free(street, "12:45", "14:00")
    assert await _free(street, "10:30", "11:30")
    await ben.pays()
    assert await ben.status() == ("confirmed", "paid")
    await _is_whole(street)


async def test_a_late_payment_has_its_range_again_if_nobody_has_it(street: House) -> None:
    ann, ben = street.buyer("ann"), street.buyer("ben")
    for buyer, start, end in ((ann, "09:00", "10:00"), (ben, "11:00", "12:00")):
        await _holds(buyer, start, end)
        await buyer.books(FORM)
        await buyer.acts("succeed", delay=7_200)
    await street.expires(ann)
    await street.expires(ben)
    await _sold(street, "cleo", "11:45", "12:45")
    street.clock.passes(7_200)
    await street.office.loops_run()
    assert await ann.status() == ("confirmed", "paid")
    assert await ben.status() == ("cancelled", "refunded")
    await _is_whole(street)


async def test_a_pending_one_that_is_cancelled_is_in_the_cart_again_as_one_range(street: House) -> None:
    ann = street.buyer("ann")
    hold = await _holds(ann, "09:00", "10:00")
    await ann.books(FORM)
    await ann.cancels()
    cart = await ann.cart()
    assert cart is not None
    assert [(each.id, each.range) for each in cart.holds] == [(hold.id, hold.range)]
    await ann.books(FORM)
    await ann.pays()
    await _is_whole(street)


async def test_drivers_who_race_with_their_money_never_overlap(street: House) -> None:
    """A short form of bench/driveways.py."""
    hours = [(hour, minute) for hour in range(8, 12) for minute in ("00", "30")]
    spans = [(f"{hour:02}:{minute}", f"{hour + 1:02}:{minute}") for hour, minute in hours]

    async def drives(number: int) -> str:
        buyer = street.buyer(f"d{number}")
        try:
            await _holds(buyer, *spans[number % len(spans)])
            await buyer.books(FORM)
        except SlotTaken:
            return "taken"
        await buyer.acts("succeed" if number % 3 else "decline")
        return "booked"

    outcomes = await asyncio.gather(*(drives(number) for number in range(24)))
    assert "booked" in outcomes
    assert "taken" in outcomes
    await street.office.loops_run()
    overlapping = await street.value(
        "select count(*) from booking_range a join booking_range b"
        " on a.during && b.during and a.hold_id < b.hold_id"
    )
    assert overlapping == 0
    await _is_whole(street)
