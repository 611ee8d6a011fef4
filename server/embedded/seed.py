"""Fills the demo's database with its catalogue; what is there already stays as it is."""

from dataclasses import dataclass
from pathlib import Path

from server.database.pool import Database
from server.embedded.process import EmbeddedError
from server.inventory.importer import import_file
from server.inventory.listing import Wanted
from server.inventory.reports import ImportOptions
from server.inventory.service import Inventory

CATALOGUE = Path(__file__).parent / "demo" / "catalogue.yaml"


@dataclass(frozen=True, slots=True)
class Seeded:
    """The id of the first seat map, and what the import had to say if it was refused."""

    hall: str
    trouble: str = ""


async def seed(database_url: str) -> Seeded:
    """Import the catalogue; the same one again changes nothing. EmbeddedError where no seat map results.

    Halls and start times move on with the days. Driveways do so by themselves, and are their owners' from
    then on: hours and prices that were changed on the owner's page stay.
    """
    database = await Database.connect(database_url, size=2)
    try:
        inventory = Inventory(database)
        report = await import_file(database, inventory, CATALOGUE, ImportOptions(keep_grids=True))
        halls = (await inventory.page(Wanted(kind="seats"), 1)).items
        await inventory.close()
    finally:
        await database.close()
    trouble = "" if report.ok else report.text()
    if not halls:
        raise EmbeddedError(f"there is no seat map to show: {trouble}")
    return Seeded(str(halls[0]["id"]), trouble)
