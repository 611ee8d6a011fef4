"""The owner's word: nothing is charged, and nobody else has the place, until it is said."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from server.accounts.rules import Caller
from server.bookings.store import moment
from server.errors import Conflict, Forbidden, HoldfastError, NotFound, SlotTaken
from server.inventory.rules import HoldPolicy
from server.payments.provider import ProviderUnavailable
from tests.payments.approving import (
    DRIVE,
    OWNER,
    SECONDS,
    confirms,
    declines,
    is_awaited,
    is_taken_at_once,
    opens_drive,
    promise_breaks,
)
from tests.payments.bank import Bank
from tests.payments.between import around
from tests.payments.house import PRICE, Buyer, House


async def test_what_is_promised_waits_for_the_owner_and_is_taken_by_a_yes(house: House) -> None:
    await opens_drive(house)
    ann = await is_awaited(house)
    assert await ann.status() == ("pending", "authorized")
    assert ann.own.expires_at <= house.clock() + SECONDS * 1000
    assert await house.booked_and_free("P-1", DRIVE) == (1, 0)
    state = await house.office.holds.read(DRIVE)
    assert state.held[0] == 0  # booked, not held
    assert await house.value("select count(*) from sandbox.movement") == 0
    await house.is_whole(resources=[DRIVE])

    confirmed = await confirms(ann)

    assert (confirmed.status, confirmed.payment_status, confirmed.approval) == (
        "confirmed",
        "paid",
        "granted",
    )
    again = await confirms(ann, house.opens_office())
    assert again.version == confirmed.version
    assert await house.value("select count(*) from sandbox.movement") == 1
    await house.is_whole(resources=[DRIVE])


async def test_a_no_gives_promise_and_place_back(house: House) -> None:
    await opens_drive(house)
    ann = await is_awaited(house)
    declined = await declines(ann)
    assert (declined.status, declined.cancel_reason, declined.approval) == (
        "cancelled",
        "declined",
        "declined",
    )
    assert declined.payment_status == "failed"
    assert (await declines(ann)).version == declined.version
    assert await house.booked_and_free("P-1", DRIVE) == (0, 1)
    assert await house.refunds() == []
    with pytest.raises(Conflict):
        await confirms(ann)
    await house.is_whole(resources=[DRIVE])


async def test_silence_declines_at_the_deadline_whichever_process_is_left(house: House) -> None:
    await opens_drive(house)
    ann = await is_awaited(house)
    other = house.opens_office()
    house.clock.passes(SECONDS - 5)
    await other.loops_run()
    assert await ann.status() == ("pending", "authorized")
    house.clock.passes(6)
    await other.payments.closing.worker._work()
    seen = await ann.sees()
    assert (seen.status, seen.cancel_reason, seen.approval) == ("cancelled", "unanswered", "lapsed")
    assert await house.booked_and_free("P-1", DRIVE) == (0, 1)
    await house.is_whole(resources=[DRIVE])


async def test_a_yes_after_the_deadline_is_too_late_even_if_nobody_has_noticed_it(house: House) -> None:
    await opens_drive(house)
    ann = await is_awaited(house)
    house.clock.passes(SECONDS + 1)
    with pytest.raises(Conflict):
        await confirms(ann)
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "failed")
    await house.is_whole(resources=[DRIVE])


async def test_the_owner_has_no_longer_than_until_it_begins(house: House) -> None:
    await opens_drive(house)
    begins = house.clock() + 60_000
    await house.execute("update slot set starts_at = $1 where resource_id = $2", moment(begins), DRIVE)
    ann = house.buyer("ann")
    await ann.holds("P-1", resource=DRIVE)
    await ann.books()
    await house.execute("update booking set starts_at = $1", moment(begins))
    await ann.pays()
    assert (await ann.sees()).expires_at == begins


async def test_while_the_owner_thinks_the_buyer_may_give_it_up(house: House) -> None:
    await opens_drive(house)
    ann = await is_awaited(house)
    given_up = await ann.cancels()
    assert (given_up.status, given_up.cancel_reason, given_up.approval) == (
        "cancelled",
        "by_buyer",
        "withdrawn",
    )
    assert await ann.cart() is None
    assert await house.booked_and_free("P-1", DRIVE) == (0, 1)
    await house.is_whole(resources=[DRIVE])


async def test_nobody_else_gets_the_place_meanwhile(house: House) -> None:
    await opens_drive(house)
    await is_awaited(house)
    with pytest.raises(SlotTaken):
        await house.buyer("ben").holds("P-1", resource=DRIVE)
    await house.office.holds.load(DRIVE)  # all of Redis is lost
    with pytest.raises(SlotTaken):
        await house.buyer("ben").holds("P-1", resource=DRIVE)
    await house.is_whole(resources=[DRIVE])


async def test_who_may_say_it(house: House) -> None:
    await opens_drive(house)
    ann = await is_awaited(house)
    with pytest.raises(Forbidden):
        await house.office.payments.approving.confirm(ann.caller, str(ann.own.id))
    for stranger in (Caller(session="x"), Caller(session="x", user="other", roles=frozenset({"owner"}))):
        with pytest.raises(NotFound):
            await house.office.payments.approving.confirm(stranger, str(ann.own.id))
        with pytest.raises(NotFound):
            await house.office.payments.cancel(stranger, str(ann.own.id), release=False)
    assert (await ann.sees()).is_awaited


async def test_nothing_is_approved_of_before_it_is_paid(house: House) -> None:
    await opens_drive(house)
    ann = house.buyer("ann")
    await ann.holds("P-1", resource=DRIVE)
    await ann.books()
    with pytest.raises(Conflict):
        await confirms(ann)
    assert await ann.status() == ("pending", "pending")


async def test_without_a_need_for_approval_a_yes_changes_nothing(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    before = await ann.sees()
    assert before.approval is None
    assert (await confirms(ann)).version == before.version


async def test_of_yes_no_cancel_and_the_deadline_at_once_one_counts(house: House) -> None:
    await opens_drive(house)
    anns: list[Buyer] = []
    other = house.opens_office()
    for slot in ("P-1", "P-2", "P-3", "P-4"):
        ann = await is_awaited(house, slot, slot)
        house.clock.stands_at(ann.own.expires_at - (slot in {"P-1", "P-2"}))
        ways: list[Callable[[], Awaitable[object]]] = [
            partial(confirms, ann),
            partial(declines, ann, other),
            ann.cancels,
            other.payments.closing.worker._work,
            partial(other.payments.settle, ann.attempt.id),
        ]
        async with asyncio.timeout(60):
            await asyncio.gather(*(_insists(way) for way in ways))
        house.clock.stands_at(None)
        anns.append(ann)
    house.clock.passes(SECONDS + 60)  # beyond where it stood
    await house.office.loops_run(6)  # a yes that was followed by a cancel has money to go back
    ends = {await ann.status() for ann in anns}
    assert ends <= {("confirmed", "paid"), ("cancelled", "failed"), ("cancelled", "refunded")}
    await house.is_whole(resources=[DRIVE])


async def _insists(way: Callable[[], Awaitable[object]]) -> None:
    """Ask until it is done or refused for good: who comes while others have the rows is told to ask later."""
    refused = True
    while refused:
        try:
            await way()
        except HoldfastError as error:
            refused = error.retry == "later"
        else:
            refused = False


async def test_a_promise_that_breaks_while_the_owner_thinks_ends_it(house: House) -> None:
    await opens_drive(house)
    ann = await is_awaited(house)
    await promise_breaks(house, ann)
    house.clock.passes(3000)
    await house.office.loops_run()
    seen = await ann.sees()
    assert (seen.status, seen.cancel_reason, seen.approval) == ("cancelled", "payment_failed", "withdrawn")
    assert await house.booked_and_free("P-1", DRIVE) == (0, 1)
    await house.is_whole(resources=[DRIVE])


async def test_a_yes_to_a_promise_that_is_gone_confirms_nothing(house: House) -> None:
    await opens_drive(house)
    ann = await is_awaited(house)
    await promise_breaks(house, ann)
    refused = await confirms(ann)
    assert (refused.status, refused.cancel_reason) == ("cancelled", "payment_failed")
    assert await house.booked_and_free("P-1", DRIVE) == (0, 1)
    await house.is_whole(resources=[DRIVE])


async def test_a_promise_that_breaks_at_capture_takes_the_booking_with_it(house: House) -> None:
    await opens_drive(house)
    ann = await is_awaited(house)

    async def breaks() -> None:
        await promise_breaks(house, ann)

    ended = await confirms(ann, house.opens_office(around("provider", "capture", before=breaks)))
    assert (ended.status, ended.cancel_reason, ended.approval) == ("cancelled", "payment_failed", "granted")
    assert await house.booked_and_free("P-1", DRIVE) == (0, 1)
    await house.is_whole(resources=[DRIVE])


async def test_money_that_was_taken_at_once_goes_back_in_full_with_a_no(house: House) -> None:
    await opens_drive(house)
    ann = house.buyer("ann")
    await ann.holds("P-1", resource=DRIVE)
    await ann.books()
    await is_taken_at_once(house, ann)
    ann.booking = await ann.sees()
    assert ann.own.is_awaited
    assert await ann.status() == ("pending", "paid")
    await house.is_whole(resources=[DRIVE])
    await declines(ann)
    await house.office.refunds_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert await house.refunds() == [("booking_cancelled", PRICE)]
    await house.is_whole(resources=[DRIVE])


@pytest.mark.parametrize("outcome", ["won", "lost"])
async def test_a_dispute_while_the_owner_thinks_ends_it_and_the_money_is_the_buyers(
    house: House, outcome: str
) -> None:
    await opens_drive(house)
    ann = house.buyer("ann")
    await ann.holds("P-1", resource=DRIVE)
    await ann.books()
    await is_taken_at_once(house, ann)
    bank = Bank(house)
    await bank.asks_back(ann.attempt.id)
    seen = await ann.sees()
    assert (seen.status, seen.payment_status, seen.cancel_reason) == ("cancelled", "disputed", "disputed")
    with pytest.raises(Conflict):
        await confirms(ann)
    await bank.decides(ann.attempt.id, outcome)  # type: ignore[arg-type]  # one of the two
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    await house.is_whole(resources=[DRIVE])


async def test_all_shares_are_promised_then_awaited_and_taken_or_given_back_together(house: House) -> None:
    await opens_drive(house)
    for slot, word in (("P-1", confirms), ("P-2", declines)):
        ann = house.buyer(slot)
        await ann.holds(slot, resource=DRIVE)
        await ann.books()
        ben = await ann.splits(1_000)
        await ben.pays()
        assert (await ann.sees()).is_open
        await ann.pays_the_rest()
        seen = await ann.sees()
        assert (seen.is_awaited, seen.payment_status, seen.owed) == (True, "authorized", 0)
        with pytest.raises(Conflict):
            await ann.splits(1)
        await word(ann)
        wanted = ("confirmed", "paid") if word is confirms else ("cancelled", "failed")
        assert await ann.status() == wanted
        assert await ben.status() == wanted[1]
    await house.is_whole(resources=[DRIVE])


async def test_what_costs_nothing_waits_too(house: House) -> None:
    await opens_drive(house, price=0)
    ann = await is_awaited(house)
    assert (await confirms(ann)).status == "confirmed"
    ben = await is_awaited(house, "ben", "P-2")
    assert (await declines(ben)).cancel_reason == "declined"
    await house.is_whole(resources=[DRIVE])


async def test_money_that_comes_too_late_asks_nobody_and_goes_back(house: House) -> None:
    await opens_drive(house)
    ann = house.buyer("ann")
    await ann.holds("P-1", resource=DRIVE)
    await ann.books()
    await ann.acts("succeed", delay=house.settings.payment_seconds + 10)
    await house.expires(ann)
    house.clock.passes(10)
    await house.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert await house.value("select approval from booking") is None
    await house.is_whole(resources=[DRIVE])


async def test_who_pays_at_the_deadline_of_paying_is_awaited_not_released(house: House) -> None:
    """The closing loop had read the booking as unpaid."""
    await opens_drive(house)
    ann = house.buyer("ann")
    await ann.holds("P-1", resource=DRIVE)
    await ann.books()
    await house.office.hears_nothing()
    await ann.acts("succeed")
    await house.expires(ann)
    assert (await ann.sees()).is_awaited
    await house.is_whole(resources=[DRIVE])


async def test_paid_twice_while_the_owner_thinks_one_goes_back_and_the_other_waits(house: House) -> None:
    await opens_drive(house)
    ann = house.buyer("ann")
    await ann.holds("P-1", resource=DRIVE)
    await ann.books()
    await ann.pays(twice=True)
    await house.office.loops_run()
    assert (await ann.sees()).is_awaited
    await confirms(ann)
    await house.office.loops_run()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole(resources=[DRIVE])


async def test_a_yes_counts_although_the_provider_is_away_just_then(house: House) -> None:
    async def away() -> None:
        raise ProviderUnavailable

    await opens_drive(house)
    ann = await is_awaited(house)
    granted = await confirms(ann, house.opens_office(around("provider", "fetch", before=away)))
    assert (granted.status, granted.approval) == ("pending", "granted")
    with pytest.raises(Conflict):
        await ann.cancels()
    with pytest.raises(Conflict):
        await declines(ann)
    house.clock.passes(SECONDS + 20)  # the deadline means nothing any more
    await house.opens_office().payments.closing.worker._work()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole(resources=[DRIVE])


async def test_a_policy_that_changes_meanwhile_changes_nothing_for_whoever_was_asked(house: House) -> None:
    await opens_drive(house)
    ann = await is_awaited(house)
    await house.execute("update resource set policy = '{}'")
    office = house.opens_office()
    await office.payments.settle(ann.attempt.id)
    assert (await ann.sees()).is_awaited
    assert (await confirms(ann, office)).status == "confirmed"


async def test_the_shortest_of_several_places_deadlines_counts(house: House) -> None:
    await opens_drive(house, 1)
    await house.sells(["Q-1"], resource="other", policy=HoldPolicy(approval_seconds=600))
    ann = house.buyer("ann")
    await ann.holds("P-1", resource=DRIVE)
    await ann.holds("Q-1", resource="other")
    await ann.books()
    await ann.pays()
    assert (await ann.sees()).expires_at <= house.clock() + 600_000
    assert OWNER.user == (await ann.sees()).owner


async def test_what_is_paid_by_another_page_while_the_first_is_closed_is_awaited(house: House) -> None:
    """Its buyer cancels just then: the places are the owner's question by now, and not given up."""
    await opens_drive(house)
    ann = house.buyer("ann")
    await ann.holds("P-1", resource=DRIVE)
    await ann.books()

    async def pays_elsewhere() -> None:
        assert ann.attempt.intent is not None
        first = await house.office.sandbox.fetch(ann.attempt.intent)
        async with house.database.transaction() as connection:
            await house.office.sandbox._charge_again(connection, first)
        second = await house.value("select id from sandbox.intent where id <> $1", first.id)
        await house.office.payments.heard("sandbox", second)

    closing = house.opens_office(around("provider", "cancel", after=pays_elsewhere))
    with pytest.raises(Conflict):
        await closing.payments.cancel(ann.caller, str(ann.own.id), release=False)
    assert (await ann.sees()).is_awaited
    assert await house.booked_and_free("P-1", DRIVE) == (1, 0)
    await house.is_whole(resources=[DRIVE])
