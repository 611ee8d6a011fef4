"""Money at Stripe that comes twice, late, wrong or unheard of; asserted against Stripe's own ledger."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from server.payments.stripe.events import Ignored, read_event
from tests.fake_stripe import FakeStripe, Refused
from tests.payments.between import around
from tests.payments.faults import Killed
from tests.payments.house import PRICE
from tests.payments.stories import OWNER, STORIES, Story
from tests.payments.stripe_house import StripeBuyer, StripeHouse, receive


async def test_with_every_webhook_lost_all_is_right_within_90_seconds(stripe_house: StripeHouse) -> None:
    house = stripe_house
    anns: list[tuple[Story, StripeBuyer]] = []
    for story in STORIES:
        await house.sells(["A-1"], resource=story.hall)
        ann = await house.begins(story, story.name, "A-1")
        for step in story.steps:
            await step(house, ann)
        anns.append((story, ann))

    for _ in range(6):
        house.clock.passes(15)
        await house.office.loops_run(1)

    for story, ann in anns:
        assert await ann.status() == story.end, story.name
        assert house.kept(ann) == story.kept, story.name
    house.clock.passes(house.settings.payment_seconds)
    await house.office.loops_run()
    await house.is_whole(resources=[story.hall for story in STORIES])


async def test_a_payment_that_nobody_wrote_down_is_found_by_listing(stripe_house: StripeHouse) -> None:
    """The process died between Stripe's answer and its own note, and no event came either."""
    house = stripe_house
    ann = await _books(house, "ann", "A-1")
    await ann.pays()
    await house.execute("update payment set provider_id = null, client_secret = null, check_at = null")
    for _ in range(6):
        house.clock.passes(15)
        await house.office.loops_run(1)
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_a_payment_begun_by_who_died_of_it_is_not_begun_twice(stripe_house: StripeHouse) -> None:
    """The key is the same, so Stripe answers what it made for the dead one."""
    house = stripe_house
    dying = house.buyer("ann", house.opens_office(around("provider", "create", after=_dies)))
    await dying.holds("A-1")
    with suppress(Killed):
        await dying.books()
    assert len(house.stripe.ledger) == 1
    ann = house.buyer("ann")
    await ann.books()
    assert [ann.intent] == list(house.stripe.ledger)


