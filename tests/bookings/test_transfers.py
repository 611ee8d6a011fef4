"""Handing a booking on: it is whose it was until another user accepts, and then that user's alone."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

import pytest

from server.accounts.rules import Caller
from server.bookings.details import BookingRequest, Customer
from server.bookings.rules import Booking
from server.bookings.transfers import AcceptRequest, Offered, OfferRequest, Transfers
from server.errors import (
    Conflict,
    Forbidden,
    HoldfastError,
    InvalidFields,
    NotFound,
    SelfBooking,
    Unauthorized,
)
from tests.payments.house import Buyer, House

OWNER = Caller(session="owner's", user="owner")
BEN = Caller(session="ben's", user="ben", name="Ben")
CEM = Caller(session="cem's", user="cem")
FORM = BookingRequest(
    customer=Customer(name="Ann Example", email="ann@example.com", phone="+49 30 123456"),
    attendees=("Ann",),
    special_requests="a wide place",
    driver_location="Hauptstraße 1",
)
NOTHING = AcceptRequest()
LINK = OfferRequest()


async def _confirmed(house: House, slot: str = "A-1", user: str | None = "ann") -> Buyer:
    ann = house.buyer(f"ann-{slot}")
    ann.caller = Caller(session=ann.caller.session, user=user)
    await ann.holds(slot)
    await ann.books(FORM)
    await ann.pays()
    return ann


@pytest.fixture
def transfers(house: House) -> Transfers:
    """On the same box office."""
    return Transfers(house.database, house.office.bookings, house.clock)


async def _offers(transfers: Transfers, ann: Buyer, request: OfferRequest = LINK) -> Offered:
    return await transfers.offer(ann.caller, str(ann.own.id), request)


def _secret(offered: Offered) -> str:
    assert offered.secret is not None
    return offered.secret


async def test_who_has_the_link_takes_it_over_and_who_had_it_has_lost_it(
    house: House, transfers: Transfers
) -> None:
    ann = await _confirmed(house)
    offered = await _offers(transfers, ann)
    assert (await ann.sees()).user == "ann"
    read = await transfers.read(Caller(session=""), _secret(offered))
    assert (read.shown, read.secret) == ("offered", None)

    taken = await transfers.accept(BEN, _secret(offered), NOTHING)

    assert (taken.user, taken.session, taken.status) == ("ben", "ben's", "confirmed")
    assert taken.applied_version == taken.version
    for caller in (ann.caller, Caller(session=ann.caller.session), Caller(session="new", user="ann")):
        with pytest.raises(NotFound):
            await house.office.bookings.find(caller, str(ann.own.id))
        with pytest.raises(NotFound):
            await house.office.payments.cancel(caller, str(ann.own.id), release=False)
        with pytest.raises(NotFound):
            await transfers.withdraw(caller, str(ann.own.id))
    assert (
        await house.office.bookings.find(Caller(session="", user="ben"), str(ann.own.id))
    ).id == ann.own.id
    await house.is_whole()


async def test_what_one_wrote_about_oneself_is_not_handed_on(house: House, transfers: Transfers) -> None:
    ann = await _confirmed(house)
    taken = await transfers.accept(BEN, _secret(await _offers(transfers, ann)), NOTHING)
    assert taken.customer == {"name": "Ben", "email": ""}
    assert (taken.attendees, taken.special_requests, taken.driver_location) == ((), "", None)
    again = await transfers.offer(BEN, str(taken.id), LINK)
    named = AcceptRequest(customer=Customer(name=" Cem ", email="cem@example.com"))
    assert (await transfers.accept(CEM, _secret(again), named)).customer["name"] == "Cem"


async def test_a_wrong_form_takes_nothing_over(house: House, transfers: Transfers) -> None:
    ann = await _confirmed(house)
    offered = await _offers(transfers, ann)
    wrong = AcceptRequest(customer=Customer(name="", email="x"))
    with pytest.raises(InvalidFields):
        await transfers.accept(BEN, _secret(offered), wrong)
    assert (await ann.sees()).user == "ann"


async def test_accepting_twice_is_once_and_the_second_of_two_is_told(
    house: House, transfers: Transfers
) -> None:
    ann = await _confirmed(house)
    offered = await _offers(transfers, ann)
    taken = await transfers.accept(BEN, _secret(offered), NOTHING)
    assert (await transfers.accept(BEN, _secret(offered), NOTHING)).version == taken.version
    with pytest.raises(Conflict):
        await transfers.accept(CEM, _secret(offered), NOTHING)
    with pytest.raises(Conflict):  # and its former user is no better off
        await transfers.accept(Caller(session="x", user="ann"), _secret(offered), NOTHING)


async def test_of_two_who_accept_at_once_one_has_it(house: House, transfers: Transfers) -> None:
    for slot in ("A-1", "A-2", "A-3"):
        ann = await _confirmed(house, slot)
        secret = _secret(await _offers(transfers, ann))
        answers = await asyncio.gather(
            *(_tried(transfers.accept(caller, secret, NOTHING)) for caller in (BEN, CEM))
        )
        (taken,) = [answer for answer in answers if answer is not None]
        assert taken.user == await house.value("select user_id from booking where id = $1", ann.own.id)


async def test_a_named_user_accepts_by_the_offers_id_and_nobody_else_does(
    house: House, transfers: Transfers
) -> None:
    ann = await _confirmed(house)
    offered = await _offers(transfers, ann, OfferRequest(user="ben"))
    name = str(offered.transfer.id)
    for token in (name, _secret(offered)):
        with pytest.raises(NotFound):
            await transfers.accept(CEM, token, NOTHING)
        with pytest.raises(NotFound):
            await transfers.read(Caller(session="x"), token)
    assert [each.transfer.id for each in await transfers.to_caller(BEN)] == [offered.transfer.id]
    assert await transfers.to_caller(CEM) == []
    assert (await transfers.accept(BEN, name, NOTHING)).user == "ben"
    assert await transfers.to_caller(BEN) == []


async def test_a_links_id_is_no_secret(house: House, transfers: Transfers) -> None:
    ann = await _confirmed(house)
    offered = await _offers(transfers, ann)
    with pytest.raises(NotFound):
        await transfers.accept(BEN, str(offered.transfer.id), NOTHING)
    assert _secret(offered) not in str(await house.value("select row_to_json(t) from transfer t"))


async def test_an_offer_is_over_by_time_by_withdrawal_or_by_another(
    house: House, transfers: Transfers
) -> None:
    ann = await _confirmed(house)
    first = await _offers(transfers, ann, OfferRequest(expires_in=60))
    second = await _offers(transfers, ann, OfferRequest(expires_in=60))
    with pytest.raises(Conflict, match="withdrawn"):
        await transfers.accept(BEN, _secret(first), NOTHING)
    house.clock.passes(60)
    with pytest.raises(Conflict, match="expired"):
        await transfers.accept(BEN, _secret(second), NOTHING)
    third = await _offers(transfers, ann)
    for _ in range(2):
        await transfers.withdraw(ann.caller, str(ann.own.id))
    with pytest.raises(Conflict, match="withdrawn"):
        await transfers.accept(BEN, _secret(third), NOTHING)
    last = await transfers.of_booking(ann.caller, str(ann.own.id))
    assert last is not None
    assert (last.transfer.id, last.shown) == (third.transfer.id, "withdrawn")
    assert (await ann.sees()).user == "ann"


async def test_what_is_cancelled_or_over_is_not_taken_over(house: House, transfers: Transfers) -> None:
    ann, amy = await _confirmed(house, "A-1"), await _confirmed(house, "A-2")
    offered, over = await _offers(transfers, ann), await _offers(transfers, amy)
    await ann.cancels()
    await house.execute("update booking set status = 'completed' where id = $1", amy.own.id)
    for each, why in ((offered, "cancelled"), (over, "completed")):
        with pytest.raises(Conflict, match=why):
            await transfers.accept(BEN, _secret(each), NOTHING)
        assert (await transfers.read(BEN, _secret(each))).shown == "withdrawn"
    for buyer in (ann, amy):
        with pytest.raises(Conflict):
            await _offers(transfers, buyer)


async def test_of_taking_over_cancelling_and_withdrawing_at_once_one_counts(
    house: House, transfers: Transfers
) -> None:
    for slot in ("A-1", "A-2", "A-3", "A-4"):
        ann = await _confirmed(house, slot)
        secret = _secret(await _offers(transfers, ann))
        await asyncio.gather(
            _tried(transfers.accept(BEN, secret, NOTHING)),
            _tried(ann.cancels()),
            _tried(transfers.withdraw(ann.caller, str(ann.own.id))),
        )
        booking = await house.office.bookings.get(ann.own.id)
        state = await house.value("select state from transfer where booking_id = $1", booking.id)
        assert (booking.user == "ben") == (state == "accepted")
        await house.office.loops_run()
    await house.is_whole()


async def test_who_has_handed_it_on_just_then_does_not_cancel_it(house: House, transfers: Transfers) -> None:
    """It is somebody else's between the moment they asked and the moment it would be cancelled."""
    ann = await _confirmed(house)
    offered = await _offers(transfers, ann)
    money = house.office.payments
    abandon = money.changes.abandon

    async def meanwhile(booking: Booking) -> None:
        await abandon(booking)
        await transfers.accept(BEN, _secret(offered), NOTHING)

    money.changes.abandon = meanwhile  # type: ignore[method-assign]  # just then
    with pytest.raises(NotFound):
        await ann.cancels()
    money.changes.abandon = abandon  # type: ignore[method-assign]  # as it was
    await house.office.loops_run()
    booking = await house.office.bookings.find(BEN, str(ann.own.id))
    assert (booking.status, booking.payment_status, booking.refunded) == ("confirmed", "paid", 0)
    await house.is_whole()


