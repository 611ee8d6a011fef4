"""The buyer's bank asks for the money back: what becomes of booking, places and refunds."""

from collections.abc import Callable
from typing import Literal, get_args
from uuid import UUID

import pytest

from server.accounts.rules import Caller
from server.errors import Conflict
from server.inventory.rules import DisputePolicy, HoldPolicy
from server.payments.provider import ProviderRefused, ProviderUnavailable
from tests.payments.bank import Bank
from tests.payments.house import PRICE, Buyer, House

OWNER = Caller(session="", user="owner")
POLICIES = get_args(DisputePolicy)


async def _paid(house: House, policy: DisputePolicy, *slots: str) -> Buyer:
    await house.sells(slots or ("D-1",), resource="disputed", policy=HoldPolicy(dispute=policy))
    ann = house.buyer("ann")
    await ann.holds(*(slots or ("D-1",)), resource="disputed")
    await ann.books()
    await ann.pays()
    return ann


@pytest.mark.parametrize("policy", POLICIES)
async def test_while_a_dispute_is_open_booking_and_payment_say_so_and_nothing_is_refunded(
    house: House, policy: DisputePolicy
) -> None:
    ann, bank = await _paid(house, policy), Bank(house)
    await bank.asks_back(ann.attempt.id)
    gone = policy == "release_at_once"
    assert await ann.status() == ("cancelled" if gone else "confirmed", "disputed")
    assert await ann.paid() == "disputed"
    assert (await ann.sees()).cancel_reason == ("disputed" if gone else None)
    assert await house.booked_and_free("D-1", "disputed") == ((0, 1) if gone else (1, 0))
    if not gone:
        with pytest.raises(Conflict):
            await house.office.payments.refund(OWNER, str(ann.own.id), None, "")
        with pytest.raises(Conflict):
            await house.office.payments.refund(OWNER, str(ann.own.id), 1, "")
        with pytest.raises(Conflict):
            await ann.cancels()
    house.clock.passes(4_000)
    await house.office.loops_run(3)
    assert await house.refunds() == []
    assert await house.value("select count(*) from sandbox.movement where kind = 'refund'") == 0


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_dispute_that_is_won_leaves_the_payment_as_it_was(
    house: House, policy: DisputePolicy
) -> None:
    ann, bank = await _paid(house, policy), Bank(house)
    await bank.asks_back(ann.attempt.id)
    await bank.decides(ann.attempt.id, "won")
    await house.office.loops_run()
    if policy == "release_at_once":  # the places are gone, so the money goes back after all
        assert await ann.status() == ("cancelled", "refunded")
        assert await house.refunds() == [("booking_cancelled", PRICE)]
    else:
        assert await ann.status() == ("confirmed", "paid")
        assert await house.refunds() == []
    await house.is_whole(resources=["disputed"])


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_dispute_that_is_lost_is_a_refund_by_the_bank_and_never_one_of_ours(
    house: House, policy: DisputePolicy
) -> None:
    ann, bank = await _paid(house, policy), Bank(house)
    await bank.asks_back(ann.attempt.id)
    await bank.decides(ann.attempt.id, "lost")
    await house.office.loops_run()
    stays = policy == "keep"
    assert await ann.status() == ("confirmed" if stays else "cancelled", "refunded")
    assert (await ann.sees()).cancel_reason == (None if stays else "disputed")
    assert (await ann.sees()).refunded == PRICE
    assert await house.booked_and_free("D-1", "disputed") == ((1, 0) if stays else (0, 1))
    assert await house.refunds() == []
    await house.is_whole(resources=["disputed"])


async def test_a_dispute_whose_beginning_and_end_are_heard_at_once_ends_the_same(house: House) -> None:
    ann, bank = await _paid(house, "release_when_lost"), Bank(house)
    await house.office.hears_nothing()
    await bank.asks_back(ann.attempt.id)
    await bank.decides(ann.attempt.id, "lost")
    await house.office.payments.settle(ann.attempt.id)
    assert await ann.status() == ("cancelled", "refunded")
    await house.is_whole(resources=["disputed"])


async def test_with_every_event_lost_a_dispute_is_known_within_90_seconds(house: House) -> None:
    ann, bank = await _paid(house, "release_at_once"), Bank(house)
    await house.office.hears_nothing()
    await bank.asks_back(ann.attempt.id)
    for _ in range(6):
        house.clock.passes(15)
        await house.office.loops_run(1)
    assert await ann.status() == ("cancelled", "disputed")


