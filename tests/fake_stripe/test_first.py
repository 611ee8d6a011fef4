from collections.abc import AsyncIterator
from typing import Any

import pytest
import stripe as library

from tests.fake_stripe import FakeStripe

# The library hands its bodies to httpx by a name that httpx calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
async def stripe() -> AsyncIterator[FakeStripe]:
    async with FakeStripe.serving() as serving:
        yield serving
    assert serving.contract.violations == []


@pytest.fixture
async def client(stripe: FakeStripe) -> AsyncIterator[library.StripeClient]:
    http = library.HTTPXClient(timeout=5)
    yield library.StripeClient(
        stripe.secret_key, base_addresses={"api": stripe.base_url}, http_client=http, max_network_retries=0
    )
    await http.close_async()  # type: ignore[no-untyped-call]  # the library does not type it


ORDER: Any = {
    "amount": 5000,
    "currency": "eur",
    "automatic_payment_methods": {"enabled": True},
    "payment_method_options": {"card": {"capture_method": "manual"}},
    "metadata": {"payment": "p1"},
}


async def test_a_card_is_authorised_and_captured(stripe: FakeStripe, client: library.StripeClient) -> None:
    intent = await client.v1.payment_intents.create_async(ORDER, {"idempotency_key": "k1"})
    assert await stripe.pay(intent.id) == "requires_capture"
    await client.v1.payment_intents.capture_async(intent.id, {}, {"idempotency_key": "k2"})
    assert stripe.ledger[intent.id].captured == 5000
    assert [event["type"] for event in stripe.events] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
    ]
