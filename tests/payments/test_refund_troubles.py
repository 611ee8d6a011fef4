"""Refunds that go wrong at Stripe: they come back days later, or can't be made at all."""

from uuid import UUID

import pytest

from server.accounts.rules import Caller
from server.errors import InvalidFields
from server.inventory.rules import HoldPolicy, RefundTier, ResourceDraft, SlotDraft
from server.payments import refund_store
from server.payments.refunds import ALERT_AFTER
from tests.payments.between import around
from tests.payments.house import HALL, PRICE, House
from tests.payments.stripe_house import StripeBuyer, StripeHouse

OWNER = Caller(session="", user="owner")
PART = 700
DINARS = 10_000


async def test_a_part_that_comes_back_days_later_is_given_back_again(stripe_house: StripeHouse) -> None:
    house = stripe_house
    ann = await _paid(house)
    await house.office.payments.refund(OWNER, str(ann.own.id), PART, "as agreed")
    await _ends(house)
    assert await _rows(house) == [(PART, "succeeded")]

    await _comes_back(house)

    assert await _rows(house) == [(PART, "failed"), (PART, "succeeded")]
    assert (await ann.sees()).refunded == PART
    assert await ann.status() == ("confirmed", "partially_refunded")
    assert house.stripe.ledger[ann.intent].kept == PRICE - PART


async def test_all_of_it_that_comes_back_days_later_is_given_back_again(stripe_house: StripeHouse) -> None:
    house = stripe_house
    ann = await _paid(house)
    await ann.cancels()
    await _ends(house)
    assert await ann.status() == ("cancelled", "refunded")

    await _comes_back(house)

    assert await _rows(house) == [(PRICE, "failed"), (PRICE, "succeeded")]
    assert await ann.status() == ("cancelled", "refunded")
    await house.is_whole()


async def test_of_what_stays_nothing_goes_back_though_a_refund_came_back(stripe_house: StripeHouse) -> None:
    house = stripe_house
    policy = HoldPolicy(refund=(RefundTier(hours=0, percent=60),))
    await house.sells(["P-1"], resource="policy", policy=policy)
    ann = await _paid(house, "P-1", "policy")
    await ann.cancels()
    await _ends(house)

    await _comes_back(house)

    assert await _rows(house) == [(1_500, "failed"), (1_500, "succeeded")]
    assert await ann.status() == ("cancelled", "partially_refunded")
    assert house.stripe.ledger[ann.intent].kept == PRICE - 1_500


async def test_of_two_refunds_only_the_one_that_came_back_is_made_again(stripe_house: StripeHouse) -> None:
    house = stripe_house
    ann = await _paid(house)
    for amount in (PART, 300):
        await house.office.payments.refund(OWNER, str(ann.own.id), amount, "as agreed")
        await _ends(house)

    await _comes_back(house)

    assert sorted(await _rows(house)) == [(300, "succeeded"), (PART, "failed"), (PART, "succeeded")]
    assert (await ann.sees()).refunded == PART + 300


@pytest.mark.parametrize("amount", [1_235, 5])
async def test_a_part_that_stripe_has_no_such_amount_of_is_refused_at_once(
    stripe_house: StripeHouse, amount: int
) -> None:
    house = stripe_house
    ann = await _paid_in_dinars(house)
    with pytest.raises(InvalidFields) as refused:
        await house.office.payments.refund(OWNER, str(ann.own.id), amount, "as agreed")
    assert "steps of 10" in (refused.value.errors or [])[0].message
    assert await _rows(house) == []
    await house.office.payments.refund(OWNER, str(ann.own.id), 1_230, "as agreed")
    await _ends(house)
    assert await _rows(house) == [(1_230, "succeeded")]


async def test_what_stripe_can_never_be_asked_for_is_dropped_and_told(
    stripe_house: StripeHouse, capsys: pytest.CaptureFixture[str]
) -> None:
    house = stripe_house
    ann = await _paid_in_dinars(house)
    await _owes_a_part(house, ann, 1_235)
    await _ends(house)
    assert await _rows(house) == [(1_235, "dropped")]
    assert "refund_impossible" in capsys.readouterr().out
    await ann.cancels()
    await _ends(house)
    assert await _rows(house) == [(1_235, "dropped"), (DINARS, "succeeded")]
    assert await ann.status() == ("cancelled", "refunded")


