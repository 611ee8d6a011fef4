"""A resource that is built anew just while bookings are on their way to Redis: found by `make torture`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from server.bookings.booked import PostgresBooked
from server.errors import HoldExpired, Unavailable
from server.holds.events import SESSIONS_CHANNEL, decode_events
from tests.payments.house import HALL, House


async def _dumped(house: House) -> dict[bytes, bytes]:
    """All of Redis as it is now."""
    names: list[Any] = await house.redis.keys("*")
    return {name: await house.redis.dump(name) or b"" for name in names}


async def _goes_back(house: House, before: dict[bytes, bytes]) -> None:
    """Redis loses the end of its file."""
    await house.redis.flushall()
    for name, value in before.items():
        await house.redis.restore(name, 0, value)


async def test_a_booking_that_came_too_late_keeps_nothing_that_a_rebuild_made_of_it(house: House) -> None:
    """Its hold has ended; before that is written down, a rebuild reads it as pending, and so as paying."""
    ann = house.buyer("ann")
    hold = await ann.holds("A-1")
    applier, holds = house.office.bookings._applier, house.office.holds
    standing, cancel = await holds.standing(ann.caller.session), applier._cancel
    await holds.store.run("move", HALL, session=hold.session, holds=[hold.id], expires_at=1, op=None)
    await holds.expire()

    async def as_it_was(_session: str) -> object:
        return standing

    async def cancels_late(booking: object) -> None:
        await holds.load(HALL)
        await cancel(booking)  # type: ignore[arg-type]  # handed on as it came

    holds.cart_to_book = as_it_was  # type: ignore[method-assign,assignment]  # the cart was read too early
    applier._cancel = cancels_late  # type: ignore[method-assign,assignment]
    with pytest.raises(HoldExpired):
        await ann.books()
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


async def test_many_bookings_that_find_redis_behind_build_it_anew_once(house: House) -> None:
    """Each rebuild takes a new epoch, so that one too many makes the others look behind again."""
    names = [f"R-{number}" for number in range(12)]
    await house.sells(names, resource="behind")
    buyers = [house.buyer(name) for name in names]
    for buyer, name in zip(buyers, names, strict=True):
        await buyer.holds(name, resource="behind")
        await buyer.books()
    source, built = house.office.holds.loader._booked, []
    read = source.bump_epoch_and_read

    async def counts(resource: str, require: Callable[[], Awaitable[None]]) -> object:
        built.append(resource)
        return await read(resource, require)

    source.bump_epoch_and_read = counts  # type: ignore[method-assign,assignment]
    await PostgresBooked(house.database).bump_epoch_and_read("behind")  # and its process died
    await asyncio.gather(*(buyer.pays() for buyer in buyers))
    for _ in range(3):
        house.clock.passes(2)
        await house.office.loops_run(1)
    assert await house.value("select count(*) from booking where applied_version < version") == 0
    assert built == ["behind"]
    await house.is_whole(resources=["behind"])


async def test_whose_hold_was_paid_when_a_resource_is_built_anew_is_told_that_it_is_confirmed(
    house: House,
) -> None:
    """PostgreSQL confirmed it, Redis has not been told yet: the rebuild is what tells."""
    ann = house.buyer("ann")
    hold = await ann.holds("A-1")
    await ann.books()
    applier = house.office.bookings._applier

    async def is_away(_holds: object, _booking: str) -> None:
        raise Unavailable

    applier._holds.confirm = is_away  # type: ignore[method-assign,assignment]
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    async with house.redis.pubsub() as listener:
        await listener.subscribe(SESSIONS_CHANNEL)
        await listener.get_message(timeout=30)
        await house.office.holds.load(HALL)
        heard = await listener.get_message(ignore_subscribe_messages=True, timeout=30)
    told = [(event.hold.id, event.hold.status, event.reason) for event in decode_events(heard["data"])]
    assert told == [(hold.id, "confirmed", "confirmed")]
    assert await house.booked_and_free("A-1") == (1, 0)
    await house.is_whole()


async def test_whose_confirmation_redis_has_forgotten_is_told_that_it_is_confirmed(house: House) -> None:
    """Redis lost the end of its file: by it the hold is paying still, and the rebuild puts that right."""
    ann = house.buyer("ann")
    hold = await ann.holds("A-1")
    await ann.books()
    before = await _dumped(house)
    await ann.pays()
    await _goes_back(house, before)
    async with house.redis.pubsub() as listener:
        await listener.subscribe(SESSIONS_CHANNEL)
        await listener.get_message(timeout=30)
        await house.office.holds.load(HALL)
        heard = await listener.get_message(ignore_subscribe_messages=True, timeout=30)
    told = [(event.hold.id, event.hold.status) for event in decode_events(heard["data"])]
    assert told == [(hold.id, "confirmed")]
    await house.is_whole()


async def test_what_a_rebuild_read_as_given_up_is_not_taken_out_of_it_again(house: House) -> None:
    """It can't note so on a booking that somebody is applying, who finds another epoch and tries again."""
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    applier, holds = house.office.bookings._applier, house.office.holds
    apply_one = applier._apply_one

    async def applies_late(*given: object) -> object:
        applier._apply_one = apply_one  # type: ignore[method-assign]
        await holds.load(HALL)
        return await apply_one(*given)  # type: ignore[arg-type]  # handed on as it came

    applier._apply_one = applies_late  # type: ignore[method-assign,assignment]
    await ann.cancels()
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.office.loops_run()
    ben = house.buyer("ben")
    await ben.holds("A-1")
    await ben.books()
    await ben.pays()
    await ben.cancels()  # of this epoch, which counted it
    await house.office.loops_run()
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


