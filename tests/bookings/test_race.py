"""A short form of bench/driveways.py, in one process."""

from dataclasses import replace

import pytest

from server.ops.auditor import audit
from server.settings import Settings
from tests.bookings.race import Race
from tests.support.house import House


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Nobody waits for his turn."""
    return replace(settings, rate_commands=0, rate_bookings=0)


@pytest.mark.usefixtures("unhurried")
async def test_drivers_race_for_overlapping_ranges_and_none_overlaps(holdfast: House) -> None:
    race = Race([holdfast.base_url], holdfast.parts.database)
    await race.sells(2)
    await race.runs(24, lambda tried: tried < 3)
    await race.settles()
    outcomes = race.figures.outcomes
    assert outcomes["hold: 409 slot_taken"]
    assert outcomes["book: 201"]
    assert not {name for name in outcomes if ": 5" in name or "internal" in name}
    assert await race.overlaps() == 0
    assert await audit(holdfast.parts.database, holdfast.parts.redis) == []
