"""Changing a booking: the new is had and paid before the old is given up, and any failure leaves the old."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from server.accounts.rules import Caller
from server.bookings.changes import ChangeRequest, to_give_back
from server.bookings.listing import read_wanted
from server.bookings.outbox import FOR_A_CHANGE
from server.bookings.rules import Booking
from server.bookings.transfers import OfferRequest, Transfers
from server.errors import (
    BadRequest,
    Conflict,
    HoldfastError,
    InvalidFields,
    InvalidRange,
    LimitExceeded,
    NotFound,
    SlotTaken,
    Unavailable,
    UnknownSlot,
)
from server.inventory.rules import HoldPolicy
from server.ops.auditor import audit
from server.payments.provider import ProviderUnavailable
from server.payments.rules import Payment
from tests.payments.bank import Bank
from tests.payments.between import around
from tests.payments.house import HALL, LINKS, PRICE, Buyer, House, Office, Payer

DEAR = "dear"
OWNER = Caller(session="owner's", user="owner")


async def _confirmed(
    house: House, *slots: str, name: str = "ann", quantity: int = 1, resource: str = HALL
) -> Buyer:
    ann = house.buyer(name)
    await ann.holds(*slots, resource=resource, quantity=quantity)
    await ann.books()
    if ann.attempt.provider != "free":
        await ann.pays()
    ann.booking = await ann.sees()
    assert ann.own.status == "confirmed"
    return ann


async def _asks(ann: Buyer, office: Office | None = None, **wanted: Any) -> tuple[Booking, Payment | None]:
    changes = (office or ann.office).payments.changes
    return await changes.change(ann.caller, str(ann.own.id), ChangeRequest(**wanted))


async def _pays(house: House, ann: Buyer, payment: Payment | None) -> None:
    """The difference; the loops then carry it through."""
    assert payment is not None
    await house.office.payments.act(ann.caller, str(payment.id), "succeed", delay_ms=0, twice=False)
    await house.office.money_moves()
    await house.office.payments.changes.worker._work()


def _items(*slots: str, quantity: int = 1) -> dict[str, Any]:
    return {"items": tuple((slot, quantity) for slot in slots)}


def _has(booking: Booking) -> list[tuple[str, int]]:
    return [(line.slot, line.quantity) for line in booking.lines]


async def _prices(house: House, slot: str, price: int, resource: str = HALL) -> None:
    """Another price for a slot from now on."""
    await house.execute(
        "update slot set price_amount = $3 where resource_id = $1 and id = $2", resource, slot, price
    )
    house.office = house.opens_office()


async def _is_whole(house: House, redis: Redis, resources: Sequence[str] = (HALL,)) -> None:
    await house.office.loops_run(1)
    await house.is_whole(resources=resources)
    assert await audit(house.database, redis, settle_seconds=0) == []
    assert await house.value("select count(*) from booking where applied_version < version") == 0


async def test_another_place_at_the_same_price_is_had_at_once_and_the_old_is_free(
    house: House, redis: Redis
) -> None:
    ann = await _confirmed(house, "A-1")
    changed, payment = await _asks(ann, **_items("A-2"))
    assert payment is None
    assert (changed.status, changed.payment_status, changed.change) == ("confirmed", "paid", None)
    assert (_has(changed), changed.total) == ([("A-2", 1)], PRICE)
    assert await house.booked_and_free("A-1") == (0, 1)
    assert await house.booked_and_free("A-2") == (1, 0)
    assert changed.applied_version == changed.version
    await _is_whole(house, redis)
    assert await house.refunds() == []


async def test_what_another_process_has_made_is_on_sale_when_it_is_told(
    house: House, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its loop was quicker, and stands still between PostgreSQL and Redis."""
    ann = await _confirmed(house, "A-1")
    other = house.opens_office()
    makes = other.payments.changes._make

    async def stands_still(_: UUID) -> None:
        raise Unavailable("not yet")

    async def makes_and_stands_still(*arguments: Any) -> None:
        await makes(*arguments)
        monkeypatch.setattr(other.bookings, "apply", stands_still)

    monkeypatch.setattr(other.payments.changes, "_make", makes_and_stands_still)
    finish = ann.office.payments.changes.finish

    async def comes_second(change: UUID) -> None:
        with suppress(Unavailable):
            await other.payments.changes.finish(change)
        await finish(change)

    monkeypatch.setattr(ann.office.payments.changes, "finish", comes_second)
    changed, _ = await _asks(ann, **_items("A-2"))
    assert _has(changed) == [("A-2", 1)]
    assert await house.booked_and_free("A-1") == (0, 1)
    assert changed.applied_version == changed.version
    await _is_whole(house, redis)