async def test_what_redis_has_as_held_and_was_booked_since_is_counted_once(house: House) -> None:
    """Redis is as it was before its buyer paid; built anew, it has the hold as booked and no longer held."""
    ann = house.buyer("ann")
    hold = await ann.holds("A-1")
    before = await _dumped(house)
    await ann.books()
    await ann.pays()
    await _goes_back(house, before)
    async with house.redis.pubsub() as listener:
        await listener.subscribe(SESSIONS_CHANNEL)
        await listener.get_message(timeout=30)
        await house.office.holds.load(HALL)
        heard = await listener.get_message(ignore_subscribe_messages=True, timeout=30)
    told = [(event.hold.id, event.hold.status) for event in decode_events(heard["data"])]
    assert told == [(hold.id, "confirmed")]
    await ann.cancels()
    await house.office.loops_run()
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


async def test_what_was_given_back_in_a_redis_that_had_forgotten_its_booking_comes_free_with_that(
    house: House,
) -> None:
    """The rebuild counts it as booked, whatever it ended as in what Redis remembers."""
    ann = house.buyer("ann")
    hold = await ann.holds("A-1")
    before = await _dumped(house)
    await ann.books()
    await ann.pays()
    await _goes_back(house, before)
    await house.office.holds.release(ann.caller, hold.id, op=None)
    await house.office.holds.load(HALL)
    assert await house.booked_and_free("A-1") == (1, 0)
    await ann.cancels()
    await house.office.loops_run()
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


async def test_a_cart_comes_back_from_a_booking_though_its_hall_is_built_anew_first(
    house: House,
) -> None:
    """Redis is told of the cancelling only after the rebuild, in which nothing is paid for any more."""
    ann = house.buyer("ann")
    hold = await ann.holds("A-1")
    await ann.books()
    holds = house.office.holds
    return_to_cart = holds.return_to_cart

    async def is_away(_holds: object, _booking: str) -> None:
        raise Unavailable

    holds.return_to_cart = is_away  # type: ignore[method-assign,assignment]
    await ann.cancels(release=False)
    holds.return_to_cart = return_to_cart  # type: ignore[method-assign]
    await holds.load(HALL)
    house.clock.passes(2)
    await house.office.loops_run()
    cart = await ann.cart()
    assert cart is not None
    assert [(each.id, each.status) for each in cart.holds] == [(hold.id, "held")]
    assert await house.booked_and_free("A-1") == (0, 0)
    await house.is_whole()


async def test_a_rebuild_that_is_refused_with_the_resource_locked_leaves_the_epoch_as_it_was(
    house: House,
) -> None:
    """Whoever stood still, and was missed: another one has built it since."""

    async def refuses() -> None:
        raise Unavailable

    epoch = f"select epoch from resource where id = '{HALL}'"
    before = await house.value(epoch)
    with pytest.raises(Unavailable):
        await PostgresBooked(house.database).bump_epoch_and_read(HALL, refuses)
    assert await house.value(epoch) == before
    await house.is_whole()
