"""One buyer, several tabs, several tries."""

import asyncio

import pytest

from server.bookings.details import BookingRequest, Customer
from server.errors import Conflict
from tests.payments.house import PRICE, House


async def test_two_tabs_and_two_processes_book_one_cart_once(house: House) -> None:
    other = house.opens_office()
    for number, slot in enumerate(("A-1", "A-2", "A-3", "A-4")):
        tabs = [house.buyer(f"ann{number}", office) for office in (house.office, other, house.office, other)]
        await tabs[0].holds(slot)
        payments = await asyncio.gather(*(tab.books() for tab in tabs))
        assert len({payment.id for payment in payments}) == 1
        assert len({tab.own.id for tab in tabs}) == 1
    assert await house.value("select count(*) from booking") == 4
    assert await house.value("select count(*) from sandbox.intent") == 4
    await house.is_whole()


async def test_booking_again_answers_the_same_booking_and_payment(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    first = await ann.books()
    booking = ann.own
    begun = await house.office.payments.begin(
        ann.caller, BookingRequest(customer=Customer(name="Other", email="other@example.com"))
    )
    assert not begun.new
    assert begun.payment == first
    assert begun.booking.customer == booking.customer


async def test_two_tabs_pay_the_same_payment_and_it_is_taken_once(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await asyncio.gather(*(ann.acts("succeed") for _ in range(4)))
    await house.office.loops_run()
    await ann.acts("succeed")
    assert await ann.status() == ("confirmed", "paid")
    assert await house.value("select count(*) from sandbox.movement") == 1
    await house.is_whole()


async def test_paid_twice_the_extra_is_refunded_and_the_booking_stays(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays(twice=True)
    await house.office.loops_run()
    assert await ann.status() == ("confirmed", "paid")
    refunds = await house.refunds()
    assert [amount for _, amount in refunds] in ([PRICE], [])  # the other may have been voided in time
    assert await house.value("select count(*) from sandbox.intent") == 2
    await house.is_whole()


async def test_after_a_decline_the_booking_waits_and_the_next_attempt_is_another_payment(
    house: House,
) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    first = await ann.books()
    await ann.acts("decline")
    await house.office.loops_run()
    assert await ann.status() == ("pending", "failed")
    assert await ann.paid() == "failed"
    assert [hold.status for hold in await house.office.holds.holds(ann.caller.session)] == ["paying"]

    second = await ann.books()
    assert second.id != first.id
    assert second.attempt == 2
    assert await ann.status() == ("pending", "failed")
    await ann.pays()

    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_two_tabs_try_again_after_a_decline_and_get_one_new_attempt(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("decline")
    await house.office.loops_run()
    tabs = [house.buyer("ann") for _ in range(4)]
    payments = await asyncio.gather(*(tab.books() for tab in tabs))
    assert {payment.attempt for payment in payments} == {2}
    assert await house.value("select count(*) from payment") == 2


async def test_a_declined_payment_may_be_paid_on_its_own_page(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("decline")
    await house.office.loops_run()
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_a_declined_payment_that_was_paid_after_all_is_the_next_attempts_answer(house: House) -> None:
    await house.office.hears_nothing()
    ann = house.buyer("ann")
    await ann.holds("A-1")
    first = await ann.books()
    await ann.acts("decline")
    await house.office.payments.settle(first.id)
    await ann.acts("succeed")

    again = await house.office.payments.attempt(ann.caller, str(ann.own.id))

    assert again.id == first.id
    assert again.status == "paid"
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_an_older_attempt_can_not_be_paid_once_there_is_another(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    first = await ann.books()
    await ann.acts("decline")
    await house.office.loops_run()
    await ann.books()
    with pytest.raises(Conflict):
        await house.office.payments.act(ann.caller, str(first.id), "succeed", delay_ms=0, twice=False)


async def test_a_confirmed_booking_takes_no_further_attempt(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    with pytest.raises(Conflict):
        await house.office.payments.attempt(ann.caller, str(ann.own.id))
    with pytest.raises(Conflict):
        await ann.books()


async def test_further_holds_open_a_new_cart_and_a_booking_of_its_own(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    first = ann.own
    await ann.holds("A-2")
    await ann.books()
    assert ann.own.id != first.id
    assert ann.own.reference != first.reference
    await house.is_whole()