async def test_what_both_have_is_kept(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, "A-1", "A-2")
    changed, _ = await _asks(ann, **_items("A-2", "A-3"))
    assert _has(changed) == [("A-2", 1), ("A-3", 1)]
    again, _ = await _asks(ann, **_items("A-2", "A-3"))
    assert again.version == changed.version
    back, _ = await _asks(ann, **_items("A-1", "A-2"))
    assert _has(back) == [("A-1", 1), ("A-2", 1)]
    await _is_whole(house, redis)


async def test_more_is_paid_first_and_had_meanwhile(house: House, redis: Redis) -> None:
    await house.sells(["T"], resource="tour", capacity=5)
    ann = await _confirmed(house, "T", resource="tour")
    standing, payment = await _asks(ann, quantity=3)
    assert payment is not None
    assert (payment.amount, payment.status) == (2 * PRICE, "pending")
    assert _has(standing) == [("T", 1)]
    assert standing.change == payment.booking
    assert await house.booked_and_free("T", "tour") == (3, 2)

    await _pays(house, ann, payment)

    changed = await ann.sees()
    assert (_has(changed), changed.total) == ([("T", 3)], 3 * PRICE)
    assert (changed.status, changed.payment_status, changed.secured) == ("confirmed", "paid", 3 * PRICE)
    assert (await house.office.bookings.get(payment.booking)).cancel_reason == "changed"
    mine = (await house.office.payments.of_booking(ann.caller, str(ann.own.id)))[0]
    assert [(each.amount, each.status, each.accepted) for each in mine] == [
        (PRICE, "paid", True),
        (2 * PRICE, "paid", True),
    ]
    await _is_whole(house, redis, ["tour"])


async def test_less_is_given_back_and_then_all_that_is_left(house: House, redis: Redis) -> None:
    await house.sells(["T"], resource="tour", capacity=5)
    ann = await _confirmed(house, "T", quantity=3, resource="tour")
    _, payment = await _asks(ann, quantity=1)
    assert payment is None
    await house.office.refunds_run()
    assert await house.refunds() == [("changed", 2 * PRICE)]
    seen = await ann.sees()
    assert (_has(seen), seen.payment_status, seen.refunded) == ([("T", 1)], "partially_refunded", 2 * PRICE)
    assert await house.booked_and_free("T", "tour") == (1, 4)
    await _is_whole(house, redis, ["tour"])

    _, payment = await _asks(ann, quantity=2)  # and up again
    assert payment is not None
    assert payment.amount == PRICE
    await _pays(house, ann, payment)
    assert (await ann.sees()).total == 4 * PRICE
    await _is_whole(house, redis, ["tour"])

    await ann.cancels()
    await house.office.refunds_run()
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert sum(amount for _, amount in await house.refunds()) == 4 * PRICE
    assert await house.booked_and_free("T", "tour") == (0, 5)
    await _is_whole(house, redis, ["tour"])


async def test_todays_prices_count_for_all_of_it(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, "A-1")
    await _prices(house, "A-1", PRICE + 100)
    ann.office = house.office
    _, payment = await _asks(ann, **_items("A-1", "A-2"))
    assert payment is not None
    assert payment.amount == PRICE + 100
    await _pays(house, ann, payment)
    assert [line.price for line in (await ann.sees()).lines] == [PRICE + 100, PRICE]
    await _is_whole(house, redis)


async def test_somebody_elses_place_is_not_had_and_the_old_stands(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, "A-1")
    await _confirmed(house, "A-2", name="ben")  # sold
    await house.buyer("cem").holds("A-3")  # in a cart
    before = await ann.sees()
    for slots in (("A-2",), ("A-3",), ("A-4", "A-3")):
        with pytest.raises(SlotTaken) as taken:
            await _asks(ann, **_items(*slots))
        assert taken.value.slots
    after = await ann.sees()
    assert (_has(after), after.version) == ([("A-1", 1)], before.version)
    assert await house.booked_and_free("A-4") == (0, 1)
    await _is_whole(house, redis)


