"""A capacity that another process has lowered just now."""

import msgspec

from server.errors import SlotTaken
from server.inventory.rules import Resource, ResourceDraft, Slot
from server.inventory.service import Inventory
from tests.bookings.driveways import DRIVEWAY, Street, rules
from tests.payments.house import FORM, House


def halved(resource: Resource, slots: tuple[Slot, ...]) -> tuple[ResourceDraft, tuple[Slot, ...]]:
    assert resource.grid is not None
    names = set(ResourceDraft.__struct_fields__) - {"slots"}
    head = {name: getattr(resource, name) for name in names}
    return ResourceDraft(**head | {"grid": msgspec.structs.replace(resource.grid, capacity=2)}), slots


async def test_who_remembers_a_greater_capacity_sells_no_more_than_there_is(house: House) -> None:
    street = Street(house)
    await street.sells(rules(capacity=4))
    drivers = [street.driver(name) for name in ("ann", "ben", "cid", "dan")]
    for driver in drivers:
        street.holds_for(driver, "09:00", "10:00")
    await street.office.inventory.get(DRIVEWAY)
    await drivers[0].books(FORM)
    await Inventory(house.database).change(DRIVEWAY, halved)
    booked = 1
    for driver in drivers[1:]:
        try:
            await driver.books(FORM)
        except SlotTaken:
            continue
        booked += 1
    assert booked == 2
    assert await house.value("select max(taken) from slot") == 2
    assert await house.value("select max(capacity) from slot") == 2
