"""What the usual lengths from one start cost, all at once, and which of them are free. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from server.errors import InvalidRange
from server.inventory.grid.calendar import Calendar
from server.inventory.grid.ranges import RangeWanted, beginning, moment_of, steps_between
from server.times import format_instant

LENGTHS: Final = (30, 60, 120, 240, 480)
"""In minutes."""

TAKEN = "Some of it is taken"


@dataclass(frozen=True, slots=True)
class Length:
    """So many minutes until `end`: the range, or in words why there is none."""

    minutes: int
    end: str
    range: RangeWanted | None = None
    reason: str = ""


def lengths_from(calendar: Calendar, start: str, now: int) -> list[Length]:
    """Each usual length from `start` (RFC 3339 with an offset) on; InvalidRange if none can begin there."""
    begins = moment_of(start, "start")
    beginning(calendar, begins, now)
    return [_length(calendar, begins, minutes, now) for minutes in LENGTHS]


def steps_of(lengths: Sequence[Length]) -> tuple[int, int]:
    """The first step of which something must be known, and how many."""
    items = [item for length in lengths if length.range for item in length.range.items]
    if not items:
        return 0, 0
    first = items[0][0]
    return first, max(index for index, _, _ in items) + 1 - first


def lengths_view(
    calendar: Calendar, start: str, lengths: Sequence[Length], available: Mapping[int, int]
) -> dict[str, Any]:
    """`{start, lengths}`; `available` is index → places that are free now."""
    begins = format_instant(calendar.local(moment_of(start, "start")))
    return {"start": begins, "lengths": [_view(length, calendar, available) for length in lengths]}


def _length(calendar: Calendar, begins: int, minutes: int, now: int) -> Length:
    ends = begins + minutes * 60_000
    end = format_instant(calendar.local(ends))
    try:
        return Length(minutes, end, steps_between(calendar, begins, ends, now))
    except InvalidRange as error:
        return Length(minutes, end, reason=error.detail)


def _view(length: Length, calendar: Calendar, available: Mapping[int, int]) -> dict[str, Any]:
    found = length.range
    is_free = found is not None and all(available.get(index, 0) > 0 for index, _, _ in found.items)
    price = None if found is None else {"amount": found.price, "currency": calendar.currency}
    reason = TAKEN if found is not None and not is_free else length.reason
    return {
        "minutes": length.minutes,
        "end": length.end,
        "price": price,
        "available": is_free,
        "reason": reason or None,
    }