async def test_who_does_not_pay_keeps_the_old_and_the_new_is_free(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, "A-1")
    _, payment = await _asks(ann, **_items("A-1", "A-2"))
    assert payment is not None
    house.clock.passes(house.settings.payment_seconds + 1)
    await house.office.loops_run()
    seen = await ann.sees()
    assert (_has(seen), seen.change, seen.status) == ([("A-1", 1)], None, "confirmed")
    assert await house.booked_and_free("A-2") == (0, 1)
    await _is_whole(house, redis)


async def test_who_pays_too_late_has_it_back_and_keeps_the_old(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, "A-1")
    _, payment = await _asks(ann, **_items("A-1", "A-2"))
    assert payment is not None
    late = house.settings.payment_seconds + 10
    await house.office.payments.act(ann.caller, str(payment.id), "succeed", delay_ms=1000 * late, twice=False)
    house.clock.passes(late - 5)
    await house.office.loops_run()
    house.clock.passes(10)
    await house.office.loops_run()
    assert _has(await ann.sees()) == [("A-1", 1)]
    assert await ann.status() == ("confirmed", "paid")
    assert [amount for _, amount in await house.refunds()] == [PRICE]
    await _is_whole(house, redis)


async def test_a_declined_difference_leaves_the_old_and_may_be_tried_again(
    house: House, redis: Redis
) -> None:
    ann = await _confirmed(house, "A-1")
    _, payment = await _asks(ann, **_items("A-1", "A-2"))
    assert payment is not None
    await house.office.payments.act(ann.caller, str(payment.id), "decline", delay_ms=0, twice=False)
    await house.office.money_moves()
    assert await ann.status() == ("confirmed", "paid")
    _, another = await _asks(ann, **_items("A-1", "A-2"))
    assert another is not None
    assert (another.booking, another.id == payment.id) == (payment.booking, False)
    await _pays(house, ann, another)
    assert len((await ann.sees()).lines) == 2
    await _is_whole(house, redis)


async def test_a_difference_whose_promise_breaks_at_capture_leaves_the_old(
    house: House, redis: Redis
) -> None:
    ann = await _confirmed(house, "A-1")
    _, payment = await _asks(ann, **_items("A-1", "A-2"))
    assert payment is not None

    async def breaks() -> None:
        await house.execute("update sandbox.intent set status = 'cancelled' where id = $1", payment.intent)

    await house.office.hears_nothing()
    await house.office.payments.act(ann.caller, str(payment.id), "succeed", delay_ms=0, twice=False)
    await house.opens_office(around("provider", "capture", before=breaks)).payments.settle(payment.id)
    await house.office.loops_run()
    assert (_has(await ann.sees()), await ann.status()) == ([("A-1", 1)], ("confirmed", "paid"))
    assert await house.booked_and_free("A-2") == (0, 1)
    await _is_whole(house, redis)


async def test_nothing_is_given_up_before_the_difference_is_taken(house: House, redis: Redis) -> None:
    async def away() -> None:
        raise ProviderUnavailable

    ann = await _confirmed(house, "A-1")
    _, payment = await _asks(ann, **_items("A-2", "A-3"))
    assert payment is not None
    await house.office.hears_nothing()
    await house.office.payments.act(ann.caller, str(payment.id), "succeed", delay_ms=0, twice=False)
    with pytest.raises(Unavailable):
        await house.opens_office(around("provider", "capture", before=away)).payments.settle(payment.id)
    assert (await house.office.bookings.get(payment.booking)).payment_status == "authorized"
    await house.office.payments.changes.worker._work()
    assert _has(await ann.sees()) == [("A-1", 1)]
    with pytest.raises(Conflict):
        await house.office.payments.cancel(ann.caller, str(payment.booking), release=True)
    await house.office.payments.settle(payment.id)
    await house.office.payments.changes.worker._work()
    assert _has(await ann.sees()) == [("A-2", 1), ("A-3", 1)]
    await _is_whole(house, redis)


async def test_a_booking_that_is_not_what_it_was_keeps_what_it_has(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, "A-1")
    _, payment = await _asks(ann, **_items("A-2", "A-3"))
    await house.execute("update booking_line set unit_price = 1 where booking_id = $1", ann.own.id)
    await _pays(house, ann, payment)
    await house.office.loops_run()
    assert _has(await ann.sees()) == [("A-1", 1)]
    assert await house.refunds() == [("booking_cancelled", PRICE)]
    await _is_whole(house, redis)