async def test_all_of_it_takes_the_place_of_a_part_that_was_never_made(stripe_house: StripeHouse) -> None:
    house = stripe_house
    ann = await _paid(house)
    await _owes_a_part(house, ann, PART)
    await ann.cancels()
    await _ends(house)
    assert await _rows(house) == [(PART, "dropped"), (PRICE, "succeeded")]
    assert await ann.status() == ("cancelled", "refunded")
    await house.is_whole()


async def test_a_part_under_way_while_all_is_given_back_is_made_once_and_the_rest_besides(
    stripe_house: StripeHouse,
) -> None:
    house = stripe_house
    ann = await _paid(house)
    await _owes_a_part(house, ann, PART)

    async def cancels() -> None:
        if (await ann.sees()).status == "confirmed":
            await ann.cancels()

    slow = house.opens_office(around("provider", "refund", after=cancels))
    await slow.payments.refunds.worker._work()
    await _ends(house)
    await _ends(house)

    assert sum(amount for amount, status in await _rows(house) if status == "succeeded") == PRICE
    assert await ann.status() == ("cancelled", "refunded")
    await house.is_whole()


async def test_what_has_just_been_given_back_is_not_given_back_again_before_it_is_noted(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    money = house.office.payments
    await money.refund(OWNER, str(ann.own.id), PRICE - PART, "")
    settle, met = money.refunds._settle, []

    async def meanwhile(payment: UUID) -> None:
        with pytest.raises(InvalidFields):
            await money.refund(OWNER, str(ann.own.id), PART + 1, "")
        met.append(payment)
        await settle(payment)

    money.refunds._settle = meanwhile
    await house.office.refunds_run()
    assert met == [ann.attempt.id]
    await money.refund(OWNER, str(ann.own.id), PART, "")


async def test_a_refund_whose_provider_is_not_served_any_more_waits_and_is_told(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    await house.office.payments.refund(OWNER, str(ann.own.id), PART, "")
    await house.execute("update payment set provider = 'gone'")
    for _ in range(ALERT_AFTER):
        await house.office.refunds_run()
        house.clock.passes(3_600)
    assert await house.value("select last_error from refund") == "payments by gone are not served here"
    assert "refund_stuck" in capsys.readouterr().out
    await house.execute("update payment set provider = 'sandbox'")
    await house.office.refunds_run()
    assert await house.refunds() == [("by_owner", PART)]


async def _paid_in_dinars(house: StripeHouse) -> StripeBuyer:
    """Ten dinars of a thousand fils, of which Stripe takes tens."""
    slots = (SlotDraft(id="K-1", label="K-1", capacity=1, price=DINARS),)
    await house.office.inventory.create(
        ResourceDraft(
            id="dinars",
            kind="seats",
            title="Dinars",
            owner="owner",
            time_zone="Asia/Kuwait",
            currency="kwd",
            policy=HoldPolicy(),
            slots=slots,
        )
    )
    return await _paid(house, "K-1", resource="dinars")


async def _owes_a_part(house: StripeHouse, ann: StripeBuyer, amount: int) -> None:
    """As it stands before anybody has tried to make it."""
    async with house.database.connection() as connection:
        await refund_store.owe(
            connection, ann.attempt.id, "part:x", amount, reason="by_owner", now=house.clock()
        )


async def _paid(house: StripeHouse, slot: str = "A-1", resource: str = HALL) -> StripeBuyer:
    ann = house.buyer("ann")
    await ann.holds(slot, resource=resource)
    await ann.books()
    await ann.pays()
    await house.hears_all()
    assert await ann.status() == ("confirmed", "paid")
    return ann


async def _ends(house: StripeHouse) -> None:
    """What is owed is made, and heard of."""
    await house.office.refunds_run()
    await house.hears_all()


async def _comes_back(house: StripeHouse) -> None:
    """The first refund; and then it is tried again."""
    house.clock.passes(3 * 86_400)
    made = await house.value("select provider_id from refund order by created_at limit 1")
    house.stripe.dashboard.refund_fails(made)
    await house.hears_all()
    for _ in range(3):
        house.clock.passes(20)
        await house.office.loops_run(1)
        await house.hears_all()


async def _rows(house: StripeHouse) -> list[tuple[int, str]]:
    async with house.database.connection() as connection:
        rows = await connection.fetch("select amount, status from refund order by created_at, status")
    return [(row["amount"], row["status"]) for row in rows]
