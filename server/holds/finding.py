"""What is free in many grids at once, from live state: for finding a place, not for taking it."""

import asyncio
from array import array
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import structlog

from server.errors import Unavailable, UnknownResource
from server.holds.days import numbers_of
from server.holds.loading import Loader
from server.holds.packing import FIELDS, TYPES
from server.holds.store import SomeDays
from server.inventory.grid.calendar import Calendar

LOADS_AT_ONCE = 16

_log = structlog.get_logger(__name__)


class Wish(NamedTuple):
    """The steps [first, stop) of a grid, by its calendar."""

    calendar: Calendar
    first: int
    stop: int


async def free(loader: Loader, wanted: Mapping[str, tuple[Calendar, int, int]]) -> dict[str, int]:
    """How many can have all the wanted steps of each grid; one that is gone, or can't be loaded now, has 0.

    One round trip for all that Redis knows; those that it does not know are loaded side by side.
    """
    wishes = {name: Wish(*wish) for name, wish in wanted.items()}
    days = {
        name: numbers_of(range(wish.first, wish.stop), wish.calendar.chunk) for name, wish in wishes.items()
    }
    known = await loader.store.some_days(days)
    unknown = [name for name, found in known.items() if found is None]
    if unknown:
        await _load(loader, unknown)
        known |= await loader.store.some_days({name: days[name] for name in unknown})
    now = await loader.store.now()
    return {name: _least(wish, known[name], now) for name, wish in wishes.items()}


def _least(wish: Wish, found: SomeDays | None, now: int) -> int:
    calendar, first, stop = wish.calendar, wish.first, wish.stop
    if found is None or first <= calendar.index_at(now):
        return 0
    free = calendar.capacities(first, stop - first)
    for day, records in found.days.items():
        start = day * calendar.chunk
        begin, end = max(first, start), min(stop, start + calendar.chunk)
        columns = memoryview(records).cast(TYPES[found.width])
        known = columns[FIELDS * (begin - start) : FIELDS * (end - start) : FIELDS].tolist()
        free[begin - first : end - first] = array("I", known)
    return min(free, default=0)


async def _load(loader: Loader, names: Sequence[str]) -> None:
    for start in range(0, len(names), LOADS_AT_ONCE):
        await asyncio.gather(*(_load_one(loader, name) for name in names[start : start + LOADS_AT_ONCE]))


async def _load_one(loader: Loader, name: str) -> None:
    """One that is gone, or that somebody has been rebuilding for long, keeps nobody from the others."""
    try:
        await loader.ensure(name)
    except (UnknownResource, Unavailable) as error:
        _log.info("not_searched", resource=name, reason=error.detail)
