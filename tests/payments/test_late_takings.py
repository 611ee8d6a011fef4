"""Money that comes after the deadline, heard by two processes while its seat changes hands."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.payments.between import around
from tests.payments.house import HALL, PRICE, Buyer, House

Happening = Callable[[], Awaitable[None]]


async def test_who_found_the_seat_taken_does_not_unwant_what_another_confirmed_by(
    house: House,
) -> None:
    ann, ben = await _paid_late(house)
    second = house.opens_office()
    found_taken = False

    async def taken() -> None:
        nonlocal found_taken
        found_taken = True

    async def meanwhile() -> None:
        nonlocal found_taken
        if found_taken:
            found_taken = False
            await _gives_up(ben)
            await second.payments.settle(ann.attempt.id)
            assert await ann.status() == ("confirmed", "paid")

    first = house.opens_office(around("holds", "retake", after=taken))
    _before(first.bookings, "lock", meanwhile)
    await first.payments.settle(ann.attempt.id)

    assert await ann.status() == ("confirmed", "paid")
    assert await house.value("select unwanted from payment") is False
    await ann.cancels()
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert await house.refunds() == [("booking_cancelled", PRICE)]
    await house.is_whole()


async def test_what_one_process_has_decided_to_give_back_another_does_not_accept(house: House) -> None:
    ann, ben = await _paid_late(house)
    first, second = house.office, house.opens_office()

    async def meanwhile() -> None:
        await first.payments.settle(ann.attempt.id)
        await _gives_up(ben)

    _before(second.bookings, "prepare_retake", meanwhile)
    await second.payments.settle(ann.attempt.id)
    await house.office.loops_run()

    booking = await ann.sees()
    assert (booking.status, booking.cancel_reason) == ("cancelled", "expired")
    assert booking.confirmed_by is None
    assert await house.value("select count(*) from payment where accepted") == 0
    await house.is_whole()


async def test_what_was_unwanted_and_accepted_all_the_same_goes_back_when_the_buyer_cancels(
    house: House,
) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    await house.execute("update payment set unwanted = true, check_at = null")
    await ann.cancels()
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert await house.refunds() == [("booking_cancelled", PRICE)]
    await house.is_whole()


@pytest.mark.parametrize(
    ("taken", "counted"), [(True, {"oversold": 1, "paid": 1}), (False, {"oversold": 0, "paid": 1})]
)
async def test_late_money_is_counted_as_paid_or_as_oversold(
    house: House, *, taken: bool, counted: dict[str, int]
) -> None:
    ann, ben = await _paid_late(house)
    if not taken:
        await _gives_up(ben)
    await house.office.payments.settle(ann.attempt.id)
    assert _counted(house) == counted


async def test_late_money_for_what_its_buyer_cancelled_is_not_oversold(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("succeed", delay=3_000)
    await ann.cancels(release=True)
    house.clock.passes(3_000)
    await house.office.loops_run()
    assert await house.refunds() == [("paid_too_late", PRICE)]
    assert _counted(house)["oversold"] == 0


@pytest.mark.parametrize("heard", [False, True])
async def test_late_money_for_what_was_deleted_since_goes_back_and_is_not_oversold(
    house: House, *, heard: bool
) -> None:
    """Nothing says when it takes place, so no time ends this either."""
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("succeed", delay=3_000)
    await house.expires(ann)
    await house.office.inventory.delete(HALL)
    if heard:  # by Redis, too
        await house.office.holds.store.forget(HALL)
    house.clock.passes(3_000)
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert await house.refunds() == [("paid_too_late", PRICE)]
    assert _counted(house)["oversold"] == 0
    await house.is_whole(resources=())


def _counted(house: House) -> dict[str, int]:
    figures = house.office.payments.figures
    (oversold,) = figures._oversold.collect()
    (payments,) = figures._payments.collect()
    paid = [each.value for each in payments.samples if each.labels.get("outcome") == "paid"]
    return {"oversold": int(oversold.samples[0].value), "paid": int(paid[0]) if paid else 0}


async def _paid_late(house: House) -> tuple[Buyer, Buyer]:
    """Ann's money came after her deadline and nobody heard of it yet; Ben has her seat in his cart."""
    await house.office.hears_nothing()
    ann, ben = house.buyer("ann"), house.buyer("ben")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("succeed", delay=3_000)
    await house.expires(ann)
    await ben.holds("A-1")
    house.clock.passes(3_000)
    await house.office.sandbox.worker._work()
    return ann, ben


async def _gives_up(buyer: Buyer) -> None:
    cart = await buyer.cart()
    assert cart is not None
    for hold in cart.holds:
        await buyer.office.holds.release(buyer.caller, hold.id, op=None)


def _before(part: Any, call: str, happens: Happening) -> None:
    """Something happens before each of a part's calls, as it would in another process."""
    work = getattr(part, call)

    async def called(*arguments: Any) -> Any:
        await happens()
        return await work(*arguments)

    setattr(part, call, called)