async def test_a_part_is_not_given_back_twice_by_who_died_of_it(stripe_house: StripeHouse) -> None:
    house = stripe_house
    ann = await _books(house, "ann", "A-1")
    await ann.pays()
    await house.hears_all()
    await house.office.payments.refund(OWNER, str(ann.own.id), PRICE // 4, "")
    with suppress(Killed):
        await house.opens_office(around("provider", "refund", after=_dies)).refunds_run()
    assert house.stripe.ledger[ann.intent].refunded == PRICE // 4
    for _ in range(3):
        house.clock.passes(40)
        await house.office.refunds_run()
    assert house.stripe.ledger[ann.intent].refunded == PRICE // 4
    await house.hears_all()
    assert await ann.status() == ("confirmed", "partially_refunded")
    await house.is_whole()


async def test_two_tabs_get_one_payment(stripe_house: StripeHouse) -> None:
    house = stripe_house
    ann = house.buyer("ann")
    await ann.holds("A-1")
    tabs = [house.buyer("ann", house.opens_office()) for _ in range(4)]
    await asyncio.gather(*(tab.books() for tab in tabs))
    assert len({tab.intent for tab in tabs}) == 1
    assert len(house.stripe.ledger) == 1

    await tabs[0].pays()
    with pytest.raises(Refused):
        await tabs[1].pays()
    await asyncio.gather(*(tab.office.payments.settle(tab.attempt.id) for tab in tabs))

    assert await tabs[2].status() == ("confirmed", "paid")
    await house.is_whole()


async def test_two_tabs_that_pay_in_two_ways_pay_once(stripe_house: StripeHouse) -> None:
    """The page of the one is closed before the other's opens, so that only one can be paid."""
    house = stripe_house
    ann, same = await _books(house, "ann", "A-1"), house.buyer("ann")
    same.booking = ann.booking
    await same.goes_by("checkout")
    with pytest.raises(Refused):
        await ann.pays()
    await same.pays()
    await ann.goes_by("element")
    assert ann.attempt.id == same.attempt.id  # it is paid: there is nothing to open
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_a_second_payment_goes_back_and_does_not_cancel_the_booking(stripe_house: StripeHouse) -> None:
    house = stripe_house
    ann = await _books(house, "ann", "A-1")
    await ann.pays()
    twin = await _intent_like(house, ann)
    await house.stripe.pay(twin, "bank")
    await house.stripe.succeed(twin)

    await house.hears_all()

    assert await ann.status() == ("confirmed", "paid")
    assert house.stripe.ledger[twin].kept == 0
    assert await house.owed() == [("paid_twice", PRICE)]
    await house.is_whole()


async def test_a_second_authorisation_is_given_back_unrefunded(stripe_house: StripeHouse) -> None:
    house = stripe_house
    ann = await _books(house, "ann", "A-1")
    await ann.pays()
    twin = await _intent_like(house, ann)
    await house.stripe.pay(twin)

    await house.hears_all()

    assert await ann.status() == ("confirmed", "paid")
    assert (house.stripe.ledger[twin].held, house.stripe.ledger[twin].captured) == (0, 0)
    assert await house.refunds() == []
    await house.is_whole()


async def test_a_payment_for_anothers_booking_confirms_nothing(stripe_house: StripeHouse) -> None:
    """It names a payment and a booking that do not belong together."""
    house = stripe_house
    ann, ben = await _books(house, "ann", "A-1"), await _books(house, "ben", "A-2")
    foreign = await _intent_like(house, ann, booking=str(ben.own.id))
    await house.stripe.pay(foreign)

    await house.hears_all()

    assert await ann.status() == ("pending", "pending")
    assert await ben.status() == ("pending", "pending")
    assert house.stripe.ledger[foreign].captured == 0
    assert await house.value("select count(*) from payment") == 2


@pytest.mark.parametrize("change", [{"amount": PRICE - 1}, {"amount": PRICE + 1}, {"currency": "usd"}])
async def test_what_differs_from_the_priced_cart_is_flagged_and_never_taken(
    stripe_house: StripeHouse, change: dict[str, Any]
) -> None:
    house = stripe_house
    ann = await _books(house, "ann", "A-1")
    intent = house.stripe.intent(ann.intent)
    for name, value in change.items():
        setattr(intent, name, value)
    await ann.pays()

    await house.hears_all()
    assert await ann.status() == ("pending", "pending")
    (name,) = change
    assert await house.value("select flag from payment") == f"{name}_differs"

    await house.expires(ann)
    assert await ann.status() == ("cancelled", "failed")
    assert house.stripe.ledger[ann.intent].captured == 0
    assert await house.refunds() == []
    await house.is_whole()


async def test_what_was_taken_in_another_amount_goes_back_in_full(stripe_house: StripeHouse) -> None:
    house = stripe_house
    ann = await _books(house, "ann", "A-1")
    house.stripe.intent(ann.intent).amount = PRICE - 1
    await ann.pays(card="bank")
    await house.stripe.succeed(ann.intent)
    await house.hears_all()
    assert await ann.status() == ("pending", "pending")

    await house.expires(ann)
    await house.hears_all()

    assert (await ann.sees()).status == "cancelled"
    assert house.stripe.ledger[ann.intent].kept == 0
    assert await house.owed() == [("amount_differs", PRICE - 1)]
    await house.is_whole()


@pytest.mark.parametrize("change", [{"livemode": True}, {"account": "acct_other"}, {"context": "acct_other"}])
async def test_another_modes_or_accounts_event_is_none_of_ours(
    stripe_house: StripeHouse, change: dict[str, Any]
) -> None:
    house = stripe_house
    ann = await _books(house, "ann", "A-1")
    await ann.pays()
    for event in house.news():
        await receive(house.office.payments, event | change)
    await house.office.money_moves()
    assert await ann.status() == ("pending", "pending")
    assert await house.value("select count(*) from inbox") == 0


async def test_an_event_replayed_a_thousand_times_has_one_effect(stripe_house: StripeHouse) -> None:
    house = stripe_house
    ann = await _books(house, "ann", "A-1")
    await ann.pays()
    await house.hears_all()
    version, asked = (await ann.sees()).version, len(house.stripe.requests)
    event = house.stripe.events[-1]
    for _ in range(100):
        await asyncio.gather(*(receive(house.office.payments, event) for _ in range(10)))
    await house.office.money_moves()

    assert (await ann.sees()).version == version
    assert len(house.stripe.requests) == asked
    assert [kind for kind in _movements(house.stripe) if kind == "captured"] == ["captured"]
    await house.is_whole()


async def test_the_keys_of_the_same_call_are_the_same_and_of_others_others(stripe_house: StripeHouse) -> None:
    """R28: over everything that was asked in a story with every kind of call."""
    house = stripe_house
    ann = await _books(house, "ann", "A-1")
    await ann.pays()
    await house.hears_all()
    await ann.cancels()
    await house.office.refunds_run()
    ben = await _books(house, "ben", "A-2")
    await ben.cancels(release=True)
    posts = [asked for asked in house.stripe.requests if asked.method == "POST"]
    assert len(posts) >= 5
    by_key: dict[str, set[str]] = {}
    for asked in posts:
        assert asked.key, asked
        by_key.setdefault(asked.key, set()).add(f"{asked.path} {sorted(asked.params.items(), key=str)}")
    assert all(len(calls) == 1 for calls in by_key.values()), by_key


def test_what_is_no_business_of_ours_is_told_apart() -> None:
    assert isinstance(read_event(b'{"id": "evt_1", "object": "event", "type": "x"}', livemode=False), Ignored)


async def _dies() -> None:
    raise Killed


async def _books(house: StripeHouse, name: str, slot: str) -> StripeBuyer:
    buyer = house.buyer(name)
    await buyer.holds(slot)
    await buyer.books()
    return buyer


async def _intent_like(house: StripeHouse, ann: StripeBuyer, **metadata: str) -> str:
    """Another intent with the same order: made by hand, or by a call whose answer was lost for ever."""
    calls = house.calls
    said = {"payment": str(ann.attempt.id), "booking": str(ann.own.id), "reference": ann.own.reference}
    made = await calls.post(
        lambda options: calls.v1.payment_intents.create_async(
            {
                "amount": PRICE,
                "currency": "eur",
                "automatic_payment_methods": {"enabled": True},
                "payment_method_options": {"card": {"capture_method": "manual"}},
                "metadata": said | metadata,
            },
            options,
        ),
        "by hand",
    )
    found: dict[str, Any] = made.read(dict)
    return str(found["id"])


def _movements(stripe: FakeStripe) -> list[str]:
    return [movement.kind for movement in stripe.account.movements]