@pytest.mark.parametrize(
    ("before", "after", "left", "back"),
    [
        (500, 300, 500, 200),
        (500, 500, 500, 0),
        (500, 700, 500, 0),
        (500, 300, 350, 50),
        (500, 300, 200, 0),
        (0, 0, 0, 0),
    ],
)
def test_what_goes_back_is_what_it_is_cheaper_by_and_never_more_than_there_is(
    before: int, after: int, left: int, back: int
) -> None:
    assert to_give_back(before, after, left) == back


async def test_asked_again_it_goes_on_and_asked_otherwise_it_begins_anew(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, "A-1")
    _, first = await _asks(ann, **_items("A-1", "A-2"))
    _, same = await _asks(ann, house.opens_office(), **_items("A-2", "A-1"))
    assert first is not None
    assert same is not None
    assert same.id == first.id
    _, other = await _asks(ann, **_items("A-1", "A-3"))
    assert other is not None
    assert other.booking != first.booking
    assert await house.booked_and_free("A-2") == (0, 1)
    assert await house.booked_and_free("A-3") == (1, 0)
    standing, payment = await _asks(ann, **_items("A-1"))  # as it is: nothing is to be changed any more
    assert (standing.change, payment) == (None, None)
    assert await house.booked_and_free("A-3") == (0, 1)
    with pytest.raises(Conflict):
        await house.office.payments.act(ann.caller, str(other.id), "succeed", delay_ms=0, twice=False)
    await _is_whole(house, redis)


async def test_a_change_is_withdrawn_by_cancelling_it(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, "A-1")
    _, payment = await _asks(ann, **_items("A-1", "A-2"))
    assert payment is not None
    withdrawn = await house.office.payments.cancel(ann.caller, str(payment.booking), release=False)
    assert (withdrawn.status, withdrawn.cancel_reason) == ("cancelled", "released")
    assert await ann.cart() is None
    assert (await ann.sees()).change is None
    await _is_whole(house, redis)


async def test_a_booking_that_is_cancelled_takes_its_change_along(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, "A-1")
    _, payment = await _asks(ann, **_items("A-1", "A-2"))
    await ann.cancels()
    await house.office.loops_run()
    assert payment is not None
    assert (await house.office.bookings.get(payment.booking)).status == "cancelled"
    assert await house.booked_and_free("A-2") == (0, 1)
    await _is_whole(house, redis)


async def test_what_is_paid_for_a_booking_that_is_gone_goes_back(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, "A-1")
    _, payment = await _asks(ann, **_items("A-1", "A-2"))
    assert payment is not None
    await house.office.hears_nothing()
    await house.office.payments.act(ann.caller, str(payment.id), "succeed", delay_ms=0, twice=False)
    await house.office.payments.refund(OWNER, str(ann.own.id), None, "")
    await house.office.payments.settle(payment.id)
    await house.office.loops_run(3)
    assert await ann.status() == ("cancelled", "refunded")
    assert [amount for _, amount in await house.refunds()] == [PRICE, PRICE]
    assert await house.booked_and_free("A-2") == (0, 1)
    await _is_whole(house, redis)


async def test_of_two_changes_and_a_cancel_at_once_one_state_comes_out(house: House, redis: Redis) -> None:
    other = house.opens_office()
    for name in ("ann", "amy", "ada"):
        ann = await _confirmed(house, "A-1", name=name)
        await asyncio.gather(
            _tried(_asks(ann, **_items("A-2"))),
            _tried(_asks(ann, other, **_items("A-3"))),
            *([_tried(ann.cancels())] if name == "ada" else []),
        )
        await house.office.loops_run()
        seen = await ann.sees()
        if seen.status == "confirmed":
            assert len(seen.lines) == 1
            await ann.cancels()
            await house.office.refunds_run()
        await _is_whole(house, redis)


async def test_two_who_want_each_others_place_and_a_third(house: House, redis: Redis) -> None:
    ann, ben = await _confirmed(house, "A-1"), await _confirmed(house, "A-2", name="ben")
    await asyncio.gather(_tried(_asks(ann, **_items("A-3"))), _tried(_asks(ben, **_items("A-3"))))
    has = {slot for buyer in (ann, ben) for slot, _ in _has(await buyer.sees())}
    assert len(has) == 2
    assert "A-3" in has
    await _is_whole(house, redis)


