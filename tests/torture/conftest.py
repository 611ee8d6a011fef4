"""What tests of faults share."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.torture.nemesis.debts import owe
from tests.torture.traces import traces


@pytest.fixture
async def leaves_nothing_behind() -> AsyncIterator[None]:
    """After each test there is nothing that was not there before; what other processes do passes."""
    owe("run", "true").paid()  # calls the bailiff, who stays
    before = traces()
    yield
    async with asyncio.timeout(60):
        while left := traces() - before:
            print(f"still there: {left}")  # noqa: T201  # shown where it stays
            await asyncio.sleep(0.5)
