"""From cart to pending booking: PostgreSQL decides, Redis follows."""

import asyncio
from typing import Any

import pytest

from server.accounts.rules import Caller
from server.bookings.details import BookingRequest, Customer
from server.bookings.listing import Wanted, read_wanted
from server.errors import Conflict, HoldExpired, InvalidFields, NotFound, SelfBooking, SlotTaken, Unavailable
from server.holds.rules import Hold
from server.inventory.rules import HoldPolicy
from tests.payments.between import around
from tests.payments.house import FORM, PRICE, Buyer, House


async def test_without_a_cart_there_is_nothing_to_book(house: House) -> None:
    with pytest.raises(Conflict):
        await house.buyer("ann").books()
    with pytest.raises(Conflict):
        await house.office.payments.begin(Caller(session="", user="u"), FORM)


async def test_owners_do_not_book_their_own(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    ann.caller = Caller(session="session-ann", user="owner")  # who signs in only now
    with pytest.raises(SelfBooking):
        await ann.books()


async def test_a_form_that_does_not_hold_books_nothing(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    with pytest.raises(InvalidFields):
        await ann.books(BookingRequest(customer=Customer(name="", email="x")))
    assert await house.value("select count(*) from booking") == 0
    assert await ann.cart() is not None


async def test_the_price_is_what_it_was_when_it_was_held(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await house.execute("update slot set price_amount = 1")
    await ann.books()
    assert ann.own.total == ann.attempt.amount == PRICE
    assert [line.price for line in ann.own.lines] == [PRICE]


async def test_a_resource_may_give_less_time_to_pay(house: House) -> None:
    await house.sells(["B-1"], resource="hurried", policy=HoldPolicy(payment_seconds=60))
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.holds("B-1", resource="hurried")
    await ann.books()
    assert ann.own.expires_at - ann.own.created_at == 60_000


async def _the_cart_ends(house: House, hold: Hold) -> None:
    """Its deadline comes, in Redis and by Redis' clock."""
    store = house.office.holds.store
    await store.run("move", hold.resource, session=hold.session, holds=[hold.id], expires_at=1, op=None)
    await house.office.holds.expire()


async def test_a_cart_that_has_ended_is_refused_with_its_slots(house: House) -> None:
    ann = house.buyer("ann")
    hold = await ann.holds("A-1", "A-2")
    await _the_cart_ends(house, hold)
    with pytest.raises(HoldExpired) as refusal:
        await ann.books()
    assert refusal.value.slots == ["A-1", "A-2"]
    assert await house.value("select count(*) from booking") == 0


async def test_a_cart_of_which_any_hold_has_ended_is_never_booked_in_part(house: House) -> None:
    await house.sells(["B-1"], resource="other")
    ann = house.buyer("ann")
    await ann.holds("A-1")
    lost = await ann.holds("B-1", resource="other")
    await _the_cart_ends(house, lost)
    with pytest.raises(HoldExpired) as refusal:
        await ann.books()
    assert refusal.value.slots == ["B-1"]
    assert await house.value("select coalesce(sum(taken), 0) from slot") == 0


async def test_a_hold_that_ends_while_it_is_booked_leaves_no_booking_and_the_rest_in_the_cart(
    house: House,
) -> None:
    await house.sells(["B-1"], resource="other")
    ann = house.buyer("ann")
    await ann.holds("A-1")
    lost = await ann.holds("B-1", resource="other")
    await _ends_just_then(house, ann, lost)
    with pytest.raises(HoldExpired) as refusal:
        await ann.books()
    assert refusal.value.slots == ["B-1"]
    assert await house.value("select cancel_reason from booking") == "hold_expired"
    assert await house.booked_and_free("A-1") == (0, 0)
    assert [hold.status for hold in await house.office.holds.holds(ann.caller.session)] == ["held"]
    assert (await house.office.bookings.page(ann.caller, Wanted())).items == []
    house.clock.passes(60)
    await house.office.loops_run()
    assert await house.value("select status from payment") == "failed"
    await house.is_whole(resources=["hall", "other"])


async def _ends_just_then(house: House, ann: Buyer, lost: Hold) -> None:
    """The cart is read, and a moment later one of its holds has ended."""
    holds = house.office.holds
    standing = await holds.standing(ann.caller.session)

    async def as_it_was(_session: str) -> Any:
        return standing

    await _the_cart_ends(house, lost)
    holds.cart_to_book = as_it_was  # type: ignore[method-assign,assignment]  # too early


async def test_postgresql_refuses_what_redis_should_not_have_given(house: House) -> None:
    ann, ben = house.buyer("ann"), house.buyer("ben")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    await house.redis.set("{hall}:slots", bytes([1, 0, 0, 1] * 4))  # Redis lies: all is free
    await ben.holds("A-1", "A-2")
    with pytest.raises(SlotTaken) as refusal:
        await ben.books()
    assert refusal.value.slots == ["A-1"]
    assert await house.booked_and_free("A-1") == (1, 0)
    assert await house.booked_and_free("A-2") == (0, 1)
    await house.is_whole()


async def test_the_constraint_itself_holds_whatever_the_program_does(house: House) -> None:
    with pytest.raises(Exception, match="slot_taken_within_capacity"):
        await house.execute("update slot set taken = 2 where id = 'A-1'")


async def test_two_sessions_that_both_hold_one_place_by_redis_lie_sell_it_once(house: House) -> None:
    buyers = [house.buyer(f"b{number}") for number in range(6)]
    for buyer in buyers:
        await buyer.holds("A-1")
        await house.redis.set("{hall}:slots", bytes([1, 0, 0, 1] * 4))
    outcomes = await asyncio.gather(*(buyer.books() for buyer in buyers), return_exceptions=True)
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1
    assert await house.value("select taken from slot where id = 'A-1'") == 1


async def test_flushall_between_pending_and_confirmed_loses_nothing(house: House) -> None:
    ann, ben, cleo = house.buyer("ann"), house.buyer("ben"), house.buyer("cleo")
    for buyer, slot in ((ann, "A-1"), (ben, "A-2")):
        await buyer.holds(slot)
        await buyer.books()
    await ben.pays()
    await cleo.holds("A-3")
    await house.redis.flushall()
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    assert await house.booked_and_free("A-1") == (1, 0)
    assert await house.booked_and_free("A-2") == (1, 0)
    assert await house.booked_and_free("A-3") == (0, 1)
    await house.is_whole()


async def test_flushall_while_paying_keeps_the_place_for_who_is_paying(house: House) -> None:
    ann, ben = house.buyer("ann"), house.buyer("ben")
    await ann.holds("A-1")
    await ann.books()
    await house.redis.flushall()
    with pytest.raises(SlotTaken):
        await ben.holds("A-1")
    await house.expires(ann)
    await ben.holds("A-1")
    await house.is_whole()


async def test_flushall_after_a_cancel_that_redis_never_heard_of(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    await ann.cancels()
    await house.redis.flushall()
    await house.execute("update booking_line set applied = 'confirmed'")
    await house.execute("update booking set applied_version = version - 1")
    await house.office.holds.ensure("hall")
    house.clock.passes(2)
    await house.office.loops_run()
    assert await house.booked_and_free("A-1") == (0, 1)
    await house.is_whole()


async def test_validating_says_what_booking_would_and_changes_nothing(house: House) -> None:
    ann, ben = house.buyer("ann"), house.buyer("ben")
    bookings = house.office.bookings
    with pytest.raises(Conflict):
        await bookings.validate(ann.caller, FORM)
    await ann.holds("A-1", "A-2")
    quoted, new = await bookings.validate(ann.caller, FORM)
    assert new
    assert quoted.total == 2 * PRICE
    assert [line.slot for line in quoted.lines] == ["A-1", "A-2"]
    with pytest.raises(InvalidFields):
        await bookings.validate(ann.caller, BookingRequest(customer=Customer(name="", email="")))
    assert await house.value("select count(*) from booking") == 0
    await ann.books()
    again, new = await bookings.validate(ann.caller, FORM)
    assert (again.id, new) == (ann.own.id, False)
    await ben.holds("A-3")
    await house.execute("update slot set blocked = true where id = 'A-3'")
    with pytest.raises(SlotTaken):
        await bookings.validate(ben.caller, FORM)


async def test_validating_knows_a_booking_that_another_tab_makes_just_now(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    standing = await house.office.holds.standing(ann.caller.session)
    await ann.books()

    async def as_it_was(_session: str) -> Any:
        return standing

    holds = house.office.holds
    holds.standing = holds.cart_to_book = as_it_was  # type: ignore[method-assign,assignment]  # read before that
    found, new = await house.office.bookings.validate(ann.caller, FORM)
    assert (found.id, new) == (ann.own.id, False)
    assert (await house.office.payments.begin(ann.caller, FORM)).booking.id == ann.own.id
    await ann.pays()
    with pytest.raises(Conflict):
        await house.office.payments.begin(ann.caller, FORM)


async def test_bookings_are_read_by_their_buyer_and_by_the_owner_of_what_was_booked(house: House) -> None:
    ann, ben = house.buyer("ann"), house.buyer("ben")
    for buyer, slots in ((ann, ("A-1", "A-2")), (ben, ("A-3",))):
        for slot in slots:
            await buyer.holds(slot)
            await buyer.books()
    bookings = house.office.bookings
    page = await bookings.page(ann.caller, read_wanted({"limit": "1"}))
    assert [each.lines[0].slot for each in page.items] == ["A-2"]
    rest = await bookings.page(ann.caller, read_wanted({"after": page.next or ""}))
    assert [each.lines[0].slot for each in rest.items] == ["A-1"]
    assert rest.next is None
    owner = Caller(session="", user="owner")
    assert len((await bookings.page(owner, Wanted())).items) == 3
    assert (await bookings.page(Caller(session="", user="nobody"), Wanted())).items == []
    for booking_id in (str(ann.own.id), "x", str(PRICE)):
        with pytest.raises(NotFound):
            await bookings.find(ben.caller, booking_id)
    assert (await bookings.find(owner, str(ann.own.id))).id == ann.own.id
    with pytest.raises(NotFound):
        await bookings.find_own(owner, str(ann.own.id))


@pytest.mark.parametrize("price", [0, PRICE])
async def test_by_one_key_a_booking_is_found_again_though_it_is_confirmed(house: House, price: int) -> None:
    await house.sells(["F-1"], resource="hut", price=price)
    ann, payments = house.buyer("ann"), house.office.payments
    await ann.holds("F-1", resource="hut")
    begun = await payments.begin(ann.caller, FORM, key="k1")
    ann.booking, ann.payment = begun.booking, begun.payment
    if price:
        await ann.pays()
    again = await payments.begin(ann.caller, FORM, key="k1")
    assert (again.booking.id, again.booking.status, again.new) == (ann.own.id, "confirmed", False)
    assert (again.payment.id, again.payment.status) == (begun.payment.id, "paid")
    for caller, key in ((ann.caller, "k2"), (house.buyer("ben").caller, "k1")):
        with pytest.raises(Conflict):
            await payments.begin(caller, FORM, key=key)
    await ann.cancels()
    with pytest.raises(Conflict, match="no cart"):
        await payments.begin(ann.caller, FORM, key="k1")


@pytest.mark.parametrize("key", [None, "k1"])
async def test_a_pending_one_found_again_is_had_by_redis_or_over(house: House, key: str | None) -> None:
    async def away() -> None:
        raise Unavailable("away")

    ann = house.buyer("ann")
    await ann.holds("A-1")
    cut_off = house.opens_office(around("holds", "begin_paying", before=away))
    with pytest.raises(Unavailable):
        await cut_off.payments.begin(ann.caller, FORM, key=key)
    await house.office.holds.release_cart(ann.caller, op=None)
    with pytest.raises(HoldExpired):
        await house.office.payments.begin(ann.caller, FORM, key=key)
    assert await house.value("select cancel_reason from booking") == "hold_expired"
    assert await house.booked_and_free("A-1") == (0, 1)


async def test_a_key_that_made_a_booking_books_the_next_cart_too(house: House) -> None:
    ann, payments = house.buyer("ann"), house.office.payments
    await ann.holds("A-1")
    ann.booking = (await payments.begin(ann.caller, FORM, key="k1")).booking
    assert (await payments.begin(ann.caller, FORM, key="k1")).booking.id == ann.own.id
    await ann.cancels()  # the holds are in the cart again, under the same reference
    begun = await payments.begin(ann.caller, FORM, key="k1")
    assert (begun.new, begun.booking.reference) == (True, ann.own.reference)
    assert begun.booking.id not in {ann.own.id, begun.payment.id}
    ann.booking, ann.payment = begun.booking, begun.payment
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_what_costs_nothing_is_confirmed_at_once_and_may_be_cancelled(house: House) -> None:
    await house.sells(["F-1"], resource="free", price=0)
    ann = house.buyer("ann")
    await ann.holds("F-1", resource="free")
    payment = await ann.books()
    assert (payment.provider, payment.status) == ("free", "paid")
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole(resources=["free"])
    await ann.cancels()
    await house.office.loops_run()
    assert (await ann.sees()).status == "cancelled"
    assert await house.booked_and_free("F-1", "free") == (0, 1)
    assert await house.refunds() == []
