"""What becomes of holds, places and money when a booking is cancelled."""

import pytest

from server.accounts.rules import Caller
from server.errors import Conflict, Forbidden, NotFound, Unavailable
from server.holds.rules import Hold
from server.payments.provider import ProviderUnavailable
from tests.payments.between import around
from tests.payments.house import PRICE, Buyer, House

OWNER = Caller(session="", user="owner")
FREE = "A-1"


async def _books(house: House, *slots: str) -> Buyer:
    ann = house.buyer("ann")
    await ann.holds(*slots)
    await ann.books()
    return ann


async def test_a_pending_booking_gives_its_holds_back_to_the_cart_under_its_reference(house: House) -> None:
    ann = await _books(house, "A-1", "A-2")
    booking = await ann.cancels()

    assert (booking.status, booking.payment_status, booking.cancel_reason) == (
        "cancelled",
        "failed",
        "returned",
    )
    cart = await ann.cart()
    assert cart is not None
    assert cart.reference == booking.reference
    assert cart.total == 2 * PRICE
    assert await house.booked_and_free("A-1") == (0, 0)

    again = await ann.books()
    assert ann.own.id != booking.id
    assert ann.own.reference == booking.reference
    assert again.status == "pending"
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_with_release_the_places_are_everybodys(house: House) -> None:
    ann = await _books(house, "A-1")
    booking = await ann.cancels(release=True)
    assert booking.cancel_reason == "released"
    assert await ann.cart() is None
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


async def test_cancelling_twice_is_once(house: House) -> None:
    ann = await _books(house, "A-1")
    first = await ann.cancels()
    assert await ann.cancels(release=True) == first
    await house.is_whole()


async def test_a_late_payment_for_what_its_buyer_cancelled_goes_back_though_the_place_is_free(
    house: House,
) -> None:
    ann = await _books(house, "A-1")
    await ann.acts("succeed", delay=10)
    await ann.cancels(release=True)
    house.clock.passes(11)
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert await house.refunds() == [("paid_too_late", PRICE)]
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


async def test_what_was_paid_meanwhile_is_not_cancelled(house: House) -> None:
    await house.office.hears_nothing()
    ann = await _books(house, "A-1")
    await ann.acts("succeed")
    with pytest.raises(Conflict):
        await ann.cancels()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_with_the_provider_away_nothing_is_cancelled(house: House) -> None:
    ann = await _books(house, "A-1")

    async def away(*_: object) -> None:
        raise ProviderUnavailable

    house.office.sandbox.cancel = away  # type: ignore[method-assign,assignment]  # a fault
    with pytest.raises(Unavailable):
        await ann.cancels()
    assert await ann.status() == ("pending", "pending")
    assert await ann.cart() is None


async def test_a_confirmed_booking_is_cancelled_with_a_full_refund(house: House) -> None:
    ann = await _books(house, "A-1")
    await ann.pays()
    await ann.cancels()
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert await ann.paid() == "refunded"
    assert await house.refunds() == [("booking_cancelled", PRICE)]
    assert await house.booked_and_free("A-1") == (0, 1)
    ben = house.buyer("ben")
    await ben.holds("A-1")
    await house.is_whole()


async def test_cancelled_before_the_money_was_taken_it_is_never_taken(house: House) -> None:
    ann = await _books(house, "A-1")
    sandbox = house.office.sandbox
    capture = sandbox.capture

    async def away(*_: object) -> None:
        raise ProviderUnavailable

    sandbox.capture = away  # type: ignore[method-assign,assignment]  # a fault
    await ann.pays()
    assert await ann.status() == ("confirmed", "authorized")
    sandbox.capture = capture  # type: ignore[method-assign]  # the fault's end
    await ann.cancels()
    await house.office.loops_run()
    assert (await ann.sees()).status == "cancelled"
    assert await ann.paid() == "failed"
    assert await house.refunds() == []
    assert await house.value("select count(*) from sandbox.movement") == 0
    await house.is_whole()


async def test_a_promise_that_broke_gives_the_booking_up(house: House) -> None:
    """Confirmed on an authorisation that lapsed before it was captured."""
    ann = await _books(house, "A-1")
    sandbox = house.office.sandbox
    capture = sandbox.capture

    async def lapse(intent: str, _amount: int, key: str) -> object:
        sandbox.capture = capture  # type: ignore[method-assign]  # once
        return await sandbox.cancel(intent, key)

    sandbox.capture = lapse  # type: ignore[method-assign,assignment]  # a fault
    await ann.pays()
    assert await ann.status() == ("cancelled", "failed")
    assert (await ann.sees()).cancel_reason == "payment_failed"
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


async def test_a_cancelled_booking_of_which_redis_never_heard_that_it_was_confirmed(house: House) -> None:
    ann = await _books(house, "A-1")
    holds = house.office.holds
    confirm = holds.confirm

    async def away(_holds: list[Hold], _booking: str) -> None:
        raise Unavailable

    holds.confirm = away  # type: ignore[method-assign,assignment]  # a fault
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    assert await house.booked_and_free("A-1") == (1, 0)
    await ann.cancels()
    holds.confirm = confirm  # type: ignore[method-assign]  # the fault's end
    house.clock.passes(2)
    await house.office.loops_run()
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


async def test_holds_do_not_go_back_into_a_cart_of_another_owner(house: House) -> None:
    await house.sells(["B-1"], resource="other", owner="somebody else")
    ann = await _books(house, "A-1")
    await ann.holds("B-1", resource="other")
    with pytest.raises(Conflict):
        await ann.cancels()
    assert await ann.status() == ("pending", "pending")
    assert (await ann.cancels(release=True)).status == "cancelled"
    await house.is_whole(resources=["hall", "other"])


