"""What a change that is being paid must not cost its booking, and what must not cost the change."""

from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from server.accounts.rules import Caller
from server.bookings.changes import ChangeRequest
from server.bookings.details import BookingPatch
from server.bookings.rules import Booking
from server.errors import Conflict
from server.inventory.rules import HoldPolicy, RefundTier
from server.ops.auditor import audit
from server.payments.rules import Payment
from tests.payments.bank import Bank
from tests.payments.house import Buyer, House

TOUR, PEOPLE = "tour", ("Ann", "Ben")


async def _confirmed(house: House, *, quantity: int = 1, policy: HoldPolicy | None = None) -> Buyer:
    """Places of a tour in its cheaper half."""
    await house.sells(["early", "late"], resource=TOUR, capacity=5, policy=policy or HoldPolicy())
    await house.execute("update slot set price_amount = 9000 where id = 'late'")
    house.office = house.opens_office()
    ann = house.buyer("ann")
    await ann.holds("early", resource=TOUR, quantity=quantity)
    await ann.books()
    await ann.pays()
    return ann


async def _asks(ann: Buyer, **wanted: Any) -> Payment:
    request = ChangeRequest(**wanted)
    _, payment = await ann.office.payments.changes.change(ann.caller, str(ann.own.id), request)
    assert payment is not None
    return payment


async def _pays(house: House, ann: Buyer, payment: Payment) -> None:
    await house.office.payments.act(ann.caller, str(payment.id), "succeed", delay_ms=0, twice=False)
    await house.office.money_moves()
    await house.office.payments.changes.worker._work()


async def _is_whole(house: House, redis: Redis) -> None:
    await house.office.loops_run(3)
    await house.is_whole(resources=[TOUR])
    assert await audit(house.database, redis, settle_seconds=0) == []


def _has(booking: Booking) -> list[tuple[str, int]]:
    return [(line.slot, line.quantity) for line in booking.lines]


async def test_who_was_named_while_it_was_paid_keeps_the_booking_big_enough(
    house: House, redis: Redis
) -> None:
    """Two places become one dearer one, and meanwhile two people are named: the change is paid back."""
    ann = await _confirmed(house, quantity=2)
    payment = await _asks(ann, items=(("late", 1),))
    patch = msgspec.convert({"attendees": list(PEOPLE)}, BookingPatch)
    await house.office.bookings.patch(ann.caller, str(ann.own.id), patch)
    await _pays(house, ann, payment)
    await house.office.loops_run(3)
    seen = await ann.sees()
    assert (_has(seen), len(seen.attendees), seen.change) == ([("early", 2)], 2, None)
    assert (seen.status, seen.payment_status) == ("confirmed", "paid")
    assert await house.refunds() == [("booking_cancelled", payment.amount)]
    await _is_whole(house, redis)


async def test_who_was_named_within_what_is_left_is_no_matter(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, quantity=2)
    payment = await _asks(ann, items=(("late", 2),))
    patch = msgspec.convert({"attendees": list(PEOPLE)}, BookingPatch)
    await house.office.bookings.patch(ann.caller, str(ann.own.id), patch)
    await _pays(house, ann, payment)
    assert _has(await ann.sees()) == [("late", 2)]
    await _is_whole(house, redis)


@pytest.mark.parametrize("who", ["buyer", "owner"])
async def test_a_cancel_that_is_refused_leaves_the_change_that_is_being_paid(house: House, who: str) -> None:
    ann = await _confirmed(house, policy=HoldPolicy(dispute="keep"))
    await _asks(ann, items=(("late", 1),))
    await Bank(house).asks_back(ann.attempt.id)
    caller = ann.caller if who == "buyer" else Caller(session="", user="owner")
    before = (await ann.sees()).change
    assert before is not None
    with pytest.raises(Conflict, match="dispute"):
        await house.office.payments.cancel(caller, str(ann.own.id), release=False)
    assert (await ann.sees()).change == before


async def test_a_cancel_while_money_is_being_taken_leaves_the_change(house: House, redis: Redis) -> None:
    """A part of what is only promised would stay: it is taken first, and the change goes on."""
    ann = await _confirmed(house, policy=HoldPolicy(refund=(RefundTier(hours=0, percent=50),)))
    payment = await _asks(ann, items=(("late", 1),))
    await house.execute("update payment set status = 'authorized' where booking_id = $1", ann.own.id)
    with pytest.raises(Conflict):
        await ann.cancels()
    await house.execute("update payment set status = 'paid' where booking_id = $1", ann.own.id)
    await _pays(house, ann, payment)
    assert _has(await ann.sees()) == [("late", 1)]
    await _is_whole(house, redis)