async def test_after_a_partial_refund_a_won_dispute_leaves_it_partial(house: House) -> None:
    ann, bank = await _paid(house, "release_when_lost"), Bank(house)
    await house.office.payments.refund(OWNER, str(ann.own.id), 500, "")
    await house.office.loops_run()
    assert await ann.status() == ("confirmed", "partially_refunded")
    await bank.asks_back(ann.attempt.id)
    assert await ann.status() == ("confirmed", "disputed")
    await bank.decides(ann.attempt.id, "won")
    assert await ann.status() == ("confirmed", "partially_refunded")
    await house.is_whole(resources=["disputed"])


async def test_a_refund_that_is_owed_waits_for_the_end_of_a_dispute(house: House) -> None:
    ann, bank = await _paid(house, "keep"), Bank(house)
    sandbox = house.office.sandbox
    refund = sandbox.refund
    sandbox.refund = _away()  # type: ignore[method-assign,assignment]  # a fault
    await house.office.payments.refund(OWNER, str(ann.own.id), 500, "")
    await house.office.refunds_run()
    await bank.asks_back(ann.attempt.id)
    sandbox.refund = refund  # type: ignore[method-assign]  # the fault's end
    house.clock.passes(60)
    await house.office.loops_run()
    assert await house.refunds() == []
    assert await house.value("select attempts from refund") == 1  # nobody even asks
    await bank.decides(ann.attempt.id, "won")
    house.clock.passes(4_000)
    await house.office.loops_run()
    assert await house.refunds() == [("by_owner", 500)]
    assert await ann.status() == ("confirmed", "partially_refunded")
    await house.is_whole(resources=["disputed"])


async def test_a_dispute_we_have_not_heard_of_keeps_a_refund_waiting_too(house: House) -> None:
    ann, bank = await _paid(house, "keep"), Bank(house)
    await house.execute("update sandbox.intent set dispute = 'open'")
    await house.office.payments.refund(OWNER, str(ann.own.id), 500, "")
    await house.office.refunds_run()
    assert await ann.status() == ("confirmed", "disputed")
    await bank.decides(ann.attempt.id, "lost")
    house.clock.passes(4_000)
    await house.office.loops_run()
    assert await house.refunds() == []
    assert await house.value("select status from refund") == "dropped"
    assert await ann.status() == ("confirmed", "refunded")
    await house.is_whole(resources=["disputed"])


async def test_one_disputed_share_ends_the_booking_and_gives_the_other_shares_back(house: House) -> None:
    await house.sells(["D-1", "D-2"], resource="disputed", policy=HoldPolicy(dispute="release_when_lost"))
    ann, bank = house.buyer("ann"), Bank(house)
    await ann.holds("D-1", "D-2", resource="disputed")
    await ann.books()
    ben = await ann.splits(PRICE)
    await ben.pays()
    await ann.pays_the_rest()
    assert await ann.status() == ("confirmed", "paid")
    await bank.asks_back(UUID(ben.share))
    assert await ann.status() == ("confirmed", "disputed")
    await bank.decides(UUID(ben.share), "lost")
    await house.office.loops_run(3)
    assert await ann.status() == ("cancelled", "refunded")
    assert await house.refunds() == [("booking_cancelled", PRICE)]
    await house.is_whole(resources=["disputed"])


@pytest.mark.parametrize("outcome", ["won", "lost"])
async def test_a_promise_that_breaks_while_another_share_is_disputed_ends_the_booking(
    house: House, outcome: Literal["won", "lost"]
) -> None:
    await house.sells(["D-1", "D-2"], resource="disputed", policy=HoldPolicy(dispute="keep"))
    ann, bank, sandbox = house.buyer("ann"), Bank(house), house.office.sandbox
    await ann.holds("D-1", "D-2", resource="disputed")
    await ann.books()
    ben = await ann.splits(PRICE)
    await ben.pays()
    capture = sandbox.capture

    async def lapses(intent: str, amount: int, key: str) -> object:
        if intent != ann.attempt.intent:
            return await capture(intent, amount, key)
        if (await ann.sees()).payment_status != "disputed":
            raise ProviderRefused("not now")
        return await sandbox.cancel(intent, key)

    sandbox.capture = lapses  # type: ignore[method-assign,assignment]  # a fault
    await ann.pays_the_rest()
    await house.office.loops_run()
    await bank.asks_back(UUID(ben.share))
    await house.office.payments.settle(ann.attempt.id)
    booking = await ann.sees()
    assert (booking.status, booking.cancel_reason, booking.payment_status) == (
        "cancelled",
        "payment_failed",
        "disputed",
    )
    await bank.decides(UUID(ben.share), outcome)
    await house.office.loops_run(3)
    assert await ann.status() == ("cancelled", "refunded")
    assert await house.refunds() == ([("booking_cancelled", PRICE)] if outcome == "won" else [])
    await house.is_whole(resources=["disputed"])


def _away() -> Callable[..., object]:
    async def away(*_: object) -> None:
        raise ProviderUnavailable

    return away
