"""A decline near the deadline gives time for another try, within a bound."""

from server.bookings.service import EXTENSION_MS
from tests.payments.house import Buyer, House


async def _declined(house: House, ann: Buyer, seconds_left: float) -> None:
    house.clock.passes((ann.own.expires_at - house.clock()) / 1000 - seconds_left)
    await ann.acts("decline")
    await house.office.money_moves()


async def _books(house: House) -> Buyer:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    return ann


async def _deadlines(house: House, ann: Buyer) -> tuple[int, int]:
    """The booking's, and that of its hold in Redis."""
    (hold,) = await house.office.holds.holds(ann.caller.session)
    assert hold.status == "paying"
    return (await ann.sees()).expires_at, hold.expires_at


async def test_after_a_late_decline_there_are_two_minutes_for_the_next_try(house: House) -> None:
    ann = await _books(house)
    before = ann.own.expires_at
    await _declined(house, ann, 30)
    booking, hold = await _deadlines(house, ann)
    assert before < booking == hold
    assert abs(booking - house.clock() - EXTENSION_MS) < 30_000  # as long as this box may have taken since

    house.clock.passes((before - house.clock()) / 1000 + 1)
    await house.office.loops_run()
    assert await ann.status() == ("pending", "failed")
    await ann.books()
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_an_early_decline_moves_nothing(house: House) -> None:
    ann = await _books(house)
    await _declined(house, ann, 600)
    assert await _deadlines(house, ann) == (ann.own.expires_at, ann.own.expires_at)


async def test_the_deadline_moves_again_and_again_but_never_beyond_five_minutes(house: House) -> None:
    ann = await _books(house)
    first = ann.own.expires_at
    for _ in range(6):
        await _declined(house, ann, 60)
        house.clock.passes(3)  # nobody tries again at once for ever
        await ann.books()
    assert await _deadlines(house, ann) == (first + 300_000, first + 300_000)
    await house.expires(ann)
    assert await ann.status() == ("cancelled", "failed")
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


async def test_a_decline_that_is_heard_after_the_deadline_moves_nothing(house: House) -> None:
    ann = await _books(house)
    await ann.acts("decline")
    house.clock.passes((ann.own.expires_at - house.clock()) / 1000 + 1)
    await house.office.payments.settle(ann.attempt.id)
    assert (await ann.sees()).expires_at == ann.own.expires_at
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "failed")


async def test_what_the_buyer_or_the_provider_ended_is_no_decline(house: House) -> None:
    ann = await _books(house)
    house.clock.passes((ann.own.expires_at - house.clock()) / 1000 - 30)
    await ann.acts("cancel")
    await house.office.money_moves()
    assert await ann.status() == ("pending", "failed")
    assert (await ann.sees()).expires_at == ann.own.expires_at


async def test_a_closing_that_began_before_the_deadline_moved_leaves_the_booking(house: House) -> None:
    ann = await _books(house)
    stale = await ann.sees()
    await _declined(house, ann, 30)
    await house.office.payments.closing.close(stale, "expired")
    assert await ann.status() == ("pending", "failed")
    await ann.books()
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_a_declined_share_moves_the_deadline_for_all(house: House) -> None:
    ann = await _books(house)
    ben = await ann.splits(1_000)
    await ann.pays_the_rest()
    house.clock.passes((ann.own.expires_at - house.clock()) / 1000 - 30)
    await ben.acts("decline")
    await house.office.money_moves()
    assert (await ann.sees()).expires_at > ann.own.expires_at
    house.clock.passes(60)
    await house.office.loops_run()
    await ben.pays()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()
