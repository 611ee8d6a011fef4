"""kill -9 of a real server at every step of a story's money: another one brings all of it right.

A run of the suite kills at a part of the points; `KILL_EVERY=1` at each point of every story.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from server.errors import SlotTaken
from server.holds.rules import Hold
from tests.payments.house import PRICE, Buyer
from tests.payments.killing import EVERY, HALL, LEASE, PAYMENT_SECONDS, Scene, Story, Visitor
from tests.payments.stripe_house import DECLINED, StripeHouse
from tests.support.zygote import Zygote

_log = structlog.get_logger(__name__)
TRIES = 10


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as made:
        yield made


async def _pay(ann: Visitor) -> None:
    await ann.books()
    await ann.pays()
    await ann.sees("confirmed", "paid")


async def _decline_then_pay(ann: Visitor) -> None:
    await ann.books()
    await ann.pays(DECLINED)
    await ann.sees("pending", "failed")
    await ann.books()
    await ann.pays()
    await ann.sees("confirmed", "paid")


async def _cancel_pending(ann: Visitor) -> None:
    await ann.books()
    await ann.cancels()
    await ann.sees("cancelled", "failed")


async def _cancel_confirmed(ann: Visitor) -> None:
    await _pay(ann)
    await ann.cancels()
    await ann.sees("cancelled", "refunded")


async def _pay_in_two_parts(ann: Visitor) -> None:
    await ann.books()
    await ann.begins(amount=PRICE // 2)
    await ann.pays()
    await ann.begins()
    await ann.pays()
    await ann.sees("confirmed", "paid")


async def _pay_on_stripes_page(ann: Visitor) -> None:
    await ann.books()
    await ann.begins(via="checkout")
    await ann.pays()
    await ann.sees("confirmed", "paid")


async def _approve(ann: Visitor) -> None:
    await ann.books()
    await ann.pays()
    await ann.sees("pending", "authorized")
    await ann.is_answered("confirm")
    await ann.sees("confirmed", "paid")


IN_PARTS = [(_cancel_confirmed, 5), (_pay_in_two_parts, 13), (_pay_on_stripes_page, 13), (_approve, 11)]
WHOLE = [
    _pay,
    _decline_then_pay,
    _cancel_pending,
    _cancel_confirmed,
    _pay_in_two_parts,
    _pay_on_stripes_page,
    _approve,
]
STORIES: list[tuple[Story, int]] = [(story, EVERY) for story in WHOLE] if EVERY else [*IN_PARTS]


@pytest.mark.timeout(3600 if EVERY else 600)
@pytest.mark.parametrize(("story", "every"), STORIES, ids=lambda it: getattr(it, "__name__", "").strip("_"))
async def test_a_server_killed_at_any_step_leaves_nothing_wrong(
    stripe_house: StripeHouse, zygote: Zygote, tmp_path: Path, story: Story, every: int
) -> None:
    scene = Scene(stripe_house, zygote, tmp_path / "server.log")
    asks = PAYMENT_SECONDS if story is _approve else None
    await scene.sells(400 if EVERY else 60, approval_seconds=asks)
    points = await scene.kills(story, every=every)
    await scene.heals()
    assert points > 10
    assert len(scene.killed_at) > points // every // 2, scene.missed
    _log.info("killed", points=points, kills=len(scene.killed_at), missed=scene.missed, at=scene.killed_at)


async def test_a_seat_whose_booking_stands_is_nobody_elses_though_its_server_died(
    stripe_house: StripeHouse, zygote: Zygote, tmp_path: Path
) -> None:
    scene = Scene(stripe_house, zygote, tmp_path / "server.log")
    await scene.sells(TRIES)
    holds, ben = stripe_house.office.holds, stripe_house.buyer("ben")
    hold = await dies_while_its_hold_waits(scene, ben)
    stripe_house.clock.passes(2)
    async with asyncio.timeout(60):  # PostgreSQL takes a moment to see that who had the booking's row is dead
        while (await holds.find(hold.session, hold.id)).status != "paying":
            await stripe_house.office.loops_run(1)
            await asyncio.sleep(0.05)


async def dies_while_its_hold_waits(scene: Scene, ben: Buyer) -> Hold:
    """A seat is refused to `ben`; tried again where it took longer than a hold waits for its booking."""
    holds = scene.house.office.holds
    for slot in (f"K-{number}" for number in range(TRIES)):
        hold = await scene.dies_as_it_books(slot, seconds_left=4.5)  # less than a booking is waited for
        if hold is None:
            continue
        put_off = await holds.find(hold.session, hold.id)
        assert put_off.expires_at > hold.expires_at
        try:
            await ben.holds(slot, resource=HALL)
        except SlotTaken:
            return hold
        assert await holds.store.now() > put_off.expires_at
    raise AssertionError("no server booked a seat in time")


@pytest.mark.parametrize("point", ["commit.booking_line+resource.after", "script.load.before"])
async def test_a_seat_whose_booking_stands_is_nobody_elses_though_nobody_finished_a_rebuild(
    stripe_house: StripeHouse, zygote: Zygote, tmp_path: Path, point: str
) -> None:
    """One process dies as it rebuilds the hall, one as it books: nobody can say so while a lease lasts."""
    scene = Scene(stripe_house, zygote, tmp_path / "server.log")
    await scene.sells(1)
    await scene.dies_as_it_rebuilds(point)
    hold = await scene.dies_as_it_books("K-0", seconds_left=600)
    assert hold is not None
    holds, ben = stripe_house.office.holds, stripe_house.buyer("ben")
    ends = await holds.store.now() + 100
    await holds.store.run("move", HALL, session=hold.session, holds=[hold.id], expires_at=ends)
    await asyncio.sleep(0.2)
    assert await holds.store.now() > ends
    with pytest.raises(SlotTaken):
        await ben.holds("K-0", resource=HALL)
    await stripe_house.redis.delete(LEASE)
    stripe_house.clock.passes(2)
    async with asyncio.timeout(60):
        while (await holds.find(hold.session, hold.id)).status != "paying":
            await stripe_house.office.loops_run(1)
            await asyncio.sleep(0.05)
