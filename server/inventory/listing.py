"""The list of resources: a page of those that somebody wants, in the order of creation."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import asyncpg

from server.database.pool import Database
from server.database.queries import load
from server.inventory.grid.calendar import Calendar
from server.inventory.grid.finding import Live, Wish, calendar_of, places_free
from server.inventory.grid.ranges import RangeWanted
from server.inventory.views import cursor_after, found_view, summary_view

queries = load(__file__)

_AT_ONCE = 100
_ROUNDS = 5
"""So many resources are looked at for one page; whoever wants more asks on from there."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which resources a list is of; None is any. `after` is the position of the last one seen.

    `range`, in ms, is of grids that are free for the whole of it.
    """

    kind: str | None = None
    owner: str | None = None
    text: str | None = None
    day: date | None = None
    after: int = 0
    range: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a list; `next` is None on its last page."""

    items: Sequence[Mapping[str, Any]]
    next: str | None


async def list_resources(database: Database, wanted: Wanted, limit: int) -> list[asyncpg.Record]:
    """At most `limit` rows in the order of creation; of grids all, whatever the day or range."""
    pattern = None if wanted.text is None else f"%{_escaped(wanted.text)}%"
    kind = wanted.kind if wanted.range is None else "grid"
    async with database.connection() as connection:
        return await connection.fetch(
            queries.list_resources, kind, wanted.owner, pattern, wanted.day, wanted.after, limit
        )


async def page(database: Database, wanted: Wanted, limit: int, now: int, live: Live | None) -> Page:
    """At most `limit` resources. One of fewer may have a next page all the same; a range asks `live`."""
    found: list[Mapping[str, Any]] = []
    after = wanted.after
    at_once = limit if wanted.range is None and wanted.day is None else _AT_ONCE
    for _ in range(_ROUNDS):
        rows = await list_resources(database, replace(wanted, after=after), at_once + 1)
        is_last = len(rows) <= at_once
        shown = await _shown([dict(row) for row in rows[:at_once]], wanted, now, live)
        for place, item in enumerate(shown):
            after = rows[place]["position"]
            found += [] if item is None else [item]
            if len(found) == limit:
                is_last = is_last and place == len(shown) - 1
                return Page(found, None if is_last else cursor_after(after))
        if is_last:
            return Page(found, None)
    return Page(found, cursor_after(after))


async def _shown(
    rows: Sequence[Mapping[str, Any]], wanted: Wanted, now: int, live: Live | None
) -> list[Mapping[str, Any] | None]:
    """Each row as an item, or None if the day or range says otherwise."""
    wish = Wish(wanted.range, wanted.day)
    # Milliseconds for each grid, when the range is long: not for an event loop.
    fitting = await asyncio.to_thread(_fitting, rows, wish, now)
    ranges = {name: (calendar, steps) for name, (calendar, steps) in fitting.items() if steps is not None}
    free = await places_free(live, ranges) if live and ranges else {}

    def item(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
        name = row["id"]
        if wanted.range is not None:
            return found_view(row, ranges[name][1], free[name]) if free.get(name) else None
        return summary_view(row) if row["grid"] is None or name in fitting else None

    return [item(row) for row in rows]


def _fitting(
    rows: Sequence[Mapping[str, Any]], wish: Wish, now: int
) -> dict[str, tuple[Calendar, RangeWanted | None]]:
    """The grids that are open when somebody wishes; the steps that the wish takes there, if it can be had."""
    calendars = {row["id"]: calendar_of(row) for row in rows if row["grid"] is not None}
    return {
        name: (calendar, wish.steps(calendar, now))
        for name, calendar in calendars.items()
        if wish.fits(calendar, now)
    }


def _escaped(text: str) -> str:
    """A text in which ILIKE finds no wildcard."""
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