async def test_what_is_not_confirmed_or_is_disputed_is_not_offered(
    house: House, transfers: Transfers
) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    with pytest.raises(Conflict, match="pending"):
        await _offers(transfers, ann)
    amy = await _confirmed(house, "A-2")
    offered = await _offers(transfers, amy)
    await house.execute("update booking set payment_status = 'disputed' where id = $1", amy.own.id)
    with pytest.raises(Conflict, match="dispute"):
        await _offers(transfers, amy)
    with pytest.raises(Conflict, match="dispute"):
        await transfers.accept(BEN, _secret(offered), NOTHING)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (OfferRequest(user="ann"), InvalidFields),
        (OfferRequest(user=""), InvalidFields),
        (OfferRequest(user="x" * 256), InvalidFields),
        (OfferRequest(user="owner"), SelfBooking),
        (OfferRequest(expires_in=59), InvalidFields),
        (OfferRequest(expires_in=10**9), InvalidFields),
    ],
)
async def test_it_is_offered_to_somebody_else_for_a_while(
    house: House, transfers: Transfers, request_: OfferRequest, error: type[Exception]
) -> None:
    ann = await _confirmed(house)
    with pytest.raises(error):
        await _offers(transfers, ann, request_)
    assert await house.value("select count(*) from transfer") == 0


