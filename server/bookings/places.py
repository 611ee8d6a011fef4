"""What a booking's lines are of: the slots, their names, and when it takes place."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from server.bookings.rules import Line, RefundPolicies
from server.holds.sources import Loaded, Resources
from server.inventory.grid.labels import range_label
from server.inventory.rules import Slot
from server.times import milliseconds

Step = tuple[str, Slot]
"""A step of a grid, with its resource's id."""


class Times(NamedTuple):
    """When the first of something begins and when all of it is over (ms); None: nothing says so."""

    starts_at: int | None
    ends_at: int | None


class Places(NamedTuple):
    """The resources of some lines, in layouts that have all of their slots."""

    by_resource: Mapping[str, Loaded]

    def slot(self, line: Line) -> Slot:
        """The slot that a line is of."""
        return slot_at(self.by_resource[line.resource], line.index)

    def steps(self, lines: Iterable[Line]) -> list[Step]:
        """The steps of grids among the lines, each once, in the order in which slots are locked."""
        wanted = sorted({(line.resource, line.index) for line in lines if self._is_grid(line.resource)})
        found: list[Step] = []
        for (name, _), run in groupby(enumerate(wanted), key=_run):
            indices = [index for _, (_, index) in run]
            calendar = self.by_resource[name].calendar
            assert calendar is not None, "only grids are wanted"
            found += [(name, slot) for slot in calendar.slots(indices[0], len(indices))]
        return found

    def named(self, lines: Sequence[Line]) -> tuple[Line, ...]:
        """The lines; those of grids with their steps' ids, and a range's name at the first of its lines."""
        seen: set[str] = set()
        named = []
        for line in lines:
            calendar = self.by_resource[line.resource].calendar
            if calendar is None or line.range is None:
                named.append(line)
                continue
            label = "" if line.hold in seen else _label(span_of(line.range), calendar.zone)
            seen.add(line.hold)
            named.append(msgspec.structs.replace(line, slot=calendar.slot_id(line.index), label=label))
        return tuple(named)

    def times(self, lines: Iterable[Line]) -> Times:
        """When they take place together."""
        spans = {self._key(line): line for line in lines}
        found = [self._times(line) for line in spans.values()]
        starts = [each.starts_at for each in found if each.starts_at is not None]
        ends = [each.ends_at for each in found if each.ends_at is not None]
        return Times(min(starts, default=None), max(ends) if found and len(ends) == len(found) else None)

    def refund_policies(self) -> RefundPolicies:
        """What each resource says now of who cancels."""
        return {name: loaded.resource.policy.refund for name, loaded in self.by_resource.items()}

    def _is_grid(self, resource: str) -> bool:
        return self.by_resource[resource].calendar is not None

    def _key(self, line: Line) -> tuple[str, object]:
        """All lines of a range take place at one time."""
        return (line.resource, line.index if line.range is None else line.range)

    def _times(self, line: Line) -> Times:
        if line.range is not None:
            return Times(*span_of(line.range))
        slot, whole = self.slot(line), self.by_resource[line.resource].resource
        return Times(_moment(slot.starts_at or whole.starts_at), _moment(slot.ends_at or whole.ends_at))


async def places_of(inventory: Resources, lines: Sequence[Line]) -> Places:
    """Raises UnknownResource, or Unavailable."""
    last: dict[str, int] = {}
    for line in lines:
        last[line.resource] = max(last.get(line.resource, 0), line.index)
    return Places({name: await _loaded_with(inventory, name, index) for name, index in last.items()})


def slot_at(loaded: Loaded, index: int) -> Slot:
    """A slot by its index; a grid's is made of its calendar."""
    return loaded.slots[index] if loaded.calendar is None else loaded.calendar.slot(index)


def span_of(texts: tuple[str, str]) -> tuple[int, int]:
    """A range's two moments, in ms."""
    start, end = texts
    return milliseconds(datetime.fromisoformat(start)), milliseconds(datetime.fromisoformat(end))


def _run(placed: tuple[int, tuple[str, int]]) -> tuple[str, int]:
    """The same for all neighbours in a sorted list of steps."""
    place, (name, index) = placed
    return name, index - place


def _label(span: tuple[int, int], zone: ZoneInfo) -> str:
    start, end = (datetime.fromtimestamp(moment / 1000, zone) for moment in span)
    return range_label(start, end)


async def _loaded_with(inventory: Resources, resource: str, index: int) -> Loaded:
    loaded = await inventory.get(resource)
    if loaded.calendar is None and index >= len(
        loaded.slots
    ):  # held in a layout younger than what is in memory
        loaded = await inventory.get(resource, loaded.resource.layout + 1)
    return loaded


def _moment(text: str | None) -> int | None:
    return None if text is None else milliseconds(datetime.fromisoformat(text))
