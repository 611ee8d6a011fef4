"""Refunds: in part, in full, too much, late, and those that come back."""

import pytest
import stripe as library
from stripe import V1Services

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.orders import at_once, key, order


async def paid(stripe: FakeStripe, api: V1Services, card: str = "4242424242424242") -> str:
    intent = await api.payment_intents.create_async(at_once(), key("paid"))
    if await stripe.pay(intent.id, card) == "processing":
        await stripe.succeed(intent.id)
    return intent.id


async def test_a_part_and_then_the_rest(stripe: FakeStripe, api: V1Services) -> None:
    intent = await paid(stripe, api)
    part = await api.refunds.create_async({"payment_intent": intent, "amount": 2000}, key("r1"))
    assert (part.status, part.amount) == ("succeeded", 2000)
    rest = await api.refunds.create_async({"payment_intent": intent}, key("r2"))
    assert rest.amount == 3000
    entry = stripe.ledger[intent]
    assert (entry.captured, entry.refunded, entry.kept) == (5000, 5000, 0)
    assert [event["type"] for event in stripe.events[-2:]] == ["refund.created", "charge.refunded"]
    listed = await api.refunds.list_async({"payment_intent": intent})
    assert [refund.id for refund in listed.data] == [rest.id, part.id]
    with pytest.raises(library.InvalidRequestError) as refused:
        await api.refunds.create_async({"payment_intent": intent}, key("r3"))
    assert refused.value.code == "charge_already_refunded"


async def test_no_more_than_is_left(stripe: FakeStripe, api: V1Services) -> None:
    intent = await paid(stripe, api)
    await api.refunds.create_async({"payment_intent": intent, "amount": 2000}, key("r1"))
    with pytest.raises(library.InvalidRequestError, match="greater than unrefunded amount"):
        await api.refunds.create_async({"payment_intent": intent, "amount": 3001}, key("r2"))
    assert stripe.ledger[intent].refunded == 2000


async def test_what_is_not_taken_is_not_refunded(stripe: FakeStripe, api: V1Services) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    await stripe.pay(intent.id)
    with pytest.raises(library.InvalidRequestError, match="does not have a successful charge"):
        await api.refunds.create_async({"payment_intent": intent.id}, key("r1"))


@pytest.mark.parametrize("card", ["bank", "4000000000007726"])
async def test_a_refund_may_take_days(stripe: FakeStripe, api: V1Services, card: str) -> None:
    intent = await paid(stripe, api, card)
    refund = await api.refunds.create_async({"payment_intent": intent, "reason": "duplicate"}, key("r1"))
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    stripe.dashboard.refund_succeeds(refund.id)
    assert (await api.refunds.retrieve_async(refund.id)).status == "succeeded"
    assert [event["type"] for event in stripe.events[-2:]] == ["refund.updated", "charge.refund.updated"]


async def test_a_refund_may_come_back_and_be_made_again(stripe: FakeStripe, api: V1Services) -> None:
    intent = await paid(stripe, api, "4000000000005126")
    refund = await api.refunds.create_async({"payment_intent": intent}, key("r1"))
    assert (refund.status, stripe.ledger[intent].kept) == ("succeeded", 0)
    stripe.dashboard.refund_fails(refund.id)
    failed = await api.refunds.retrieve_async(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "lost_or_stolen_card")
    assert stripe.ledger[intent].kept == 5000
    assert stripe.events[-1]["type"] == "refund.failed"
    again = await api.refunds.create_async({"payment_intent": intent}, key("r2"))
    assert again.amount == 5000


async def test_a_refund_by_hand_is_told_like_any_other(stripe: FakeStripe, api: V1Services) -> None:
    intent = await paid(stripe, api)
    refund = stripe.dashboard.refund(intent, 1000)
    assert (await api.refunds.retrieve_async(refund)).amount == 1000
    assert stripe.events[-1]["request"] == {"id": None, "idempotency_key": None}


async def test_only_a_refund_that_waits_for_the_buyer_is_cancelled(
    stripe: FakeStripe, api: V1Services
) -> None:
    refund = await api.refunds.create_async({"payment_intent": await paid(stripe, api)}, key("r1"))
    with pytest.raises(library.InvalidRequestError, match="a status of succeeded"):
        await api.refunds.cancel_async(refund.id, {}, key("r2"))