async def test_a_disputed_begun_unpaid_or_ended_booking_is_not_changed(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    with pytest.raises(Conflict, match="pending"):
        await _asks(ann, **_items("A-2"))
    await ann.pays()
    await Bank(house).asks_back(ann.attempt.id)
    with pytest.raises(Conflict, match="dispute"):
        await _asks(ann, **_items("A-2"))
    ben = await _confirmed(house, "A-2", name="ben")
    await house.execute("update booking set starts_at = now() where id = $1", ben.own.id)
    with pytest.raises(Conflict, match="begun"):
        await _asks(ben, **_items("A-3"))
    await ben.cancels()
    with pytest.raises(Conflict, match="cancelled"):
        await _asks(ben, **_items("A-3"))
    cem = await _confirmed(house, "A-3", name="cem")
    await house.execute("update booking set status = 'completed' where id = $1", cem.own.id)
    with pytest.raises(Conflict, match="completed"):
        await _asks(cem, **_items("A-4"))


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({}, BadRequest),
        ({"quantity": 1, **_items("A-2")}, BadRequest),
        (_items(), BadRequest),
        (_items("A-2", "A-2"), BadRequest),
        (_items("Z-9"), UnknownSlot),
        (_items("A-2", quantity=0), InvalidFields),
        (_items("A-2", quantity=2), LimitExceeded),
        ({"quantity": 0}, InvalidFields),
        ({"quantity": -1}, InvalidFields),
        ({"range": ("2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z")}, InvalidRange),
    ],
)
async def test_what_cannot_be_asked_changes_nothing(
    house: House, wanted: dict[str, Any], error: type[HoldfastError]
) -> None:
    ann = await _confirmed(house, "A-1")
    with pytest.raises(error):
        await _asks(ann, **wanted)
    assert await house.value("select count(*) from booking") == 1


async def test_only_its_buyer_changes_it(house: House) -> None:
    ann = await _confirmed(house, "A-1")
    for caller in (OWNER, Caller(session="x", user="x")):
        with pytest.raises(NotFound):
            await house.office.payments.changes.change(
                caller, str(ann.own.id), ChangeRequest(**_items("A-2"))
            )


async def test_where_an_owner_approves_nothing_is_added_without_a_word(house: House, redis: Redis) -> None:
    await house.sells(["T"], resource="tour", capacity=5)
    ann = await _confirmed(house, "T", quantity=2, resource="tour")
    await house.execute("""update resource set policy = '{"approval_seconds": 600}' where id = 'tour'""")
    office = house.opens_office()
    with pytest.raises(Conflict, match="approves"):
        await _asks(ann, office, quantity=3)
    changed, _ = await _asks(ann, office, quantity=1)
    assert _has(changed) == [("T", 1)]
    await _is_whole(house, redis, ["tour"])


async def test_nobody_names_more_people_than_places_are_left(house: House) -> None:
    await house.sells(["T"], resource="tour", capacity=5)
    ann = await _confirmed(house, "T", quantity=2, resource="tour")
    await house.execute("""update booking set attendees = '[{"name": "Ann"}, {"name": "Ben"}]'""")
    with pytest.raises(InvalidFields):
        await _asks(ann, quantity=1)
    assert _has(await ann.sees()) == [("T", 2)]


async def test_no_more_than_one_may_have_at_a_time(house: House) -> None:
    await house.sells(["T"], resource="tour", capacity=9, policy=HoldPolicy(max_hold_items=3))
    ann = await _confirmed(house, "T", resource="tour")
    with pytest.raises(LimitExceeded):
        await _asks(ann, quantity=4)


async def test_what_would_cost_nothing_is_no_change(house: House) -> None:
    await house.sells(["A-5"], resource="gift")
    ann = await _confirmed(house, "A-1")
    await _prices(house, "A-2", 0)
    ann.office = house.office
    with pytest.raises(Conflict, match="nothing"):
        await _asks(ann, **_items("A-2"))


async def test_what_costs_nothing_is_changed_for_nothing_or_paid_for_more(house: House, redis: Redis) -> None:
    await house.sells(["F-1", "F-2"], resource="free", price=0)
    ann = await _confirmed(house, "F-1", resource="free")
    changed, _ = await _asks(ann, **_items("F-2"))
    assert _has(changed) == [("F-2", 1)]
    await _prices(house, "F-1", 700, "free")
    ann.office = house.office
    _, payment = await _asks(ann, **_items("F-1"))
    await _pays(house, ann, payment)
    assert (_has(await ann.sees()), (await ann.sees()).total) == ([("F-1", 1)], 700)
    await _is_whole(house, redis, ["free"])


