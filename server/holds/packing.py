"""A resource as the load script wants it: its records, prices, and the candidates for the best places.

A record is four unsigned numbers, little-endian, `width` bytes each: available, held, booked, capacity.
What is blocked has capacity 0. (Every machine Python runs on today is little-endian, so `array` packs them.)
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import groupby
from typing import Any, Final, Literal

from server.holds.sources import Loaded
from server.inventory.blocks import Block
from server.inventory.rules import Slot
from server.times import milliseconds

FIELDS = 4
TYPES: Final[Mapping[int, Literal["B", "H", "I"]]] = {1: "B", 2: "H", 4: "I"}

_NOT_OF_THE_MAP: Final = frozenset({"slots", "prices", "grid"})

Candidate = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class PackedGrid:
    """What only a grid has: where its time begins (ms), and which chunks `slots` has the records of."""

    chunk: int
    origin: int
    step_ms: int
    first: int
    days: list[int]


@dataclass(frozen=True, slots=True)
class Packed:
    """The load script's input, all but the lease and the pending holds."""

    resource: str
    epoch: str
    layout: int
    width: int
    count: int
    currency: str
    run_id: str
    slots: bytes
    prices: bytes
    best: list[tuple[str, list[Candidate]]]
    grid: PackedGrid | None = None

    def content(self) -> dict[str, Any]:
        """The script's fields, without the two blobs."""
        found = {name: value for name, value in _shallow(self).items() if name not in _NOT_OF_THE_MAP}
        return found if self.grid is None else {**found, **_shallow(self.grid)}


def _shallow(one: "Packed | PackedGrid") -> dict[str, Any]:
    """Unlike `asdict`, without a copy of every list in it, which took 0.8 s of a large hall."""
    return {field.name: getattr(one, field.name) for field in fields(one)}


def pack(loaded: Loaded, booked: Mapping[int, int], *, epoch: str, run_id: str) -> Packed:
    """The resource with `booked` (index → places) taken and nothing held."""
    width = width_for(max((slot.capacity for slot in loaded.slots), default=1))
    return Packed(
        resource=loaded.resource.id,
        epoch=epoch,
        layout=loaded.resource.layout,
        width=width,
        count=len(loaded.slots),
        currency=loaded.resource.currency,
        run_id=run_id,
        slots=_records(loaded.slots, booked, width),
        prices=array(TYPES[4], [slot.price.amount for slot in loaded.slots]).tobytes(),
        best=best_lists(loaded.slots, loaded.blocks),
    )


def width_for(largest: int) -> int:
    """The bytes that the largest number needs: 1, 2 or 4."""
    return 1 if largest < 1 << 8 else 2 if largest < 1 << 16 else 4


def _records(slots: Sequence[Slot], booked: Mapping[int, int], width: int) -> bytes:
    records = array(TYPES[width])
    for slot in slots:
        capacity, taken = 0 if slot.blocked else slot.capacity, booked.get(slot.index, 0)
        records.extend((max(0, capacity - taken), 0, taken, capacity))
    return records.tobytes()


def column(records: bytes, field: int, width: int) -> bytes:
    """One field of all records, `width` bytes each: 0 available, 1 held, 2 booked, 3 capacity."""
    numbers = memoryview(records).cast(TYPES[width])
    return numbers[field::FIELDS].tobytes()


def numbers(column_bytes: bytes, width: int) -> list[int]:
    """A column as numbers."""
    return memoryview(column_bytes).cast(TYPES[width]).tolist()


def best_lists(slots: Sequence[Slot], blocks: Sequence[Block]) -> list[tuple[str, list[Candidate]]]:
    """For "" (any) and each category its candidates, best first, as lua/lib/best.lua reads them."""
    lists: dict[str, list[Candidate]] = {"": []}
    kept_apart = _places_kept_apart(slots)
    for block in blocks:
        for category, candidate in _candidates(slots, block, kept_apart):
            lists[""].append(candidate)
            if category:
                lists.setdefault(category, []).append(candidate)
    return list(lists.items())


def _places_kept_apart(slots: Sequence[Slot]) -> frozenset[int]:
    """Accessible places are not given out by chance, unless their category has no others."""
    ordinary = {slot.category for slot in slots if not slot.accessible}
    return frozenset(slot.index for slot in slots if slot.accessible and slot.category in ordinary)


def _candidates(
    slots: Sequence[Slot], block: Block, kept_apart: frozenset[int]
) -> Iterator[tuple[str, Candidate]]:
    """The parts of a block that are of one category; neighbours still count as neighbours."""
    members = slots[block.start : block.start + block.length]
    for (category, apart), run in groupby(
        members, key=lambda slot: (slot.category, slot.index in kept_apart)
    ):
        part = list(run)
        if not apart:
            yield (
                category,
                (block.start, block.length, part[0].index, part[-1].index, _too_late_from(part[0])),
            )


def _too_late_from(slot: Slot) -> int:
    return 0 if slot.starts_at is None else milliseconds(datetime.fromisoformat(slot.starts_at))
