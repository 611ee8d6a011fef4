"""No hold outlives its ceiling, however many deadlines come at once and however slow the provider is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from server.payments import closing
from server.payments.closing import CEILING_MS
from tests.payments.between import around
from tests.payments.house import Buyer, House, Office


async def test_past_the_ceiling_the_places_are_released_before_anybody_is_asked(house: House) -> None:
    ann = await _books(house, "ann", "A-1")
    asked = 0

    async def count() -> None:
        nonlocal asked
        asked += 1

    office = house.opens_office(around("provider", "fetch", before=count))
    _pass_ceiling(house, ann)
    await office.payments.closing.worker._work()
    assert asked == 0
    assert await ann.status() == ("cancelled", "failed")
    assert await house.booked_and_free("A-1") == (0, 1)

    await office.payments.reconciler.worker._work()
    assert await house.value("select status from sandbox.intent") == "cancelled"
    await house.is_whole()


async def test_what_was_paid_for_while_no_process_was_there_is_not_given_up_unasked(house: House) -> None:
    await house.office.hears_nothing()
    ann = await _books(house, "ann", "A-1")
    await ann.acts("succeed")
    _pass_ceiling(house, ann)
    await house.opens_office().payments.closing.worker._work()
    assert await ann.status() == ("confirmed", "paid")
    assert await house.value("select cancelled_at from booking") is None
    await house.is_whole()


async def test_what_is_due_and_locked_by_somebody_is_not_asked_for_again_at_once(house: House) -> None:
    ann = await _books(house, "ann", "A-1")
    worker = house.office.payments.closing.worker
    house.clock.stands_at(ann.own.expires_at + 1)
    async with house.database.transaction() as connection:
        await connection.execute("select from booking for no key update")
        assert await worker._work() == closing.LOCKED_SECONDS > 0
    assert await worker._work() == closing.IDLE_SECONDS
    house.clock.stands_at(None)
    assert await ann.status() == ("cancelled", "failed")
    await house.is_whole()


async def test_no_more_are_taken_than_there_is_room_for_and_the_slow_keep_nobody_waiting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "AT_ONCE", 2)
    monkeypatch.setattr(closing, "REFILL", 1)
    buyers = [await _books(house, f"buyer{n}", f"A-{n}") for n in (1, 2, 3, 4)]
    slow: dict[str, asyncio.Event] = {str(each.attempt.intent): asyncio.Event() for each in buyers[:2]}
    office = house.opens_office()
    fetch, asked = office.sandbox.fetch, asyncio.Queue[str]()

    async def slowly(intent: str) -> Any:
        asked.put_nowait(intent)
        if intent in slow:
            await slow[intent].wait()
        return await fetch(intent)

    office.sandbox.fetch = slowly  # type: ignore[method-assign,assignment]  # to wait in it
    house.clock.passes((buyers[-1].own.expires_at - house.clock() + 1) / 1000)
    async with _working(office):
        first = {await asked.get(), await asked.get()}
        assert first == set(slow)
        waiting = "select count(*) from booking where status = 'pending' and release_at = expires_at"
        assert await house.value(waiting) == 2  # another process may have them
        slow[str(buyers[0].attempt.intent)].set()
        done, _ = await asked.get(), await asked.get()  # for the last one there is room when that one is done
        statuses = {str(each.attempt.intent): (await each.sees()).status for each in buyers}
        assert statuses[done] == "cancelled"
        assert statuses[str(buyers[1].attempt.intent)] == "pending"
        slow[str(buyers[1].attempt.intent)].set()
    assert [(await each.sees()).status for each in buyers] == ["cancelled"] * 4
    await house.is_whole()


async def test_who_can_not_be_asked_for_a_reason_of_ours_has_the_same_ceiling(house: House) -> None:
    ann = await _books(house, "ann", "A-1")
    late = False

    async def breaks() -> None:
        if late:
            _pass_ceiling(house, ann)
        raise RuntimeError("a defect")

    office = house.opens_office(around("provider", "fetch", before=breaks))
    house.clock.passes((ann.own.expires_at - house.clock() + 1) / 1000)
    await office.payments.closing.worker._work()
    assert await ann.status() == ("pending", "pending")
    late = True
    house.clock.passes(closing.LEASE_MS / 1000)
    await office.payments.closing.worker._work()
    assert await ann.status() == ("cancelled", "failed")
    await house.office.payments.reconciler.worker._work()
    await house.is_whole()


async def _books(house: House, name: str, slot: str) -> Buyer:
    buyer = house.buyer(name)
    await buyer.holds(slot)
    await buyer.books()
    return buyer


def _pass_ceiling(house: House, buyer: Buyer) -> None:
    house.clock.passes((buyer.own.expires_at + CEILING_MS - house.clock() + 1) / 1000)


@asynccontextmanager
async def _working(office: Office) -> AsyncIterator[None]:
    """The deadlines' loop, until it has nothing left to do."""
    task = asyncio.create_task(office.payments.closing.work())
    try:
        yield
        await task
    finally:
        task.cancel()
