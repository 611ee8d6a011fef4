"""A grid's steps in PostgreSQL: a row for each of which something was ever booked, made by its booking."""

from collections.abc import Mapping
from typing import Final

from server.database.pool import Connection
from server.database.queries import load
from server.errors import Conflict
from server.inventory.grid.calendar import Calendar
from server.inventory.grid.rules import GridRules
from server.inventory.rules import Resource

queries = load(__file__)

PAST_DAYS: Final = 2
"""Days of 24 hours from the origin. Steps longer past than these before today's are history: they keep the
capacity that they had. server/holds/days.py keeps as many, so that none of another capacity is loaded."""

_NAMED_AT_MOST = 10


async def taken_from(connection: Connection, resource: Resource, now: int) -> Mapping[str, int]:
    """Id → places of the steps of which something is booked, past ones left out; they stay locked."""
    calendar = Calendar(resource)
    rows = await connection.fetch(queries.lock_steps, resource.id, _first_that_counts(calendar, now))
    return {row["id"]: row["taken"] for row in rows}


async def resize(connection: Connection, resource: Resource, rules: GridRules, now: int) -> None:
    """Give the steps that stand the capacity of new rules; Conflict where more is booked. `now` in ms."""
    standing = resource.grid
    if standing is None or standing.capacity == rules.capacity:
        return
    taken = await taken_from(connection, resource, now)
    refuse_below_taken(taken, rules.capacity)
    first = _first_that_counts(Calendar(resource), now)
    await connection.execute(queries.resize_steps, resource.id, first, rules.capacity)


def refuse_below_taken(taken: Mapping[str, int], capacity: int) -> None:
    """Raise Conflict if more of a step is booked than it would hold."""
    small = [f"{step} ({places} of {capacity})" for step, places in taken.items() if places > capacity]
    if small:
        more = f" and {len(small) - _NAMED_AT_MOST} more" if len(small) > _NAMED_AT_MOST else ""
        raise Conflict(
            f"More is booked than the new capacity holds: {', '.join(small[:_NAMED_AT_MOST])}{more}"
        )


def _first_that_counts(calendar: Calendar, now: int) -> int:
    return max(0, (calendar.today(now) // calendar.chunk - PAST_DAYS) * calendar.chunk)