async def test_what_its_owner_gave_back_before_is_not_given_back_again(house: House, redis: Redis) -> None:
    await house.sells(["T"], resource="tour", capacity=5)
    ann = await _confirmed(house, "T", quantity=2, resource="tour")
    await house.office.payments.refund(OWNER, str(ann.own.id), PRICE + 500, "sorry")
    await house.office.refunds_run()
    await _asks(ann, quantity=1)
    await house.office.loops_run()
    assert await house.refunds() == [("by_owner", PRICE + 500)]
    assert await ann.status() == ("confirmed", "partially_refunded")
    await _is_whole(house, redis, ["tour"])


async def test_a_change_is_no_booking_of_its_own_to_anybody(house: House) -> None:
    ann = await _confirmed(house, "A-1")
    _, payment = await _asks(ann, **_items("A-1", "A-2"))
    assert payment is not None
    for caller in (ann.caller, OWNER):
        page = await house.office.bookings.page(caller, read_wanted({}))
        assert [each.id for each in page.items] == [ann.own.id]
    with pytest.raises(Conflict):
        await house.office.payments.changes.change(
            ann.caller, str(payment.booking), ChangeRequest(**_items("A-3"))
        )
    with pytest.raises(Conflict):
        await Transfers(house.database, house.office.bookings).offer(
            ann.caller, str(ann.own.id), OfferRequest()
        )
    told = await house.value("select count(*) from outbox where booking_id = $1", payment.booking)
    assert told == 0
    await house.execute("delete from outbox")
    await _pays(house, ann, payment)
    facts = await house.value("select facts from outbox where kind = 'booking_changed'")
    assert await house.value("select count(*) from outbox where booking_id = $1", payment.booking) == 0
    assert facts["data"]["was"] == ["A-1"]
    assert len(facts["things"]) == 2


async def test_what_is_paid_for_a_change_is_told_of_as_money_for_the_booking(house: House) -> None:
    ann = await _confirmed(house, "A-1")
    _, payment = await _asks(ann, **_items("A-1", "A-2"))
    assert payment is not None
    await house.execute("delete from outbox")
    await _pays(house, ann, payment)
    async with house.database.connection() as connection:
        told = await connection.fetch("select kind, booking_id, facts from outbox order by position")
    assert [(row["kind"], row["booking_id"]) for row in told] == [
        ("payment_succeeded", ann.own.id),
        ("booking_changed", ann.own.id),
    ]
    paid = told[0]["facts"]
    assert paid["reference"] == ann.own.reference
    assert paid["data"] == {"amount": PRICE, "note": FOR_A_CHANGE}
    assert [each["label"] for each in paid["things"]] == ["A-2"]


async def test_money_that_comes_twice_for_a_change_goes_back_after_it(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, "A-1")
    _, payment = await _asks(ann, **_items("A-1", "A-2"))
    assert payment is not None
    await house.office.hears_nothing()
    await house.office.payments.act(ann.caller, str(payment.id), "succeed", delay_ms=0, twice=True)
    await house.office.payments.settle(payment.id)
    await house.office.payments.changes.worker._work()
    assert len((await ann.sees()).lines) == 2
    house.clock.passes(30)
    await house.office.loops_run(3)  # the second is found by listing, and knows the change as its booking
    assert [reason for reason, _ in await house.refunds()] == ["paid_twice"]
    await _is_whole(house, redis)


@pytest.mark.parametrize("declined", [0, 2])
async def test_the_link_of_a_changes_share_says_that_it_is_paid(
    house: House, redis: Redis, declined: int
) -> None:
    ann = await _confirmed(house, "A-1")
    changing, payment = await _asks(ann, **_items("A-1", "A-2"))
    assert payment is not None
    payments = house.office.payments
    shares = [
        await payments.attempt(ann.caller, str(changing.change), amount, as_share=True)
        for amount in (1_000, PRICE - 1_000)
    ]
    ben, cleo = (Payer(house.office, str(each.id), LINKS.url(each.id).partition("#")[2]) for each in shares)
    for _ in range(declined):
        await ben.acts("decline")
        await house.office.money_moves()
    await ben.pays()
    as_it_was = await house.office.bookings.get(payment.booking)
    await cleo.pays()
    await payments.changes.worker._work()
    assert len((await ann.sees()).lines) == 2
    for payer in (ben, cleo):
        seen, booking, _ = await payments.open(payer.share, payer.secret)
        assert (seen.status, booking.id, booking.payment_status) == ("paid", ann.own.id, "paid")
    with pytest.raises(Conflict):  # who looked it up just before it was made
        await payments.attempts.of_share(as_it_was, shares[0].id)
    await _is_whole(house, redis)


