"""Checkout Sessions: open, complete or expired, and what becomes of their payments."""

import pytest
import stripe as library
from stripe import V1Services

from tests.fake_stripe import FakeStripe, Refused
from tests.fake_stripe.conftest import Clock
from tests.fake_stripe.orders import key, page

HALF_AN_HOUR = 1800


@pytest.fixture
async def session(api: V1Services, clock: Clock) -> library.checkout.Session:
    expires_at = clock() // 1000 + HALF_AN_HOUR
    return await api.checkout.sessions.create_async(page(expires_at), key("s1"))


async def test_the_payment_is_made_when_the_buyer_pays(
    stripe: FakeStripe, api: V1Services, session: library.checkout.Session
) -> None:
    assert (session.status, session.payment_intent, session.amount_total) == ("open", None, 5000)
    assert session.url == f"{stripe.base_url}/c/pay/{session.id}"
    assert await stripe.pay(session.id) == "requires_capture"
    seen = await api.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    # Authorised is not paid: who takes `unpaid` for a failure loses a buyer.
    assert (seen.status, seen.payment_status, seen.url) == ("complete", "unpaid", None)
    assert isinstance(seen.payment_intent, library.PaymentIntent)
    assert seen.payment_intent.metadata.to_dict() == {"payment": "p1"}
    await api.payment_intents.capture_async(seen.payment_intent.id, {}, key("s2"))
    assert (await api.checkout.sessions.retrieve_async(session.id)).payment_status == "paid"
    assert [event["type"] for event in stripe.events] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "checkout.session.completed",
        "charge.captured",
        "payment_intent.succeeded",
    ]


async def test_a_decline_leaves_the_page_open(
    stripe: FakeStripe, api: V1Services, session: library.checkout.Session
) -> None:
    assert await stripe.pay(session.id, "4000000000000002") == "requires_payment_method"
    seen = await api.checkout.sessions.retrieve_async(session.id)
    assert seen.status == "open"
    assert await stripe.pay(session.id) == "requires_capture"
    assert (await api.checkout.sessions.retrieve_async(session.id)).payment_intent == seen.payment_intent


async def test_an_expired_page_takes_no_money(
    stripe: FakeStripe, api: V1Services, session: library.checkout.Session
) -> None:
    await stripe.pay(session.id, "4000002500003155")
    expired = await api.checkout.sessions.expire_async(session.id, {}, key("s2"))
    assert (expired.status, expired.url) == ("expired", None)
    assert stripe.intent(session.id).status == "canceled"
    with pytest.raises(Refused, match="is expired"):
        await stripe.pay(session.id)


async def test_what_is_complete_can_not_be_expired(
    stripe: FakeStripe, api: V1Services, session: library.checkout.Session
) -> None:
    await stripe.pay(session.id)
    with pytest.raises(library.InvalidRequestError, match="has a status of `complete`"):
        await api.checkout.sessions.expire_async(session.id, {}, key("s2"))
    await api.payment_intents.cancel_async(stripe.intent(session.id).id, {}, key("s3"))
    assert stripe.ledger[stripe.intent(session.id).id].held == 0


async def test_an_open_pages_payment_is_not_cancelled_directly(
    stripe: FakeStripe, api: V1Services, session: library.checkout.Session
) -> None:
    await stripe.pay(session.id, "4000000000000002")
    with pytest.raises(library.InvalidRequestError, match="expire the Checkout Session"):
        await api.payment_intents.cancel_async(stripe.intent(session.id).id, {}, key("s2"))


async def test_it_expires_by_itself(
    stripe: FakeStripe, api: V1Services, session: library.checkout.Session, clock: Clock
) -> None:
    clock.moves(HALF_AN_HOUR)
    stripe.tick()
    assert stripe.events[-1]["type"] == "checkout.session.expired"
    assert (await api.checkout.sessions.retrieve_async(session.id)).status == "expired"


@pytest.mark.parametrize("seconds", [HALF_AN_HOUR - 1, 24 * 3600 + 1])
async def test_its_time_has_limits(api: V1Services, clock: Clock, seconds: int) -> None:
    with pytest.raises(library.InvalidRequestError) as refused:
        await api.checkout.sessions.create_async(page(clock() // 1000 + seconds), key("s1"))
    assert refused.value.param == "expires_at"


@pytest.mark.parametrize("paid", [True, False])
async def test_a_debit_is_told_later(
    stripe: FakeStripe, api: V1Services, session: library.checkout.Session, paid: bool
) -> None:
    assert await stripe.pay(session.id, "bank") == "processing"
    assert (await api.checkout.sessions.retrieve_async(session.id)).status == "complete"
    await (stripe.succeed if paid else stripe.fail)(session.id)
    seen = await api.checkout.sessions.retrieve_async(session.id)
    assert seen.payment_status == ("paid" if paid else "unpaid")
    outcome = "succeeded" if paid else "failed"
    assert stripe.events[-1]["type"] == f"checkout.session.async_payment_{outcome}"


async def test_sessions_are_listed_by_their_payment(
    stripe: FakeStripe, api: V1Services, session: library.checkout.Session
) -> None:
    await stripe.pay(session.id)
    found = await api.checkout.sessions.list_async({"payment_intent": stripe.intent(session.id).id})
    assert [item.id for item in found.data] == [session.id]
    lines = await api.checkout.sessions.line_items.list_async(session.id)
    assert [(line.description, line.amount_total) for line in lines.data] == [("Stalls A-1", 5000)]