async def test_a_cart_that_became_anothers_just_then_has_the_holds_released(house: House) -> None:
    await house.sells(["B-1"], resource="other", owner="somebody else")
    ann = await _books(house, "A-1")

    async def nothing(_session: str) -> None:
        return None

    await ann.holds("B-1", resource="other")
    cart = house.office.holds.cart
    house.office.holds.cart = nothing  # type: ignore[method-assign,assignment]  # asked too early
    await ann.cancels()
    house.office.holds.cart = cart  # type: ignore[method-assign]  # and then it was there
    await house.office.loops_run()
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole(resources=["hall", "other"])


async def test_a_completed_booking_stays(house: House) -> None:
    ann = await _books(house, "A-1")
    await ann.pays()
    await house.execute("update booking set status = 'completed'")
    with pytest.raises(Conflict):
        await ann.cancels()


async def test_nobody_else_cancels_and_no_owner_what_is_still_being_paid(house: House) -> None:
    ann = await _books(house, "A-1")
    with pytest.raises(NotFound):
        await house.office.payments.cancel(Caller(session="session-ben"), str(ann.own.id), release=False)
    with pytest.raises(Forbidden):
        await house.office.payments.cancel(OWNER, str(ann.own.id), release=False)
    assert await ann.status() == ("pending", "pending")


async def test_a_refund_that_the_provider_can_not_make_is_tried_until_it_can(house: House) -> None:
    ann = await _books(house, "A-1")
    await ann.pays()
    sandbox = house.office.sandbox
    refund = sandbox.refund

    async def away(*_: object) -> None:
        raise ProviderUnavailable

    sandbox.refund = away  # type: ignore[method-assign,assignment]  # a fault
    await ann.cancels()
    for _ in range(7):
        await house.office.refunds_run()
        house.clock.passes(120)
    assert await ann.paid() == "paid"
    assert await house.value("select attempts from refund") == 7
    assert await house.value("select last_error from refund") == "the payment provider cannot be reached"
    sandbox.refund = refund  # type: ignore[method-assign]  # the fault's end
    await house.office.loops_run()
    assert await ann.paid() == "refunded"
    assert await house.value("select last_error from refund") is None
    await house.is_whole()


async def test_a_refund_whose_reply_was_lost_is_made_once(house: House) -> None:
    ann = await _books(house, "A-1")
    await ann.pays()
    sandbox = house.office.sandbox
    refund = sandbox.refund

    async def lost(*arguments: object) -> None:
        await refund(*arguments)  # type: ignore[arg-type]  # passed on
        raise ProviderUnavailable

    sandbox.refund = lost  # type: ignore[method-assign,assignment]  # a fault
    await ann.cancels()
    await house.office.refunds_run()
    sandbox.refund = refund  # type: ignore[method-assign]  # the fault's end
    house.clock.passes(10)
    await house.office.loops_run()
    assert await house.refunds() == [("booking_cancelled", PRICE)]
    await house.is_whole()


async def test_what_was_refunded_at_the_provider_itself_is_known_in_the_end(house: House) -> None:
    ann = await _books(house, "A-1")
    await ann.pays()
    intent = str(await house.value("select id from sandbox.intent"))
    await house.office.sandbox.refund(intent, PRICE, "by-hand")
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert (await ann.sees()).cancel_reason == "refunded"
    assert await ann.paid() == "refunded"
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


async def test_what_was_taken_and_given_back_before_we_heard_of_either(house: House) -> None:
    await house.office.hears_nothing()
    ann = await _books(house, "A-1")
    await ann.acts("succeed", delay=3_000)
    await house.expires(ann)
    house.clock.passes(3_000)
    await house.office.sandbox.work()
    await house.office.sandbox.refund(
        str(await house.value("select id from sandbox.intent")), PRICE, "by-hand"
    )
    house.clock.passes(60)
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert await ann.paid() == "refunded"
    await house.is_whole()


@pytest.mark.parametrize("late", [False, True], ids=["cancelled", "at the deadline"])
async def test_what_costs_nothing_is_not_paid_before_redis_has_it(house: House, late: bool) -> None:
    """Its buyer was told that it can't be booked now: they give it up, or its time runs out."""
    ann = await _books_without_redis(house)
    if late:
        await house.expires(ann)
    else:
        await ann.cancels()
    assert await ann.status() == ("cancelled", "failed")
    assert (await ann.sees()).cancel_reason == ("expired" if late else "returned")
    house.clock.passes(20)
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "failed")
    await house.is_whole()


async def test_what_costs_nothing_is_booked_by_asking_again_once_redis_is_back(house: House) -> None:
    ann = await _books_without_redis(house)
    payment = await ann.books()
    assert (payment.provider, payment.status) == ("free", "paid")
    assert await ann.status() == ("confirmed", "paid")
    assert await house.booked_and_free(FREE) == (1, 0)
    await house.is_whole()


async def _books_without_redis(house: House) -> Buyer:
    """A place that costs nothing, in a booking that PostgreSQL has and Redis was not told of."""

    async def away() -> None:
        raise Unavailable

    await house.execute("update slot set price_amount = 0 where id = $1", FREE)
    house.office = house.opens_office()
    ann = house.buyer("ann", house.opens_office(around("holds", "begin_paying", before=away)))
    await ann.holds(FREE)
    with pytest.raises(Unavailable):
        await ann.books()
    ann.office = house.office
    ann.booking = await house.office.bookings.get(await house.value("select id from booking"))
    assert await ann.status() == ("pending", "pending")
    return ann
