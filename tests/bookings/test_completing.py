"""Bookings are completed by time, once, and for good."""

import asyncio

import pytest

from server.bookings.places import Times
from server.bookings.rules import Booking
from server.errors import Conflict
from server.inventory.rules import ResourceDraft, SlotDraft
from tests.bookings.driveways import Street
from tests.payments.house import House

STARTS, ENDS, LATER = "2026-05-01T10:00:00.000Z", "2026-05-01T11:00:00.000Z", "2199-05-01T11:00:00.000Z"


async def _is_over(street: Street, seconds: float = 0) -> None:
    """The latest of all bookings ends, and so many seconds pass."""
    ends = await street.house.value("select max(ends_at) from booking")
    street.house.clock.stands_at(round(ends.timestamp() * 1000 + seconds * 1000))


async def test_a_range_is_completed_when_it_has_ended_and_not_before(house: House) -> None:
    street = Street(house)
    await street.sells()
    ann = street.driver("ann")
    await street.sold(ann, "09:00", "10:00")
    await _is_over(street, -0.001)
    await street.office.loops_run(1)
    assert await ann.status() == ("confirmed", "paid")
    await _is_over(street)
    await asyncio.gather(*(street.office.bookings._completing.work() for _ in range(3)))
    booking = await ann.sees()
    assert (booking.status, booking.applied_version) == ("completed", booking.version)
    with pytest.raises(Conflict, match="completed"):
        await ann.cancels()
    assert len(await street.ranges()) == 1
    await house.is_whole(resources=())


async def test_what_is_not_paid_or_has_no_end_stays_as_it_is(house: House) -> None:
    street = Street(house)
    await street.sells()
    ann, ben = street.driver("ann"), street.driver("ben")
    await street.books(ann, "09:00", "10:00")
    await street.sold(ben, "11:00", "12:00")
    await house.execute("update booking set ends_at = null where session ~ 'ben'")
    await house.execute(
        "update booking set expires_at = expires_at + interval '1 year', release_at = release_at + '1 year'"
    )
    await _is_over(street)
    await street.office.bookings._completing.work()
    assert (await ann.sees()).status == "pending"
    assert (await ben.sees()).status == "confirmed"


async def test_money_that_is_only_promised_is_waited_for(house: House) -> None:
    street = Street(house)
    await street.sells()
    ann = street.driver("ann")
    await street.sold(ann, "09:00", "10:00")
    await house.execute("update booking set payment_status = 'authorized'")
    await _is_over(street)
    await street.office.bookings._completing.work()
    assert (await ann.sees()).status == "confirmed"
    await house.execute("update booking set payment_status = 'paid'")
    await street.office.bookings._completing.work()
    assert (await ann.sees()).status == "completed"


async def test_what_its_owner_put_off_is_not_over_yet(house: House) -> None:
    slots = (SlotDraft(id="T", label="T", price=0, starts_at=STARTS, ends_at=LATER),)
    await house.office.inventory.create(
        ResourceDraft(
            id="tour",
            kind="sessions",
            title="Tour",
            owner="owner",
            time_zone="UTC",
            currency="eur",
            slots=slots,
        )
    )
    await house.execute("update slot set starts_at = now() + interval '1 hour' where id = 'T'")
    ann = house.buyer("ann")
    await ann.holds("T", resource="tour")
    await ann.books()
    await house.execute("update booking set ends_at = $1::text::timestamptz", ENDS)
    await house.office.bookings._completing.work()
    booking = await ann.sees()
    assert booking.status == "confirmed"
    assert booking.ends_at is not None
    assert booking.ends_at > house.clock()


async def test_redis_is_not_touched_by_what_has_ended(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    before = await house.redis.get("{hall}:slots")
    await house.execute("update booking set ends_at = now()")
    house.clock.passes(1)
    await house.office.loops_run(1)
    assert (await ann.sees()).status == "completed"
    assert await house.redis.get("{hall}:slots") == before
    await house.is_whole()


async def test_a_whole_batch_that_can_not_be_completed_keeps_nobody_waiting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyers = [house.buyer(name) for name in ("ann", "ben")]
    for buyer, slot in zip(buyers, ("A-1", "A-2"), strict=True):
        await buyer.holds(slot)
        await buyer.books()
        await buyer.pays()
    ann = buyers[0]
    await house.execute("update booking set ends_at = now() - interval '1 hour'")
    sooner = "update booking set ends_at = ends_at - interval '1 second' where id = $1"
    await house.execute(sooner, ann.own.id)
    completing = house.office.bookings._completing
    completing._backlog.batch = 1
    complete = completing._complete

    async def fails(booking: Booking, times: Times) -> None:
        if booking.id == ann.own.id:
            raise ValueError("a bug")
        await complete(booking, times)

    monkeypatch.setattr(completing, "_complete", fails)
    for _ in range(2):
        await completing.work()
    assert [(await buyer.sees()).status for buyer in buyers] == ["confirmed", "completed"]
