"""What a program does from finding to paying, against the real thing."""

import pytest

from channels.client import (
    Booking,
    Conflict,
    InvalidRange,
    NotAllowed,
    NotFound,
    Notice,
    SelfBooking,
    SlotTaken,
    UnknownResource,
)
from tests.client.conftest import ANN, Losing, at, becomes, client_of, pays
from tests.support.house import House


async def test_from_finding_to_paying_and_the_owner_hears_of_it(town: House) -> None:
    async with client_of(town.base_url, "dora") as dora, client_of(town.base_url, "olga") as olga:
        found = [place async for place in dora.resources.find(at(9), at(17))]
        drive = next(place for place in found if place.id == "drive")
        assert drive.price is not None
        assert drive.price.amount == 8 * 400
        (hour,) = [each for each in await dora.resources.lengths("drive", at(9)) if each.minutes == 60]
        assert (hour.available, hour.end) == (True, at(10))
        async with olga.news() as heard:
            held = await dora.holding.hold_range("drive", at(9), at(17))
            assert held.hold.range == (at(9), at(17))
            assert held.cart.total.amount == 3_200
            quote = await dora.bookings.validate(ANN)
            booked = await dora.bookings.book(ANN, special_requests="A wide car")
            assert (booked.booking.total, booked.booking.reference) == (quote.total, held.cart.reference)
            assert booked.payment is not None
            await dora.payments.settle_in_sandbox(booked.payment.id)
            event = await heard.next(Booking, lambda booking: booking.status == "confirmed")
        assert (event.id, event.created_at) == (booked.booking.id, booked.booking.created_at)
        paid = await becomes(dora, booked.booking.id, lambda booking: booking.payment_status == "paid")
        assert (paid.payment_status, paid.special_requests) == ("paid", "A wide car")
        assert [each.status for each in await dora.payments.of(paid.id)] == ["paid"]
        assert [each.id async for each in olga.bookings.all()] == [paid.id]
        assert not [each async for each in dora.resources.find(at(9), at(17)) if each.id == "drive"]


async def test_the_owner_approves_or_not(town: House) -> None:
    async with client_of(town.base_url, "dora") as dora, client_of(town.base_url, "olga") as olga:
        made = []
        for hour in (9, 12):
            await dora.holding.hold_range("asked", at(hour), at(hour + 1))
            booked = await dora.bookings.book(ANN)
            assert booked.payment is not None
            await dora.payments.settle_in_sandbox(booked.payment.id)
            waiting = await becomes(dora, booked.booking.id, lambda booking: booking.approval is not None)
            assert waiting.status == "pending"
            made.append(waiting.id)
        with pytest.raises(NotAllowed):
            await dora.bookings.approve(made[0])
        assert (await olga.bookings.approve(made[0])).status == "confirmed"
        assert (await olga.bookings.cancel(made[1])).cancel_reason == "declined"


async def test_a_booking_is_changed_handed_on_and_cancelled(town: House) -> None:
    async with client_of(town.base_url, "dora") as dora, client_of(town.base_url, "ben") as ben:
        await dora.holding.hold("hall", ["A-1", ("A-2", 1)])
        booked = await dora.bookings.book(ANN)
        await pays(dora, booked)
        changed = await dora.bookings.change(booked.booking.id, special_requests="An aisle, please")
        assert changed.booking.special_requests == "An aisle, please"
        offered = await dora.bookings.transfer(booked.booking.id, user="ben")
        assert offered.token
        assert (await ben.bookings.accept(offered.token)).id == booked.booking.id
        with pytest.raises(NotFound):
            await dora.bookings.get(booked.booking.id)
        assert (await ben.bookings.cancellation(booked.booking.id)).refund.amount == 10_000
        cancelled = await ben.bookings.cancel(booked.booking.id)
        assert (cancelled.status, cancelled.cancel_reason) == ("cancelled", "by_buyer")


async def test_notices_are_told_at_once_and_kept_until_read(town: House) -> None:
    async with client_of(town.base_url, "dora") as dora, client_of(town.base_url, "olga") as olga:
        async with olga.news() as heard:
            await dora.holding.hold("hall", ["A-1"])
            booked = await dora.bookings.book(ANN)
            event = await heard.next(Notice)
        assert event.data["booking"] == booked.booking.id
        assert event.id in [notice.id async for notice in olga.notices.all(unread=True)]
        assert await olga.notices.read([event.id]) >= 0
        assert event.id not in [notice.id async for notice in olga.notices.all(unread=True)]
        kept = await olga.notices.preferences()
        assert await olga.notices.prefer({"channels": kept["channels"]}) == kept


async def test_lost_answers_change_nothing_twice(town: House) -> None:
    losing = Losing()
    async with client_of(town.base_url, "dora", transport=losing) as dora:
        held = await dora.holding.hold("hall", ["A-1", "A-2"])
        more = await dora.holding.hold_best("hall", 2)
        cart = await dora.holding.cart()
        assert cart is not None
        assert {hold.id for hold in cart.holds} == {held.hold.id, more.hold.id}
        assert (await dora.holding.release(more.hold.id)).status == "released"
        extended = await dora.holding.extend()
        assert extended is not None
        booked = await dora.bookings.book(ANN)
        await pays(dora, booked)
        assert [each.id async for each in dora.bookings.all()] == [booked.booking.id]
        assert len(await dora.payments.of(booked.booking.id)) == 1
        assert len(losing.lost) >= 6


async def test_refusals_have_their_kind(town: House) -> None:
    async with (
        client_of(town.base_url, "dora") as dora,
        client_of(town.base_url) as nobody,
        client_of(town.base_url, "olga") as olga,
    ):
        await dora.holding.hold("hall", ["A-1"])
        with pytest.raises(SlotTaken) as taken:
            await nobody.holding.hold("hall", ["A-1", "A-2"])
        assert taken.value.slots == ("A-1",)
        with pytest.raises(SelfBooking):
            await olga.holding.hold("hall", ["A-2"])
        with pytest.raises(NotAllowed):
            await olga.holding.hold_range("drive", at(9), at(10))
        with pytest.raises(UnknownResource):
            await nobody.resources.get("no-such-place")
        with pytest.raises(InvalidRange, match="its end is after its start"):
            await dora.holding.hold_range("drive", at(9), at(9))
        with pytest.raises(NotFound):
            await nobody.holding.release("no-such-hold")
        with pytest.raises(NotFound):
            await nobody.bookings.get("0")


async def test_a_session_goes_on_in_another_program(town: House) -> None:
    async with client_of(town.base_url) as first:
        token = (await first.session()).token
        held = await first.holding.hold("hall", ["A-1"])
    async with client_of(town.base_url, session=token) as second:
        cart = await second.holding.cart()
        assert cart is not None
        assert [hold.id for hold in cart.holds] == [held.hold.id]
        await second.holding.release_all()
        assert await second.holding.cart() is None
        with pytest.raises(Conflict):
            await second.bookings.book(ANN)
