"""Which days of a grid somebody wants to see. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from server.errors import FieldError, InvalidFields
from server.inventory.grid.calendar import WINDOW_DAYS, Calendar

MOST_DAYS: Final = 62

_YEARS = range(2000, 2200)


@dataclass(frozen=True, slots=True)
class Days:
    """Days of the grid's own clocks, both included; None: today, and the six days after the first."""

    start: date | None = None
    end: date | None = None

    def steps(self, calendar: Calendar, today: int) -> tuple[int, int]:
        """The first step and how many, if `today` is the first of its today.

        Days that are past or beyond its horizon are left out.
        """
        first_day = self.start or calendar.day_of(today)
        last_day = self.end or first_day + timedelta(days=WINDOW_DAYS - 1)
        horizon = today + calendar.horizon(today)
        first = min(max(calendar.first_of(first_day), today), horizon)
        return first, max(0, min(calendar.first_of(last_day + timedelta(days=1)), horizon) - first)


def read_days(query: Mapping[str, str]) -> Days:
    """`from` and `to` of a query; InvalidFields if they are no days, reversed, or too many."""
    days = Days(read_day(query, "from"), read_day(query, "to"))
    if days.start is None and days.end is not None:
        raise InvalidFields(errors=[FieldError("from", "is missing; it is the first day, to the last one")])
    if days.start is not None and days.end is not None:
        length = (days.end - days.start).days + 1
        if not 1 <= length <= MOST_DAYS:
            wrong = f"is {length} days after from" if length > 0 else "is before from"
            raise InvalidFields(
                errors=[FieldError("to", f"{wrong}; both included, 1 to {MOST_DAYS} are shown")]
            )
    return days


def read_day(query: Mapping[str, str], name: str) -> date | None:
    """A day such as 2026-11-21; None where it is missing."""
    given = query.get(name)
    if not given:
        return None
    try:
        day = date.fromisoformat(given if len(given) == len("2026-11-21") else "")
    except ValueError:
        day = date.min
    if day.year not in _YEARS:
        raise InvalidFields(errors=[FieldError(name, "is no date; one looks like 2026-11-21")])
    return day
