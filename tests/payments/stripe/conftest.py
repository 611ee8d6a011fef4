"""A Stripe of our own, and both our ways to it."""

from collections.abc import AsyncIterator

import pytest

from server.payments.stripe.checkout import StripeCheckout
from server.payments.stripe.client import Calls
from server.payments.stripe.intents import Stripe
from tests.fake_stripe import FakeStripe


@pytest.fixture
async def fake() -> AsyncIterator[FakeStripe]:
    async with FakeStripe.serving() as serving:
        yield serving
    assert serving.contract.violations == []


@pytest.fixture
async def calls(fake: FakeStripe) -> AsyncIterator[Calls]:
    async def at_once(_seconds: float) -> None:
        """No test waits for a pause."""

    calls = Calls(fake.secret_key, base=fake.base_url, sleep=at_once)
    yield calls
    await calls.close()


@pytest.fixture
def intents(calls: Calls) -> Stripe:
    return Stripe(calls)


@pytest.fixture
def checkout(calls: Calls) -> StripeCheckout:
    return StripeCheckout(calls, public_url="https://tickets.example", payment_seconds=1800)


@pytest.fixture(params=["stripe", "stripe_checkout"])
def provider(
    request: pytest.FixtureRequest, intents: Stripe, checkout: StripeCheckout
) -> Stripe | StripeCheckout:
    return intents if request.param == "stripe" else checkout