async def test_with_redis_away_a_change_waits_and_is_made_later(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, "A-1")

    async def away() -> None:
        raise Unavailable("away")

    with pytest.raises(Unavailable):
        await _asks(ann, house.opens_office(around("holds", "retake", before=away)), **_items("A-2"))
    assert _has(await ann.sees()) == [("A-1", 1)]
    changed, _ = await _asks(ann, **_items("A-2"))
    assert _has(changed) == [("A-2", 1)]
    await _is_whole(house, redis)


async def test_a_free_change_redis_did_not_take_is_given_up_for_another(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, "A-1")
    with pytest.raises(Unavailable):
        await _asks(ann, _without_redis(house), **_items("A-2"))
    changed, payment = await _asks(ann, **_items("A-3"))
    assert (_has(changed), payment) == ([("A-3", 1)], None)
    assert await house.booked_and_free("A-2") == (0, 1)
    await _is_whole(house, redis)


async def test_a_free_change_is_not_made_while_redis_has_its_place_for_somebody_else(
    house: House, redis: Redis
) -> None:
    """PostgreSQL alone would let it have the place: nothing is paid by that before Redis has said yes."""
    ann, ben, away = await _confirmed(house, "A-1"), house.buyer("ben"), _without_redis(house)
    await ben.holds("A-2")
    with pytest.raises(Unavailable):
        await _asks(ann, away, **_items("A-2"))
    house.clock.passes(20)
    await away.loops_run()
    change = (await ann.sees()).change
    assert change is not None
    with pytest.raises(Unavailable):
        await away.payments.attempt(ann.caller, str(change))
    assert (await house.office.bookings.get(change)).status == "pending"

    with pytest.raises(Conflict, match="cancelled"):  # Redis is back
        await house.office.payments.attempt(ann.caller, str(change))

    seen = await ann.sees()
    assert (_has(seen), seen.change) == ([("A-1", 1)], None)
    await ben.books()
    await ben.pays()
    assert await ben.status() == ("confirmed", "paid")
    await _is_whole(house, redis)


async def test_a_free_change_that_redis_can_take_is_made_by_asking_to_pay_it(
    house: House, redis: Redis
) -> None:
    ann = await _confirmed(house, "A-1")
    with pytest.raises(Unavailable):
        await _asks(ann, _without_redis(house), **_items("A-2"))
    payment = await house.office.payments.attempt(ann.caller, str((await ann.sees()).change))
    assert payment.status == "paid"
    await house.office.payments.changes.worker._work()
    assert _has(await ann.sees()) == [("A-2", 1)]
    await _is_whole(house, redis)


async def test_the_provider_is_not_asked_for_a_change_that_is_refused(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, "A-1")
    await house.buyer("ben").holds("A-2")
    with pytest.raises(SlotTaken):
        await _asks(ann, **_items("A-1", "A-2"))
    house.clock.passes(20)
    await house.office.loops_run()
    assert await house.value("select count(*) from sandbox.intent") == 1
    await _is_whole(house, redis)


async def test_a_lost_redis_between_paying_and_changing_is_no_matter(house: House, redis: Redis) -> None:
    ann = await _confirmed(house, "A-1")
    _, payment = await _asks(ann, **_items("A-1", "A-2"))
    assert payment is not None
    await house.office.holds.load(HALL)
    await house.office.payments.act(ann.caller, str(payment.id), "succeed", delay_ms=0, twice=False)
    await house.office.money_moves()
    await house.office.holds.load(HALL)
    await house.office.payments.changes.worker._work()
    await _asks(ann, **_items("A-2"))
    await house.office.holds.load(HALL)
    assert _has(await ann.sees()) == [("A-2", 1)]
    await _is_whole(house, redis)


def _without_redis(house: House) -> Office:
    """A process whose Redis takes and confirms nothing."""

    async def away() -> None:
        raise Unavailable("away")

    takes, confirms = (around("holds", call, before=away) for call in ("retake", "confirm"))
    return house.opens_office(lambda name, part: takes(name, confirms(name, part)))


async def _tried(work: Awaitable[object]) -> None:
    with suppress(HoldfastError):
        await work
