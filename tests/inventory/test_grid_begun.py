"""What is shown of a grid's steps once they have begun."""

from typing import Any

import msgspec

from server.database.pool import Database
from server.inventory.edits import new_draft
from server.inventory.service import Inventory
from tests.inventory.grids import ALWAYS, moment


async def blocked(inventory: Inventory) -> list[str]:
    """The ids of the blocked steps of today."""
    shown: Any = msgspec.json.decode((await inventory.body("drive")).plain)
    return [slot["id"] for slot in shown["slots"] if slot["blocked"] and slot["section"] == "2026-11-21"]


async def test_a_step_is_blocked_once_it_has_begun(database: Database) -> None:
    now = moment("2026-11-21T00:59:59Z")
    inventory = Inventory(database, wall=lambda: now / 1000)
    grid = {
        "step_minutes": 30,
        "opening_hours": ALWAYS,
        "price_per_hour": 300,
        "exceptions": {"2026-11-21": [["00:30", "24:00"]]},
    }
    said = {"id": "drive", "kind": "grid", "title": "D", "time_zone": "UTC", "currency": "gbp", "grid": grid}
    await inventory.create(new_draft(said, owner="olivia", new_id=lambda: "drive"))
    closed, first, second = (f"2026-11-21T{clock}:00Z" for clock in ("00:00", "00:30", "01:00"))
    assert await blocked(inventory) == [closed, first]
    before = await inventory.body("drive")
    assert await inventory.body("drive") is before
    now = moment(second)
    assert await blocked(inventory) == [closed, first, second]
    assert (await inventory.body("drive")).etag != before.etag
    await inventory.close()
