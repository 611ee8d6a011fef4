"""Grids to try things on."""

from datetime import datetime
from typing import Any

from server.inventory.edits import new_draft
from server.inventory.grid.calendar import Calendar
from server.inventory.grid.rules import WEEKDAYS, GridRules
from server.inventory.rules import Resource

ALWAYS: dict[str, Any] = {day: [["00:00", "24:00"]] for day in WEEKDAYS}


def rules_of(zone: str = "Europe/London", **rules: Any) -> GridRules:
    """The rules of a request that says these, of half hours at £3.00 all day long; or InvalidFields."""
    given: dict[str, Any] = {"step_minutes": 30, "opening_hours": ALWAYS, "price_per_hour": 300, **rules}
    said = {"kind": "grid", "title": "Mill Lane", "time_zone": zone, "currency": "gbp", "grid": given}
    draft = new_draft(said, owner="olivia", new_id=lambda: "drive")
    assert draft.grid is not None
    return draft.grid


def calendar_of(zone: str = "Europe/London", **rules: Any) -> Calendar:
    """The calendar of such a grid."""
    return Calendar(
        Resource(
            id="drive",
            kind="grid",
            title="Mill Lane",
            owner="olivia",
            time_zone=zone,
            currency="gbp",
            layout=1,
            epoch="e1",
            grid=rules_of(zone, **rules),
        )
    )


def moment(text: str) -> int:
    """RFC 3339 as ms since the Unix epoch."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)
