"""Payments that land from 200 ms before to 200 ms after their deadline, all of them racing it.

A run of the suite has each millisecond near the deadline and some further off; `DEADLINE_STEP=1` has all.

Stripe is paid at one moment; the deadlines lie around it. Whoever comes first at Stripe wins: a booking is
confirmed or cancelled, never both, and nobody is refunded what could be left with them.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Iterable
from contextlib import suppress

import pytest

from tests.fake_stripe import Refused
from tests.payments.stripe_house import StripeBuyer, StripeHouse

HALL = "grid"
EDGE_MS = 200
NEAR_MS = 10
STEP_MS = int(os.environ.get("DEADLINE_STEP", "8"))
OFFSETS = sorted({*range(-EDGE_MS, EDGE_MS + 1, STEP_MS), *range(-NEAR_MS, NEAR_MS + 1)})
AT_ONCE = 4


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("unhurried")
async def test_around_its_deadline_a_payment_is_exactly_one_of_two_and_never_refunded(
    stripe_house: StripeHouse,
) -> None:
    house = stripe_house
    house.stripe.contract.enabled = False  # a storm of the same few calls, held to it elsewhere
    await house.sells([f"G{offset}" for offset in OFFSETS], resource=HALL)
    anns = {offset: house.buyer(f"ann{offset}") for offset in OFFSETS}
    await _side_by_side(_books(ann, f"G{offset}") for offset, ann in anns.items())
    moment = house.clock() + 1_000
    await _deadlines_lie_around(house, moment)

    house.clock.stands_at(moment)
    landing = random.Random(20).sample(sorted(anns), len(anns))
    await asyncio.gather(
        _closes(house),
        _side_by_side(_pays(house, anns[offset], heard=offset % 2 == 0) for offset in landing),
    )
    house.clock.stands_at(moment + EDGE_MS + 1)
    await _closes(house)
    house.clock.stands_at(None)
    for _ in range(3):  # no event is heard of
        house.clock.passes(30)
        await house.office.loops_run()

    ends = {offset: await ann.status() for offset, ann in anns.items()}
    assert set(ends.values()) == {("confirmed", "paid"), ("cancelled", "failed")}
    assert {ends[offset] for offset in OFFSETS if offset < 0} == {("confirmed", "paid")}
    assert await house.value("select count(*) from refund") == 0
    assert all(house.stripe.ledger[name].refunded == 0 for name in house.stripe.ledger)
    await house.is_whole(resources=[HALL])


async def _side_by_side(work: Iterable[Awaitable[None]]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(each: Awaitable[None]) -> None:
        async with gate:
            await each

    await asyncio.gather(*map(one, work))


async def _books(ann: StripeBuyer, slot: str) -> None:
    await ann.holds(slot, resource=HALL)
    await ann.books()


async def _deadlines_lie_around(house: StripeHouse, moment: int) -> None:
    """Slot G3 is paid 3 ms after its deadline."""
    await house.execute(
        """
        update booking b set expires_at = due.at, release_at = due.at
        from (select l.booking_id, to_timestamp(($1::bigint - substr(s.id, 2)::int) / 1000.0) as at
              from booking_line l join slot s on s.resource_id = l.resource_id and s.index = l.slot_index) due
        where due.booking_id = b.id
        """,
        moment,
    )


async def _pays(house: StripeHouse, ann: StripeBuyer, *, heard: bool) -> None:
    with suppress(Refused):  # the page says that it is too late
        await ann.pays()
        if heard:
            await house.office.payments.settle(ann.attempt.id)


async def _closes(house: StripeHouse) -> None:
    """The loop of deadlines, until none is due."""
    due = """
        select count(*) from booking
        where status = 'pending' and release_at <= to_timestamp($1::bigint / 1000.0)
    """
    while await house.value(due, house.clock()):
        await house.office.payments.closing.worker._work()
