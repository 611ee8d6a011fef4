"""Rows 120, 122 and 123 of the bad inputs: what an event says is never believed, only where it points."""

import json
from typing import Any

from server.payments.stripe.events import Delivery, read_event
from tests.payments.stripe_house import StripeHouse
from tests.payments.webhooks.stripe import event, intent


async def _hears(house: StripeHouse, *events: dict[str, Any]) -> None:
    for content in events:
        assert isinstance(read_event(json.dumps(content).encode(), livemode=False), Delivery)
    await house.hears(events)


async def test_120_a_newer_event_of_older_news_takes_nothing_back(stripe_house: StripeHouse) -> None:
    ann = stripe_house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    await stripe_house.hears_all()
    assert await ann.status() == ("confirmed", "paid")
    version = (await ann.sees()).version

    for kind, status in (
        ("payment_intent.requires_action", "requires_action"),
        ("payment_intent.payment_failed", "requires_payment_method"),
        ("payment_intent.canceled", "canceled"),
        ("payment_intent.processing", "processing"),
    ):
        await _hears(stripe_house, event(kind, intent(ann.intent, status=status), created=1_000_000_000))

    assert await ann.status() == ("confirmed", "paid")
    assert (await ann.sees()).version == version
    await stripe_house.is_whole()


async def test_122_an_event_that_tells_of_money_nobody_has_paid_confirms_nothing(
    stripe_house: StripeHouse,
) -> None:
    ann = stripe_house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    told = intent(
        ann.intent,
        status="succeeded",
        amount_received=2500,
        metadata={"payment": str(ann.attempt.id), "booking": str(ann.own.id)},
    )
    charge = {"id": "ch_1", "object": "charge", "payment_intent": told, "paid": True, "captured": True}
    await _hears(stripe_house, event("payment_intent.succeeded", told), event("charge.captured", charge))
    assert await ann.status() == ("pending", "pending")


async def test_122_a_payment_of_another_amount_or_currency_is_flagged_and_confirms_nothing(
    stripe_house: StripeHouse,
) -> None:
    ann, ben = stripe_house.buyer("ann"), stripe_house.buyer("ben")
    for buyer, slot in ((ann, "A-1"), (ben, "A-2")):
        await buyer.holds(slot)
        await buyer.books()
    stripe_house.stripe.intent(ann.intent).amount -= 1
    stripe_house.stripe.intent(ben.intent).currency = "usd"
    for buyer in (ann, ben):
        await buyer.pays()
    await stripe_house.hears_all()

    assert (await ann.sees()).status == (await ben.sees()).status == "pending"
    flags = await stripe_house.value("select array_agg(flag order by flag) from payment")
    assert flags == ["amount_differs", "currency_differs"]


async def test_123_a_payment_in_the_name_of_anothers_hold_confirms_neither(
    stripe_house: StripeHouse,
) -> None:
    ann, eve = stripe_house.buyer("ann"), stripe_house.buyer("eve")
    for buyer, slot in ((ann, "A-1"), (eve, "A-2")):
        await buyer.holds(slot)
        await buyer.books()
    foreign = stripe_house.stripe.intent(eve.intent)
    foreign.metadata["booking"] = str(ann.own.id)
    await stripe_house.execute("update payment set provider_id = null where id = $1", eve.attempt.id)
    await eve.pays()

    await stripe_house.hears_all()

    assert await ann.status() == ("pending", "pending")
    assert (await eve.sees()).status == "pending"


async def test_a_payment_of_somebody_elses_in_the_same_account_is_left_alone(
    stripe_house: StripeHouse,
) -> None:
    ann = stripe_house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    mine = stripe_house.stripe.intent(ann.intent)
    mine.metadata.clear()
    await stripe_house.execute("update payment set provider_id = 'pi_other' where id = $1", ann.attempt.id)
    await _hears(stripe_house, event("payment_intent.succeeded", intent(ann.intent)))
    assert await ann.status() == ("pending", "pending")
    assert await stripe_house.value("select count(*) from inbox where done_at is null") == 0
