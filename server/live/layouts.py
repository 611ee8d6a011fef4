"""What slots are, as far as the channels' views need it, from the inventory."""

from collections.abc import Sequence

from server.holds.sources import Resources


class InventoryLayouts:
    """channels.source.Layouts over the inventory: sections and capacities by slot index."""

    def __init__(self, inventory: Resources) -> None:
        self._inventory = inventory

    async def sections(self, resource_id: str, layout: int, first: int, count: int) -> Sequence[str]:
        """The section of each slot; a grid's are its days."""
        loaded = await self._inventory.get(resource_id, layout)
        if loaded.calendar is not None:
            return loaded.calendar.sections(first, count)
        return [slot.section for slot in loaded.slots]

    async def capacities(self, resource_id: str, layout: int, first: int, count: int) -> Sequence[int]:
        """How much each slot has for sale; 0 for a blocked one."""
        loaded = await self._inventory.get(resource_id, layout)
        if loaded.calendar is not None:
            return loaded.calendar.capacities(first, count)
        return [0 if slot.blocked else slot.capacity for slot in loaded.slots]
