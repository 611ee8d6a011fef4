"""Deadlines and payments that meet: late money takes free places again, or goes back."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest

from server.errors import Conflict
from server.inventory.rules import HoldPolicy, ResourceDraft, SlotDraft
from server.payments.provider import ProviderUnavailable
from tests.payments.house import PRICE, Buyer, House


async def test_a_success_after_expiry_takes_the_free_slot_again(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("succeed", delay=3_000)
    await house.expires(ann)
    assert await ann.status() == ("cancelled", "failed")
    assert await house.booked_and_free("A-1") == (0, 1)

    house.clock.passes(3_000)
    await house.office.loops_run()

    assert await ann.status() == ("confirmed", "paid")
    assert await ann.paid() == "paid"
    assert await house.booked_and_free("A-1") == (1, 0)
    await house.is_whole()


@pytest.mark.parametrize("sold", [False, True])
async def test_a_success_after_expiry_goes_back_in_full_if_somebody_has_the_slot(
    house: House, sold: bool
) -> None:
    ann, ben = house.buyer("ann"), house.buyer("ben")
    await ann.holds("A-1", "A-2")
    await ann.books()
    await ann.acts("succeed", delay=3_000)
    await house.expires(ann)
    await ben.holds("A-2")
    if sold:
        await ben.books()
        await ben.pays()

    house.clock.passes(3_000)
    await house.office.loops_run()

    assert await ann.status() == ("cancelled", "refunded")
    assert await ann.paid() == "refunded"
    assert await house.refunds() == [("paid_too_late", 2 * PRICE)]
    assert await house.booked_and_free("A-1") == (0, 1)
    assert await house.booked_and_free("A-2") == (int(sold), 0)
    await house.is_whole()


async def test_a_success_after_it_began_goes_back_in_full_though_nobody_has_the_slot(house: House) -> None:
    await _sells_for_soon(house, 3_000)
    ann = house.buyer("ann")
    await ann.holds("S-1", resource="soon")
    await ann.books()
    await ann.acts("succeed", delay=3_000)
    await house.expires(ann)

    house.clock.passes(3_000)
    await house.office.loops_run()

    assert await ann.status() == ("cancelled", "refunded")
    assert (await ann.sees()).cancel_reason == "expired"
    assert await house.refunds() == [("paid_too_late", PRICE)]
    await house.is_whole(resources=["soon"])


async def test_what_begins_while_late_money_takes_it_again_is_not_taken(house: House) -> None:
    """Looked at again under the lock: it began since it was decided."""
    await _sells_for_soon(house, 9_000)
    ann = house.buyer("ann")
    await ann.holds("S-1", resource="soon")
    await ann.books()
    await ann.acts("succeed", delay=3_000)
    await house.expires(ann)
    bookings = house.office.bookings
    prepare = bookings.prepare_retake

    async def slowly(booking_id: UUID) -> bool:
        found = await prepare(booking_id)
        house.clock.passes(9_000)
        return found

    bookings.prepare_retake = slowly  # type: ignore[method-assign]  # a slow machine
    house.clock.passes(3_000)
    await house.office.loops_run()
    bookings.prepare_retake = prepare  # type: ignore[method-assign]  # as it was

    assert await ann.status() == ("cancelled", "refunded")
    assert await house.refunds() == [("paid_too_late", PRICE)]
    await house.is_whole(resources=["soon"])


async def _sells_for_soon(house: House, seconds: int) -> None:
    """One place of what begins in so many seconds."""
    begins = datetime.fromtimestamp(house.clock() / 1000 + seconds, UTC)
    await house.office.inventory.create(
        ResourceDraft(
            id="soon",
            kind="seats",
            title="Soon",
            owner="owner",
            time_zone="Europe/Berlin",
            currency="eur",
            starts_at=begins.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            policy=HoldPolicy(),
            slots=(SlotDraft(id="S-1", label="S-1", price=PRICE),),
        )
    )


async def test_the_constraint_decides_a_late_payment_even_if_redis_lies(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("succeed", delay=3_000)
    await house.expires(ann)
    await house.execute("update slot set capacity = 0 where id = 'A-1'")

    house.clock.passes(3_000)
    await house.office.loops_run()

    assert await ann.status() == ("cancelled", "refunded")
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.execute("update slot set capacity = 1 where id = 'A-1'")
    await house.is_whole()


async def test_what_was_authorised_in_time_is_confirmed_at_the_deadline_though_no_event_came(
    house: House,
) -> None:
    await house.office.hears_nothing()
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("succeed")

    await house.expires(ann)

    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_nobody_pays_and_the_slot_is_free_again(house: House) -> None:
    ann, ben = house.buyer("ann"), house.buyer("ben")
    hold = await ann.holds("A-1")
    await ann.books()

    await house.expires(ann)

    assert await ann.status() == ("cancelled", "failed")
    assert (await ann.sees()).cancel_reason == "expired"
    assert (await house.office.holds.find(ann.caller.session, hold.id)).status == "expired"
    await ben.holds("A-1")
    await house.is_whole()


async def test_with_the_provider_away_the_slot_is_kept_below_a_ceiling_and_the_late_money_goes_back(
    house: House,
) -> None:
    ann, ben = house.buyer("ann"), house.buyer("ben")
    await ann.holds("A-1")
    await ann.books()
    answers = _goes_away(house)

    await house.expires(ann)
    assert await ann.status() == ("pending", "pending")
    assert await house.booked_and_free("A-1") == (1, 0)

    house.clock.passes(130)
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "failed")
    await ben.holds("A-1")

    answers()
    await ann.acts("succeed")
    house.clock.passes(60)
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "failed")
    assert await ann.paid() == "failed"
    assert await house.refunds() == []
    await house.is_whole()


async def test_a_provider_that_comes_back_in_time_is_asked_again(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("succeed")
    answers = _goes_away(house)
    await house.expires(ann)
    assert await ann.status() == ("pending", "pending")

    answers()
    house.clock.passes(3)
    await house.office.loops_run()

    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


@pytest.mark.parametrize("taken", [False, True])
async def test_payments_around_the_deadline_end_as_exactly_one_of_two_and_without_a_refund(
    house: House, taken: bool
) -> None:
    """A grid of moments, the page's button and the deadline racing at each."""
    confirmed = 0
    await house.sells([f"G-{number}" for number in range(51)], resource="grid")
    for number, offset in enumerate(range(-200, 201, 8)):
        ann, ben = house.buyer(f"ann{number}"), house.buyer(f"ben{number}")
        await ann.holds(f"G-{number}", resource="grid")
        await ann.books()
        house.clock.stands_at(ann.own.expires_at + offset)
        money = house.office.payments
        parts = [money.closing.worker, house.office.sandbox.worker, money.inbox.worker]
        pause = (0.0, 0.01, 0.1)[number % 3]  # the button first, beside the deadline, behind it
        await asyncio.gather(_presses(ann, pause), *(worker._work() for worker in parts))
        house.clock.stands_at(ann.own.expires_at + max(offset, 1))
        if taken and (await ann.sees()).status == "cancelled":
            await ben.holds(f"G-{number}", resource="grid")
        await house.office.loops_run(2)
        house.clock.stands_at(None)
        status = await ann.status()
        assert status in {("confirmed", "paid"), ("cancelled", "failed")}, (offset, status)
        confirmed += status[0] == "confirmed"
    assert 0 < confirmed < 51
    assert await house.refunds() == []
    house.clock.passes(60)
    await house.office.loops_run()
    await house.is_whole(resources=["grid"])


async def _presses(buyer: Buyer, pause: float) -> None:
    await asyncio.sleep(pause)
    with suppress(Conflict):  # the page says that it is too late
        await buyer.acts("succeed")


def _goes_away(house: House) -> Callable[[], None]:
    """The provider can't be reached until the answer is called."""
    known = house.office.payments._providers._by_name
    there = known["sandbox"]
    known["sandbox"] = Away()  # type: ignore[index]  # a dict, in truth; a fault

    def answers() -> None:
        known["sandbox"] = there  # type: ignore[index]  # a dict, in truth

    return answers


class Away:
    """A provider that can't be reached."""

    name = "sandbox"

    def __getattr__(self, _name: str) -> Callable[..., Awaitable[None]]:
        async def away(*_: object) -> None:
            raise ProviderUnavailable

        return away
