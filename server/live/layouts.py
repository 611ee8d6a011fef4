"""What slots are, as far as the channels' views need it, from the inventory."""

from collections.abc import Sequence

from server.holds.sources import Resources


class InventoryLayouts:
    """channels.source.Layouts over the inventory: sections and capacities by slot index."""

    def __init__(self, inventory: Resources) -> None:
        self._inventory = inventory

    async def sections(self, resource_id: str, layout: int) -> Sequence[str]:
        """The section of each slot."""
        return [slot.section for slot in (await self._inventory.get(resource_id, layout)).slots]

    async def capacities(self, resource_id: str, layout: int) -> Sequence[int]:
        """How much each slot has for sale; 0 for a blocked one."""
        slots = (await self._inventory.get(resource_id, layout)).slots
        return [0 if slot.blocked else slot.capacity for slot in slots]
