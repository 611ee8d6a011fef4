"""kill -9 between any two steps of an owner's word: another process brings all of it right.

A run of the suite kills at a part of the steps; `KILL_EVERY=1` at each.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from redis.asyncio import Redis

from server.errors import HoldfastError
from server.ops.auditor import audit
from tests.payments.approving import DRIVE, SECONDS, confirms, declines, opens_drive
from tests.payments.faults import Killed, Steps
from tests.payments.house import Buyer, House
from tests.payments.killing import EVERY

Story = Callable[[House, Buyer], Awaitable[None]]


async def _approve(_house: House, ann: Buyer) -> None:
    await ann.books()
    await ann.pays()
    await confirms(ann)


async def _decline(_house: House, ann: Buyer) -> None:
    await ann.books()
    await ann.pays()
    await declines(ann)


async def _say_nothing(house: House, ann: Buyer) -> None:
    await ann.books()
    await ann.pays()
    house.clock.passes(SECONDS + 1)
    await ann.office.loops_run(1)


@pytest.mark.timeout(900 if EVERY else 600)
@pytest.mark.parametrize(
    ("story", "stride"), [(_approve, 5), (_decline, 11), (_say_nothing, 17)], ids=["yes", "no", "silence"]
)
async def test_a_process_killed_at_any_step_leaves_nothing_wrong(
    house: House, redis: Redis, story: Story, stride: int
) -> None:
    counted = Steps()
    await opens_drive(house, 120)
    ann = house.buyer("nobody", house.opens_office(counted.wrap))
    await ann.holds("P-1", resource=DRIVE)
    await story(house, ann)
    for number in range(1, counted.count + 1, EVERY or stride):
        await _killed_at(house, story, number)
    for seconds in (20, 40, house.settings.payment_seconds, SECONDS, 20):
        house.clock.passes(seconds)
        await house.office.loops_run(3)
    await house.is_whole(resources=[DRIVE])
    assert await house.value("select count(*) from booking where status = 'pending'") == 0
    assert await house.value("select count(*) from booking where applied_version < version") == 0
    assert await house.value("select count(*) from refund where status = 'requested'") == 0
    assert await audit(house.database, redis, settle_seconds=0) == []


async def _killed_at(house: House, story: Story, number: int) -> None:
    ann = house.buyer(f"ann{number}", house.opens_office(Steps(number).wrap))
    await ann.holds(f"P-{number + 1}", resource=DRIVE)
    with suppress(Killed, HoldfastError, asyncio.CancelledError):  # its tasks die with it
        await story(house, ann)
