"""Disputes: the bank takes the money first and decides later."""

import pytest
import stripe as library
from stripe import V1Services

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.orders import at_once, key


async def paid(stripe: FakeStripe, api: V1Services, card: str = "4242424242424242") -> str:
    intent = await api.payment_intents.create_async(at_once(), key("paid"))
    await stripe.pay(intent.id, card)
    return intent.id


def told(stripe: FakeStripe) -> list[str]:
    return [event["type"] for event in stripe.events if event["type"].startswith("charge.dispute")]


async def test_money_is_withdrawn_and_given_back_when_it_is_won(stripe: FakeStripe, api: V1Services) -> None:
    intent = await paid(stripe, api)
    dispute = stripe.dashboard.dispute(intent)
    assert (await api.disputes.retrieve_async(dispute)).status == "needs_response"
    assert (stripe.ledger[intent].reversed, stripe.ledger[intent].kept) == (5000, 0)
    charges = await api.charges.list_async({"payment_intent": intent})
    assert charges.data[0].disputed
    stripe.dashboard.close_dispute(dispute, "won")
    assert (stripe.ledger[intent].reversed, stripe.ledger[intent].kept) == (0, 5000)
    assert told(stripe) == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
        "charge.dispute.funds_reinstated",
    ]


async def test_a_lost_one_keeps_the_money(stripe: FakeStripe, api: V1Services) -> None:
    intent = await paid(stripe, api)
    dispute = stripe.dashboard.dispute(intent, 2000, reason="product_not_received")
    stripe.dashboard.close_dispute(dispute, "lost")
    assert (stripe.ledger[intent].reversed, stripe.ledger[intent].kept) == (2000, 3000)
    listed = await api.disputes.list_async({"payment_intent": intent})
    assert [(item.status, item.reason) for item in listed.data] == [("lost", "product_not_received")]


async def test_no_refund_beside_a_dispute(stripe: FakeStripe, api: V1Services) -> None:
    intent = await paid(stripe, api)
    dispute = stripe.dashboard.dispute(intent)
    with pytest.raises(library.InvalidRequestError) as refused:
        await api.refunds.create_async({"payment_intent": intent}, key("r1"))
    assert refused.value.code == "charge_disputed"
    stripe.dashboard.close_dispute(dispute, "won")
    await api.refunds.create_async({"payment_intent": intent}, key("r2"))
    assert stripe.ledger[intent].kept == 0


async def test_an_inquiry_moves_no_money_and_is_settled_by_a_refund(
    stripe: FakeStripe, api: V1Services
) -> None:
    intent = await paid(stripe, api, "4000000000001976")
    (inquiry,) = (await api.disputes.list_async({"payment_intent": intent})).data
    assert (inquiry.status, inquiry.is_charge_refundable) == ("warning_needs_response", True)
    assert stripe.ledger[intent].kept == 5000
    await api.refunds.create_async({"payment_intent": intent}, key("r1"))
    stripe.dashboard.close_dispute(inquiry.id, "won")
    assert (await api.disputes.retrieve_async(inquiry.id)).status == "warning_closed"


async def test_a_card_that_disputes_at_once(stripe: FakeStripe, api: V1Services) -> None:
    intent = await paid(stripe, api, "4000000000000259")
    assert stripe.ledger[intent].reversed == 5000


async def test_evidence_is_handed_in_and_a_dispute_accepted(stripe: FakeStripe, api: V1Services) -> None:
    dispute = stripe.dashboard.dispute(await paid(stripe, api))
    reviewed = await api.disputes.update_async(
        dispute, {"evidence": {"uncategorized_text": "They sat there."}}, key("d1")
    )
    assert reviewed.status == "under_review"
    assert (await api.disputes.close_async(dispute, {}, key("d2"))).status == "lost"
    with pytest.raises(library.InvalidRequestError, match="already closed"):
        await api.disputes.close_async(dispute, {}, key("d3"))
