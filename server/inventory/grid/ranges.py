"""Which steps a range of time takes and what it costs, or why it cannot be booked. Pure."""

from dataclasses import dataclass
from datetime import datetime

from server.errors import InvalidRange
from server.inventory.fields import shown
from server.inventory.grid.calendar import Calendar
from server.inventory.grid.clocks import milliseconds
from server.inventory.grid.labels import moment_label
from server.inventory.times import parse_instant
from server.times import format_instant


@dataclass(frozen=True, slots=True)
class RangeWanted:
    """A range that can be booked if it is free.

    `range` is in UTC with milliseconds. `items` are (index, quantity, price in minor units) of its `count`
    steps from `first` on, whose prices add up exactly, then of the buffer's open steps, which cost nothing.
    """

    range: tuple[str, str]
    first: int
    count: int
    items: tuple[tuple[int, int, int], ...]

    @property
    def price(self) -> int:
        """The whole range's, in minor units."""
        return sum(price for _, _, price in self.items)


def wanted_range(calendar: Calendar, start: str, end: str, now: int) -> RangeWanted:
    """The steps from `start` until `end` (RFC 3339 with an offset) as one may book them at `now`, in ms.

    Raises InvalidRange whose sentence says what would be right.
    """
    begins, ends = moment_of(start, "start"), moment_of(end, "end")
    return steps_between(calendar, begins, ends, now)


def steps_between(calendar: Calendar, begins: int, ends: int, now: int) -> RangeWanted:
    """The same of moments in ms."""
    if ends <= begins:
        raise InvalidRange("The range ends when it begins or before; its end is after its start")
    first, stop = beginning(calendar, begins, now), _boundary(calendar, ends)
    _check_length(calendar, ends - begins)
    _check_open(calendar, first, stop - first)
    items = [*_priced(calendar, first, stop - first), *_buffer(calendar, stop)]
    last = items[-1][0] + 1
    today = calendar.today(now)
    if last > today + calendar.horizon(today):
        raise InvalidRange(
            f"It is booked up to {calendar.rules.horizon_days} days ahead, until "
            f"{_clock(calendar, calendar.starts_at(today + calendar.horizon(today)))}"
        )
    spoken = format_instant(calendar.local(begins)), format_instant(calendar.local(ends))
    return RangeWanted(spoken, first, stop - first, tuple(items))


def _priced(calendar: Calendar, first: int, count: int) -> list[tuple[int, int, int]]:
    """(index, 1, price) of each step of a range."""
    return [(first + place, 1, price) for place, price in enumerate(calendar.prices(first, count))]


def beginning(calendar: Calendar, begins: int, now: int) -> int:
    """The step that begins at a moment, if a range can begin there; else InvalidRange."""
    first = _boundary(calendar, begins)
    _check_time(calendar, begins, now)
    return first


def moment_of(text: str, name: str) -> int:
    """RFC 3339 as ms since the Unix epoch; InvalidRange names what it should be."""
    try:
        return milliseconds(datetime.fromisoformat(parse_instant(text)))
    except ValueError as error:
        raise InvalidRange(f"The range's {name}, {shown(text)}, {error}") from None


def _boundary(calendar: Calendar, moment: int) -> int:
    """The step that begins at a moment, or in whose stead one could."""
    index = calendar.index_at(moment)
    before, after = calendar.starts_at(index), calendar.starts_at(index + 1)
    if moment != before:
        raise InvalidRange(
            f"{_clock(calendar, moment)} is inside a step of {calendar.rules.step_minutes} minutes; "
            f"one begins at {calendar.local(before):%H:%M}, the next at {calendar.local(after):%H:%M}"
        )
    return index


def _check_length(calendar: Calendar, length: int) -> None:
    minutes, rules = length // 60_000, calendar.rules
    shortest = max(rules.min_minutes, rules.step_minutes)
    if minutes < shortest:
        raise InvalidRange(f"The range has {minutes} minutes; {shortest} are the least here")
    if minutes > rules.max_minutes:
        raise InvalidRange(f"The range has {minutes} minutes; {rules.max_minutes} are the most here")


def _check_time(calendar: Calendar, begins: int, now: int) -> None:
    """A step that has begun can no longer be had, nor one that begins too soon."""
    notice = calendar.rules.notice_minutes
    earliest = max(now + 1, now + notice * 60_000)
    if begins >= earliest:
        return
    first = calendar.index_at(earliest + calendar.step_ms - 1)
    told = f"; from {_clock(calendar, calendar.starts_at(first))} on it can be booked"
    if begins <= now:
        raise InvalidRange(f"{_clock(calendar, begins)} is past{told}")
    raise InvalidRange(f"It is booked {notice} minutes ahead at least{told}")


def _check_open(calendar: Calendar, first: int, count: int) -> None:
    capacities = calendar.capacities(first, count)
    closed = next((place for place in range(count) if not capacities[place]), None)
    if closed is None:
        return
    opens = next((place for place in range(closed, count) if capacities[place]), None)
    until = f" until {_clock(calendar, calendar.starts_at(first + opens))}" if opens is not None else ""
    raise InvalidRange(f"It is closed from {_clock(calendar, calendar.starts_at(first + closed))}{until}")


def _buffer(calendar: Calendar, stop: int) -> list[tuple[int, int, int]]:
    """The open steps that stay free after a range; nobody comes while it is closed."""
    count = calendar.rules.buffer_minutes // calendar.rules.step_minutes
    capacities = calendar.capacities(stop, count)
    return [(stop + place, 1, 0) for place in range(count) if capacities[place]]


def _clock(calendar: Calendar, moment: int) -> str:
    return moment_label(calendar.local(moment))
