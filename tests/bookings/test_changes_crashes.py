"""kill -9 between any two steps of a change: another process finishes it, or leaves the old as it was.

A run of the suite kills at a part of the steps; `KILL_EVERY=1` at each.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from redis.asyncio import Redis

from server.bookings.changes import ChangeRequest
from server.bookings.rules import Booking
from server.errors import HoldfastError
from server.ops.auditor import audit
from tests.payments.faults import Killed, Steps
from tests.payments.house import Buyer, House, Office
from tests.payments.killing import EVERY

TOUR = "tour"
Story = Callable[[Office, Buyer], Awaitable[None]]


async def _asks(office: Office, ann: Buyer, slot: str, quantity: int) -> None:
    wanted = ChangeRequest(items=((slot, quantity),))
    _, ann.payment = await office.payments.changes.change(ann.caller, str(ann.own.id), wanted)


def _other(ann: Buyer) -> str:
    return f"{ann.own.lines[0].slot}b"


async def _moves(office: Office, ann: Buyer) -> None:
    await _asks(office, ann, _other(ann), 2)


async def _takes_less(office: Office, ann: Buyer) -> None:
    await _asks(office, ann, ann.own.lines[0].slot, 1)
    await office.money_moves(1)


async def _takes_more(office: Office, ann: Buyer) -> None:
    await _asks(office, ann, _other(ann), 3)
    await office.payments.act(ann.caller, str(ann.attempt.id), "succeed", delay_ms=0, twice=False)
    await office.money_moves(1)
    await office.payments.changes.worker._work()


@pytest.mark.timeout(900 if EVERY else 600)
@pytest.mark.parametrize(("story", "stride"), [(_moves, 9), (_takes_less, 19), (_takes_more, 13)])
async def test_a_process_killed_at_any_step_leaves_nothing_wrong(
    house: House, redis: Redis, story: Story, stride: int
) -> None:
    names = [f"S-{number}" for number in range(120)]
    await house.sells([*names, *(f"{name}b" for name in names)], resource=TOUR, capacity=4)
    counted, done = Steps(), await _sold(house, "nobody", "S-0")
    await story(house.opens_office(counted.wrap), done)
    changed = _places(await done.sees())

    anns: list[Buyer] = []
    for number in range(1, counted.count + 1, EVERY or stride):
        ann = await _sold(house, f"ann{number}", f"S-{number}")
        with suppress(Killed, HoldfastError, asyncio.CancelledError):  # its tasks die with it
            await story(house.opens_office(Steps(number).wrap), ann)
        anns.append(ann)
    for seconds in (20, 40, house.settings.payment_seconds, 30):
        house.clock.passes(seconds)
        await house.office.loops_run(3)

    await house.is_whole(resources=[TOUR])
    assert await audit(house.database, redis, settle_seconds=0) == []
    assert await house.value("select count(*) from booking where status = 'pending'") == 0
    assert await house.value("select count(*) from booking where applied_version < version") == 0
    assert await house.value("select count(*) from refund where status = 'requested'") == 0
    open_changes = "select count(*) from booking where change_of is not null and status <> 'cancelled'"
    assert await house.value(open_changes) == 0
    ends = [_places(await ann.sees()) for ann in anns]
    assert all(end in (changed, [("", 2)]) for end in ends), ends
    assert changed in ends


async def _sold(house: House, name: str, slot: str) -> Buyer:
    """Two places of one slot."""
    ann = house.buyer(name)
    await ann.holds(slot, resource=TOUR, quantity=2)
    await ann.books()
    await ann.pays()
    ann.booking = await ann.sees()
    return ann


def _places(booking: Booking) -> list[tuple[str, int]]:
    """Whether it is the other slot, and how many."""
    lines = booking.lines
    return [(line.slot[len(line.slot.rstrip("b")) :], line.quantity) for line in lines]
