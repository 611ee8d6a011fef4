"""Events on their way: signed, and as late, lost, repeated or mixed up as asked."""

import pytest
import stripe as library
from stripe import V1Services

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.orders import at_once, key
from tests.fake_stripe.receiver import Receiver

PAID = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


async def paid(stripe: FakeStripe, api: V1Services) -> str:
    intent = await api.payment_intents.create_async(at_once(), key("k1"))
    await stripe.pay(intent.id)
    return intent.id


@pytest.fixture
def patient(stripe: FakeStripe) -> None:
    """Signatures of a clock that stands still are old to the library's own."""
    stripe.deliveries.clock = lambda: 2_000_000_000_000


async def test_every_event_is_delivered_and_signed(
    stripe: FakeStripe, api: V1Services, webhook: Receiver
) -> None:
    intent = await paid(stripe, api)
    await stripe.deliveries.drain()
    assert sorted(webhook.kinds) == sorted(PAID)
    assert {event["data"]["object"]["object"] for event in webhook.events} == {"payment_intent", "charge"}
    created = next(event for event in webhook.events if event["type"] == PAID[0])
    assert created["request"]["idempotency_key"] == "k1"
    assert created["data"]["object"]["status"] == "requires_payment_method"
    assert created["data"]["object"]["id"] == intent


async def test_a_failure_is_tried_again(stripe: FakeStripe, api: V1Services, webhook: Receiver) -> None:
    stripe.deliveries.retry_seconds = (0, 0, 0)
    webhook.answers = [500, 503, 500]
    await paid(stripe, api)
    await stripe.deliveries.drain()
    assert len(webhook.kinds) == 6
    assert [delivery.ok for delivery in stripe.deliveries.tries].count(True) == 3


async def test_events_are_held_and_let_go_in_any_order(
    stripe: FakeStripe, api: V1Services, webhook: Receiver
) -> None:
    stripe.deliveries.hold()
    await paid(stripe, api)
    await stripe.deliveries.release(order=[2, 0], copies=2)
    assert webhook.kinds == [PAID[2], PAID[2], PAID[0], PAID[0]]
    await stripe.deliveries.release()
    assert webhook.kinds[4:] == [PAID[1]]
    assert stripe.deliveries.held == []


async def test_what_is_lost_is_still_in_the_list(
    stripe: FakeStripe, api: V1Services, webhook: Receiver
) -> None:
    stripe.deliveries.lose()
    await paid(stripe, api)
    await stripe.deliveries.drain()
    assert webhook.kinds == []
    missed = await api.events.list_async({"delivery_success": False, "types": ["payment_intent.*"]})
    assert [event.type for event in missed.data] == ["payment_intent.succeeded", "payment_intent.created"]
    await stripe.redeliver(missed.data[0].id)
    assert webhook.kinds == ["payment_intent.succeeded"]


async def test_some_events_are_never_made(stripe: FakeStripe, api: V1Services) -> None:
    stripe.account.unheard = {"payment_intent.succeeded"}
    await paid(stripe, api)
    assert [event["type"] for event in stripe.events] == PAID[:2]


async def test_two_secrets_sign_while_one_is_rotated(
    stripe: FakeStripe, api: V1Services, webhook: Receiver
) -> None:
    stripe.deliveries.secrets.insert(0, "whsec_the_next")
    await paid(stripe, api)
    await stripe.deliveries.drain()
    assert len(webhook.kinds) == 3
    assert stripe.deliveries.sign("{}").count("v1=") == 2


async def test_thin_events_name_what_to_fetch(
    stripe: FakeStripe, api: V1Services, webhook: Receiver, client: library.StripeClient
) -> None:
    stripe.deliveries.thin = True
    intent = await paid(stripe, api)
    await stripe.deliveries.drain()
    told = next(event for event in webhook.events if event["type"] == "v1.payment_intent.succeeded")
    assert told["related_object"]["url"] == f"/v1/payment_intents/{intent}"
    fetched = await client.raw_request_async("get", told["related_object"]["url"])
    assert intent in str(fetched.body)
