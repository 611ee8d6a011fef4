"""A driveway for a real house: half hours, day and night, by the clock of UTC."""

from datetime import UTC, datetime, timedelta
from typing import Any

from server.inventory.grid.rules import WEEKDAYS, GridRules
from server.inventory.rules import HoldPolicy, ResourceDraft

WEEK = 7 * 48
ORIGIN = "2026-01-01T00:00:00.000Z"


def draft(**rules: Any) -> ResourceDraft:
    standing: dict[str, Any] = {
        "step_minutes": 30,
        "origin": ORIGIN,
        "opening_hours": dict.fromkeys(WEEKDAYS, (("00:00", "24:00"),)),
        "price_per_hour": 400,
        "horizon_days": 30,
    }
    return ResourceDraft(
        id="drive", kind="grid", title="Mill Lane", owner="olga", time_zone="UTC", currency="gbp",
        policy=HoldPolicy(), grid=GridRules(**standing | rules),
    )  # fmt: skip


def at(clock: str, days: int) -> str:
    """A clock's time (UTC) in so many days."""
    day = datetime.now(UTC).date() + timedelta(days=days)
    return f"{day}T{clock}:00.000Z"


def index_of(clock: str, days: int) -> int:
    moment = datetime.fromisoformat(at(clock, days)) - datetime.fromisoformat(ORIGIN)
    return round(moment.total_seconds()) // 1800
