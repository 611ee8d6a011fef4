"""What can be booked in a simulated house, as the inventory would give it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from server.errors import UnknownResource
from server.inventory.blocks import Block, blocks_of
from server.inventory.rules import HoldPolicy, Money, Resource, Slot

PRICE: Final = 2_500


@dataclass(frozen=True)
class Hall:
    """One resource with its slots."""

    resource: Resource
    slots: tuple[Slot, ...]
    by_id: Mapping[str, int]
    blocks: tuple[Block, ...]
    calendar: None = None


def hall(name: str, capacities: Iterable[int], policy: HoldPolicy, *, owner: str = "olga") -> Hall:
    """`capacities` of its slots s0, s1, …"""
    slots = tuple(
        Slot(index=index, id=f"s{index}", label=f"s{index}", price=Money(PRICE, "eur"), category="",
             capacity=capacity)
        for index, capacity in enumerate(capacities)
    )  # fmt: skip
    resource = Resource(
        id=name, kind="seats", title=name, owner=owner, time_zone="Europe/Berlin", currency="eur",
        layout=1, epoch="", policy=policy,
    )  # fmt: skip
    return Hall(resource, slots, {slot.id: slot.index for slot in slots}, blocks_of(slots))


class Catalogue:
    """The inventory's `get`, from memory: it never waits."""

    def __init__(self, halls: Iterable[Hall]) -> None:
        self.halls = {each.resource.id: each for each in halls}

    async def get(self, resource_id: str, layout: int | None = None) -> Hall:
        if resource_id not in self.halls:
            raise UnknownResource
        found = self.halls[resource_id]
        assert layout is None or found.resource.layout >= layout
        return found

    def at_hand(self, resource_id: str, layout: int | None = None) -> Hall | None:
        found = self.halls.get(resource_id)
        return None if found is None or found.resource.layout < (layout or 0) else found