async def test_who_may_offer_and_who_may_not_accept(house: House, transfers: Transfers) -> None:
    ann = await _confirmed(house)
    for work in (transfers.of_booking, transfers.withdraw):
        with pytest.raises(NotFound):
            await work(CEM, str(ann.own.id))
        with pytest.raises(Forbidden):
            await work(OWNER, str(ann.own.id))
    with pytest.raises(NotFound):
        await transfers.offer(CEM, str(ann.own.id), LINK)
    with pytest.raises(Forbidden):
        await transfers.offer(OWNER, str(ann.own.id), LINK)
    secret = _secret(await _offers(transfers, ann))
    with pytest.raises(SelfBooking):
        await transfers.accept(OWNER, secret, NOTHING)
    with pytest.raises(Conflict, match="yours"):
        await transfers.accept(Caller(session="x", user="ann"), secret, NOTHING)
    with pytest.raises(Unauthorized):
        await transfers.accept(Caller(session="x"), secret, NOTHING)
    with pytest.raises(NotFound):
        await transfers.accept(BEN, secret[:-1], NOTHING)


async def test_an_anonymous_bookings_buyer_takes_it_along_when_signing_in(
    house: House, transfers: Transfers
) -> None:
    ann = await _confirmed(house, user=None)
    secret = _secret(await _offers(transfers, ann))
    assert (
        await transfers.accept(Caller(session=ann.caller.session, user="ann"), secret, NOTHING)
    ).user == "ann"


async def test_both_sides_are_told(house: House, transfers: Transfers) -> None:
    ann = await _confirmed(house)
    await house.execute("delete from outbox")
    await transfers.accept(BEN, _secret(await _offers(transfers, ann)), NOTHING)
    told = await house.value("select jsonb_agg(facts) from outbox where kind = 'booking_changed'")
    (facts,) = told
    assert (facts["user"], facts["owner"], facts["data"]["was_user"]) == ("ben", "owner", "ann")
    assert facts["customer"]["email"] == ""


async def _tried(work: Awaitable[Booking | None]) -> Booking | None:
    with suppress(HoldfastError):
        return await work
    return None
