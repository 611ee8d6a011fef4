"""Grids in a catalogue, and the demo's driveways."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.database.pool import Database
from server.embedded.seed import CATALOGUE, seed
from server.inventory.importer import import_file
from server.inventory.listing import Wanted
from server.inventory.reports import ImportOptions
from server.inventory.service import Inventory

STREET = """
resources:
  - id: drive
    kind: grid
    title: Driveway
    owner: olivia
    address: 12 Mill Lane
    time_zone: Europe/London
    currency: gbp
    grid:
      step_minutes: 30
      opening_hours: {mon: [[07:00, 12:00], [13:00, 24:00]], sat: []}
      exceptions: {2026-12-25: []}
      price_per_hour: 300
      rates:
        - {start: 18:00, end: 24:00, price_per_hour: 200, weekdays: [mon]}
"""


@pytest.fixture
async def inventory(database: Database) -> AsyncIterator[Inventory]:
    opened = Inventory(database)
    yield opened
    await opened.close()


@pytest.fixture
def street(tmp_path: Path) -> Path:
    path = tmp_path / "street.yaml"
    path.write_text(STREET, encoding="utf-8")
    return path


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


async def report_of(database: Database, inventory: Inventory, path: Path, *, dry_run: bool = False) -> str:
    return (await import_file(database, inventory, path, ImportOptions(dry_run=dry_run))).text()


async def test_a_catalogue_has_driveways(database: Database, inventory: Inventory, street: Path) -> None:
    assert await report_of(database, inventory, street, dry_run=True) == "drive: would be created"
    assert (await inventory.page(Wanted(), 10)).items == []
    assert await report_of(database, inventory, street) == "drive: created"
    assert await report_of(database, inventory, street) == "drive: is as the file says already"
    rules = (await inventory.get("drive")).resource.grid
    assert rules is not None
    assert rules.opening_hours == {"mon": (("07:00", "12:00"), ("13:00", "24:00")), "sat": ()}
    assert (rules.exceptions, rules.rates[0].weekdays) == ({"2026-12-25": ()}, ("mon",))


async def test_a_driveway_of_a_file_changes_by_the_same_rules(
    database: Database, inventory: Inventory, street: Path
) -> None:
    await report_of(database, inventory, street)
    rewrite(street, "price_per_hour: 300", "price_per_hour: 350")
    assert await report_of(database, inventory, street, dry_run=True) == "drive: would be changed"
    assert await report_of(database, inventory, street) == "drive: changed"
    rewrite(street, "time_zone: Europe/London", "time_zone: Europe/Berlin")
    assert await report_of(database, inventory, street) == "drive: changed"
    loaded = await inventory.get("drive")
    assert (loaded.resource.layout, loaded.resource.grid and loaded.resource.grid.origin) == (
        3,
        "2025-01-01T00:00:00.000Z",
    )
    rewrite(street, "step_minutes: 30", "step_minutes: 15")
    assert "Steps of 30 minutes stay as they are; make a new grid" in await report_of(
        database, inventory, street
    )


async def test_a_file_takes_no_booked_place_away(
    database: Database, inventory: Inventory, street: Path
) -> None:
    rewrite(street, "step_minutes: 30", "step_minutes: 30\n      capacity: 3")
    await report_of(database, inventory, street)
    tomorrow = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)
    index = (tomorrow - datetime(2025, 1, 1, tzinfo=UTC)) // timedelta(minutes=30)
    async with database.connection() as connection:
        await connection.execute(
            "insert into slot (resource_id, index, id, label, capacity, price_amount, taken)"
            " values ('drive', $1, 'nine', '', 3, 150, 2)",
            index,
        )
    rewrite(street, "capacity: 3", "capacity: 1")
    for dry_run in (True, False):
        told = await report_of(database, inventory, street, dry_run=dry_run)
        assert "drive: More is booked than the new capacity holds: nine (2 of 1)" in told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            ("[13:00, 24:00]", "[13:00, 25:00]"),
            "line 12: resources[0].grid.opening_hours.mon[1]: has '25:00'",
        ),
        (("2026-12-25", "2026-02-29"), "line 13: resources[0].grid.exceptions.2026-02-29: is no date"),
        (
            ("weekdays: [mon]", "weekdays: [monday]"),
            "line 16: resources[0].grid.rates[0].weekdays[0]: is 'monday'",
        ),
        (("    grid:\n", "    slots: []\n    grid:\n"), "has slots; a grid has none of these, only grid"),
        (("kind: grid", "kind: sessions"), "has no slots; exactly one of slots, seating_plan"),
    ],
)
async def test_what_is_wrong_is_named_by_its_line(
    database: Database, inventory: Inventory, street: Path, change: tuple[str, str], told: str
) -> None:
    rewrite(street, *change)
    text = await report_of(database, inventory, street)
    assert told in text
    assert text.endswith("street.yaml: refused; nothing was changed")
    assert (await inventory.page(Wanted(), 10)).items == []


async def test_the_demo_has_driveways_of_two_owners(database_url: str, inventory: Inventory) -> None:
    assert CATALOGUE.is_file()
    assert (await seed(database_url)).trouble == ""
    found = [
        (await inventory.get(item["id"])).resource
        for item in (await inventory.page(Wanted(kind="grid"), 50)).items
    ]
    assert [each.owner for each in found] == ["olivia", "olivia", "oscar"]
    assert len({each.time_zone for each in found}) == len(found) == 3
    assert all(each.address and each.grid and each.grid.rates for each in found)
    rules = [each.grid for each in found if each.grid]
    assert sorted(each.capacity for each in rules) == [1, 1, 12]
    assert any(each.buffer_minutes for each in rules)
    assert [each.policy.approval_seconds for each in found] == [None, None, 3600]
