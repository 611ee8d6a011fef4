"""A rebuild reads no step whose row kept a capacity of long ago: its numbers might not fit the new one."""

from datetime import UTC, datetime

import pytest

from server.holds.days import first_kept
from server.inventory.grid.calendar import Calendar
from server.inventory.grid.rules import WEEKDAYS, GridRules
from server.inventory.grid.steps import _first_that_counts
from server.inventory.rules import Resource


@pytest.mark.parametrize(
    "zone", ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
@pytest.mark.parametrize("month", [1, 4, 7, 10])
def test_what_is_loaded_was_resized(zone: str, month: int) -> None:
    rules = GridRules(
        step_minutes=30,
        origin="2025-01-01T00:00:00.000Z",
        opening_hours=dict.fromkeys(WEEKDAYS, (("00:00", "24:00"),)),
        price_per_hour=100,
    )
    calendar = Calendar(
        Resource(
            id="drive",
            kind="grid",
            title="",
            owner="",
            time_zone=zone,
            currency="usd",
            layout=1,
            epoch="",
            grid=rules,
        )
    )
    for hour in range(0, 24, 3):
        now = round(datetime(2026, month, 15, hour, tzinfo=UTC).timestamp() * 1000)
        loaded = first_kept(calendar.today(now), calendar.chunk) * calendar.chunk
        assert _first_that_counts(calendar, now) <= loaded
