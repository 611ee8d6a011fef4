"""A box office that sells a small hall."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis as RedisClient

from server.database.pool import Database
from server.settings import Settings
from tests.payments.house import House, open_house


@pytest.fixture
async def house(
    database: Database,
    redis: RedisClient,  # noqa: ARG001  # emptied first
    redis_url: str,
    settings: Settings,
) -> AsyncIterator[House]:
    """Four seats at 25 euros."""
    made, client = await open_house(database, redis_url, settings)
    await made.sells()
    yield made
    await client.aclose()
