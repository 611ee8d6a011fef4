"""Refunds that go wrong at Stripe: they come back days later, or can't be made at all."""

from server.accounts.rules import Caller
from tests.payments.house import PRICE
from tests.payments.stripe_house import StripeBuyer, StripeHouse

OWNER = Caller(session="", user="owner")
PART = 700


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


async def test_of_two_refunds_only_the_one_that_came_back_is_made_again(stripe_house: StripeHouse) -> None:
    house = stripe_house
    ann = await _paid(house)
    for amount in (PART, 300):
        await house.office.payments.refund(OWNER, str(ann.own.id), amount, "as agreed")
        await _ends(house)

    await _comes_back(house)

    assert sorted(await _rows(house)) == [(300, "succeeded"), (PART, "failed"), (PART, "succeeded")]
    assert (await ann.sees()).refunded == PART + 300


async def _paid(house: StripeHouse) -> StripeBuyer:
    ann = house.buyer("ann")
    await ann.holds("A-1")
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
