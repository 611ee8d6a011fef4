"""A box office that sells a small hall."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis as RedisClient

from server.database.pool import Database
from server.payments import intake
from server.settings import Settings
from tests.payments.house import House, open_house
from tests.payments.stripe_house import StripeHouse, open_stripe_house


def _unhurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine makes deliveries late, and late ones put the inbox off: here rounds are counted."""
    monkeypatch.setattr(intake, "LATE_SECONDS", 3600.0)


@pytest.fixture
async def house(
    monkeypatch: pytest.MonkeyPatch,
    database: Database,
    redis: RedisClient,  # noqa: ARG001  # emptied first
    redis_url: str,
    settings: Settings,
) -> AsyncIterator[House]:
    """Four seats at 25 euros."""
    _unhurry(monkeypatch)
    made, client = await open_house(database, redis_url, settings)
    await made.sells()
    yield made
    await client.aclose()


@pytest.fixture
async def stripe_house(
    monkeypatch: pytest.MonkeyPatch,
    database: Database,
    redis: RedisClient,  # noqa: ARG001  # emptied first
    redis_url: str,
    settings: Settings,
) -> AsyncIterator[StripeHouse]:
    """Four seats at 25 euros, paid by Stripe."""
    _unhurry(monkeypatch)
    async with open_stripe_house(database, redis_url, settings) as made:
        await made.sells()
        yield made
