"""Which grids are free for the whole of a range, by live state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Protocol

import msgspec

from server.errors import InvalidRange
from server.inventory.grid.calendar import Calendar
from server.inventory.grid.ranges import RangeWanted, moment_of, steps_between
from server.inventory.grid.rules import GridRules
from server.inventory.rules import Resource


class Live(Protocol):
    """What is free now: server.holds.service.Holds, as far as finding knows it."""

    async def free(self, wanted: Mapping[str, tuple[Calendar, int, int]]) -> dict[str, int]:
        """By resource id: how many can have all the steps from a first until before a last one."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody looks for: a range of moments in ms, a day, or nothing but what else the list says."""

    range: tuple[int, int] | None = None
    day: date | None = None

    def fits(self, calendar: Calendar, now: int) -> bool:
        """Whether it is open on the day, as far as that is still to come and on sale."""
        if self.day is None:
            return True
        first, count = calendar.steps_of(self.day)
        today = calendar.today(now)
        begin = max(first, calendar.index_at(now) + 1)
        stop = min(first + count, today + calendar.horizon(today))
        return any(calendar.capacities(begin, max(0, stop - begin)))

    def steps(self, calendar: Calendar, now: int) -> RangeWanted | None:
        """The steps that a range takes there; None if it cannot be booked there."""
        if self.range is None:
            return None
        try:
            return steps_between(calendar, *self.range, now)
        except InvalidRange:
            return None


def read_range(start: str | None, end: str | None) -> tuple[int, int] | None:
    """`from` and `to` of a query, in ms; None where both are missing."""
    if not start and not end:
        return None
    begins, ends = moment_of(start or "", "from"), moment_of(end or "", "to")
    if ends <= begins:
        raise InvalidRange("The range's to is not after its from")
    return begins, ends


def calendar_of(row: Mapping[str, Any]) -> Calendar:
    """The calendar of a row of the list."""
    names = ("id", "kind", "title", "owner", "time_zone", "currency", "layout")
    grid = msgspec.convert(row["grid"], GridRules)
    return Calendar(Resource(**{name: row[name] for name in names}, epoch="", grid=grid))


async def places_free(live: Live, wanted: Mapping[str, tuple[Calendar, RangeWanted]]) -> dict[str, int]:
    """By resource id: how many can have the range there now, and what has to stay free after it."""
    runs = {name: _runs(found) for name, (_, found) in wanted.items()}
    free: dict[str, int] = {}
    for place in range(max(map(len, runs.values()), default=0)):  # once, but for buffers with a pause in them
        asked = {name: (wanted[name][0], *run[place]) for name, run in runs.items() if place < len(run)}
        for name, places in (await live.free(asked)).items():
            free[name] = min(places, free.get(name, places))
    return free


def _runs(found: RangeWanted) -> Sequence[tuple[int, int]]:
    """The steps of a range as (first, the one after the last), one for each run without a gap."""
    places = enumerate(index for index, _, _ in found.items)
    groups = [list(group) for _, group in groupby(places, lambda pair: pair[1] - pair[0])]
    return [(group[0][1], group[-1][1] + 1) for group in groups]
