"""A shop that takes cards, and the Stripe it takes them by: fixtures for the tests that import them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from server.embedded.seed import seed
from server.settings import Settings
from tests.browser.visitor import PATIENCE
from tests.fake_stripe import FakeStripe
from tests.support.house import House, open_house


@pytest.fixture
async def stripe() -> AsyncIterator[FakeStripe]:
    """Stripe, as far as we and the browser can tell."""
    async with FakeStripe.serving() as serving:
        yield serving
    assert not serving.contract.violations, serving.contract.violations


@pytest.fixture
def till_settings(settings: Settings, stripe: FakeStripe) -> Settings:
    """Quick heartbeats, and Stripe."""
    return replace(
        settings,
        heartbeat_seconds=4,
        disconnect_grace_seconds=30,  # so that a busy machine opens a page again within it
        payments="stripe",
        stripe_secret_key=stripe.secret_key,
        stripe_publishable_key=stripe.publishable_key,
        stripe_webhook_secret=stripe.webhook_secret,
        stripe_api_base=stripe.base_url,
        stripe_js_url=stripe.js_url,
    )


@pytest.fixture
def shop_settings(till_settings: Settings) -> Settings:
    """What the shop is run with; tests have their own."""
    return till_settings


@pytest.fixture
async def shop(shop_settings: Settings, stripe: FakeStripe) -> AsyncIterator[House]:
    """A running shop that hears of its payments."""
    await seed(shop_settings.database_url)
    async with open_house(shop_settings) as house:
        stripe.deliveries.to(f"{house.base_url}/api/payments/webhook")
        yield house


async def took(stripe: FakeStripe, *amounts: int, currency: str = "eur") -> None:
    """Wait until just these amounts were captured: a booking is confirmed first."""
    async with asyncio.timeout(PATIENCE / 1000):
        while _captured(stripe) != sorted((amount, currency) for amount in amounts):  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.02)


def _captured(stripe: FakeStripe) -> list[tuple[int, str]]:
    entries = [stripe.ledger[intent] for intent in stripe.ledger]
    return sorted((entry.captured, entry.currency) for entry in entries if entry.captured)
