"""What tests of faults share."""

from collections.abc import AsyncIterator

import pytest

from tests.torture.nemesis.debts import owe
from tests.torture.traces import traces


@pytest.fixture
async def leaves_nothing_behind() -> AsyncIterator[None]:
    """Before and after each test the machine looks the same."""
    owe("run", "true").paid()  # calls the bailiff, who stays
    before = traces()
    yield
    assert traces() == before
