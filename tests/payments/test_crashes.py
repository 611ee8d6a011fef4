"""kill -9 between two steps of each story: another process brings all of it right."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from server.errors import HoldfastError
from tests.payments.faults import Killed, Steps
from tests.payments.house import Buyer, House, Office
from tests.payments.killing import EVERY

Story = Callable[[House, Buyer], Awaitable[None]]


async def _book_and_pay(_house: House, ann: Buyer) -> None:
    await ann.books()
    await ann.pays()


async def _pay_twice(_house: House, ann: Buyer) -> None:
    await ann.books()
    await ann.pays(twice=True)


async def _decline_then_pay(_house: House, ann: Buyer) -> None:
    await ann.books()
    await ann.acts("decline")
    await ann.office.money_moves(1)
    await ann.books()
    await ann.pays()


async def _expire(house: House, ann: Buyer) -> None:
    await ann.books()
    house.clock.passes(house.settings.payment_seconds + 1)
    await ann.office.loops_run(2)


async def _pay_late(house: House, ann: Buyer) -> None:
    await ann.books()
    await ann.acts("succeed", delay=house.settings.payment_seconds + 10)
    house.clock.passes(house.settings.payment_seconds + 1)
    await ann.office.loops_run(1)
    house.clock.passes(10)
    await ann.office.money_moves()


async def _pay_late_for_a_taken_slot(house: House, ann: Buyer) -> None:
    await ann.books()
    await ann.acts("succeed", delay=house.settings.payment_seconds + 10)
    house.clock.passes(house.settings.payment_seconds + 1)
    await ann.office.loops_run(1)
    line = ann.own.lines[0]
    await house.buyer(f"ben-{line.slot}").holds(line.slot, resource=line.resource)
    house.clock.passes(10)
    await ann.office.money_moves()


async def _cancel_pending(_house: House, ann: Buyer) -> None:
    await ann.books()
    await ann.cancels()


async def _cancel_confirmed(_house: House, ann: Buyer) -> None:
    await ann.books()
    await ann.pays()
    await ann.cancels()
    await ann.office.money_moves(1)


async def _share_and_pay(_house: House, ann: Buyer) -> None:
    await ann.books()
    ben = await ann.splits(1_000)
    await ben.pays()
    await ann.pays_the_rest()


async def _share_and_expire(house: House, ann: Buyer) -> None:
    await ann.books()
    ben = await ann.splits(1_000)
    await ben.pays()
    house.clock.passes(house.settings.payment_seconds + 1)
    await ann.office.loops_run(2)


# In a run of the suite these are killed at every third step; the others share most of their steps with them,
# and are killed at every seventh, the longest at every 13th. `KILL_EVERY=1` kills each story at each step.
CLOSEST: list[Story] = [_book_and_pay, _pay_late, _cancel_pending]
LONGEST: list[Story] = [_share_and_pay, _share_and_expire]
STORIES: list[Story] = [
    _book_and_pay,
    _pay_twice,
    _decline_then_pay,
    _expire,
    _pay_late,
    _pay_late_for_a_taken_slot,
    _cancel_pending,
    _cancel_confirmed,
    *LONGEST,
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.strip("_"))
async def test_a_process_killed_at_any_step_leaves_nothing_wrong(house: House, story: Story) -> None:
    steps = await _count(house, story)
    await house.sells([f"K-{number}" for number in range(steps + 1)], resource="crash")
    stride = EVERY or (3 if story in CLOSEST else 13 if story in LONGEST else 7)
    for number in range(1, steps + 1, stride):
        await _killed_at(house, story, number)
    await _heals(house, house.office)
    await house.is_whole(resources=["crash"])
    assert await house.value("select count(*) from booking where applied_version < version") == 0
    assert await house.value("select count(*) from refund where status = 'requested'") == 0


async def _count(house: House, story: Story) -> int:
    """How many steps the story has when nobody kills it."""
    steps = Steps()
    office = house.opens_office(steps.wrap)
    ann = house.buyer("nobody", office)
    await ann.holds("A-1")
    await story(house, ann)
    assert steps.count > 10
    return steps.count


async def _killed_at(house: House, story: Story, number: int) -> None:
    office = house.opens_office(Steps(number).wrap)
    ann = house.buyer(f"ann{number}", office)
    await ann.holds(f"K-{number}", resource="crash")
    with suppress(Killed, HoldfastError, asyncio.CancelledError):  # its tasks die with it
        await story(house, ann)


async def _heals(house: House, office: Office) -> None:
    for seconds in (20, 40, house.settings.payment_seconds, 30, 60):
        house.clock.passes(seconds)
        await office.loops_run(3)
