"""A driveway by the hour in the place of a hall: put on sale, and what Redis has of what is shown of it."""

from datetime import UTC, datetime
from typing import Any, Final

from server.holds.days import state_of
from server.holds.packing import numbers
from server.holds.store import HoldStore
from server.inventory.grid.calendar import Calendar
from server.inventory.grid.rules import WEEKDAYS, GridRules
from server.inventory.rules import HoldPolicy, ResourceDraft
from server.inventory.service import Inventory
from tests.torture.people.maps import digest
from tests.torture.street import Street

STEP_MINUTES: Final = 60
ORIGIN: Final = "2026-01-01T00:00:00.000Z"
STEPS: Final = (int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()), 60 * STEP_MINUTES)
"""When index 0 begins, and how long a step is: a plan's `grid`."""

DAYS: Final = 2
"""On sale beside today: fewer than are shown unasked, so that everybody sees all there is."""


async def rents(street: Street, name: str, **policy: Any) -> None:
    """Hours of today and the next days, day and night."""
    rules = GridRules(
        step_minutes=STEP_MINUTES,
        origin=ORIGIN,
        opening_hours=dict.fromkeys(WEEKDAYS, (("00:00", "24:00"),)),
        price_per_hour=2_500,
        horizon_days=DAYS,
    )
    await street.offers(
        ResourceDraft(
            id=name,
            kind="grid",
            title=name,
            owner="olga",
            time_zone="UTC",
            currency="eur",
            policy=HoldPolicy(**policy),
            grid=rules,
        )
    )


async def shown(street: Street, store: HoldStore, name: str) -> tuple[str, int, str] | None:
    """Epoch, version and digest of what is shown of it; None if Redis does not know it."""
    reading = await store.days(name)
    if reading is None:
        return None
    inventory = Inventory(street.database)
    try:
        calendar = Calendar((await inventory.get(name)).resource)
    finally:
        await inventory.close()
    state = state_of(calendar, reading, reading.first, calendar.horizon(reading.first))
    available, held = (tuple(numbers(each, state.width)) for each in (state.available, state.held))
    return state.epoch, state.version, digest(available[: state.window], held[: state.window])
