"""A process dies between a booking's commit and the word to Redis, and the hold's deadline comes before
another brings that word: nobody else has the seat meanwhile (decision 25)."""

from contextlib import suppress

import pytest

from server.errors import HoldExpired, SlotTaken
from server.holds import carts
from tests.payments.faults import Killed, Steps
from tests.payments.house import HALL, House


@pytest.fixture
def stands(house: House) -> House:
    """Redis' clock stands, and the house's with it, until a test lets time pass."""
    house.clock.stands_at(house.clock())
    house.scripts._clock = lambda: house.clock() * 1000
    return house


def _passes(house: House, seconds: float) -> None:
    house.clock.stands_at(house.clock() + round(1000 * seconds))


async def _dies_as_it_books(house: House, name: str) -> None:
    """All that the booking needs is committed; the process ends before it says a word of it."""
    steps = Steps()
    ann = house.buyer(name, house.opens_office(steps.wrap))
    write = ann.office.bookings._making._require_holds

    async def dies(booking: object) -> None:
        steps.kill_at = steps.count + 1
        await write(booking)  # type: ignore[arg-type]  # handed on as it came

    ann.office.bookings._making._require_holds = dies  # type: ignore[method-assign]
    with suppress(Killed):
        await ann.books()
    assert "before holds.begin_paying" not in steps.names


async def test_a_seat_whose_booking_stands_is_nobody_elses_though_its_process_died(stands: House) -> None:
    hold = await stands.buyer("ann").holds("A-1")
    _passes(stands, 899.9)
    await _dies_as_it_books(stands, "ann")
    _passes(stands, 0.2)
    with pytest.raises(SlotTaken):
        await stands.buyer("ben").holds("A-1")
    assert await stands.office.holds.expire() == []
    _passes(stands, 2)
    await stands.office.loops_run()
    assert (await stands.office.holds.find(hold.session, hold.id)).status == "paying"
    await stands.is_whole()


async def test_nor_if_its_buyer_was_gone_by_then(stands: House) -> None:
    hold = await stands.buyer("ann").holds("A-1")
    store, name = stands.office.holds.store, hold.session
    await store.run("leave", HALL, field="tab", grace_ms=10_000, sessions=[name])
    _passes(stands, 9.9)
    await _dies_as_it_books(stands, "ann")
    _passes(stands, 0.2)
    assert (await store.expire(HALL, liveness=True)).holds == ()
    _passes(stands, 2)
    await stands.office.loops_run()
    assert (await stands.office.holds.find(name, hold.id)).status == "paying"
    await stands.is_whole()


async def test_a_process_that_dies_before_it_commits_keeps_the_seat_for_a_moment_alone(stands: House) -> None:
    hold = await stands.buyer("ann").holds("A-1")
    _passes(stands, 899.9)
    await stands.office.holds.cart_to_book(hold.session)
    _passes(stands, carts.WAIT_MS / 1000)
    await stands.buyer("ben").holds("A-1")
    with pytest.raises(HoldExpired):
        await stands.buyer("ann").books()
    await stands.is_whole()
