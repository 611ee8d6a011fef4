"""A grid: slots that are steps of time over a rolling horizon. What its owner decides, as values. Pure.

An index is the number of whole steps since `origin`. Neither that nor the length of a step ever changes.
"""

from typing import Final, Literal, get_args

import msgspec

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)
STEP_MINUTES: Final = (5, 6, 10, 12, 15, 20, 30, 60)
"""All divide an hour, so that each UTC day has the same number of steps."""

MOST_STEPS: Final = 4_032
"""Of one range, buffer included: six weeks of quarters of an hour. A script is never busy for long."""

Hours = tuple[tuple[str, str], ...]
"""Spans of a day as clocks show them there: (("07:00", "12:00"), ("13:00", "24:00")); ascending, apart."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """Another price an hour (minor units) while clocks show `start` … `end`; on some weekdays, or on all."""

    start: str
    end: str
    price_per_hour: int
    weekdays: tuple[Weekday, ...] = ()


class GridRules(msgspec.Struct, frozen=True, kw_only=True):
    """When a place can be booked and what an hour of it costs. Lengths in minutes, prices in minor units.

    `opening_hours` are of a week; a weekday that is missing is closed. `exceptions` maps a date to its own
    hours, none for closed. `buffer_minutes` after each booking stay free. `notice_minutes` is how long before
    its start a range is booked at the latest. Steps later than `horizon_days` from today are not on sale.
    The first of `rates` that fits a step is its price, else `price_per_hour`.
    """

    step_minutes: int
    origin: str
    opening_hours: dict[Weekday, Hours]
    price_per_hour: int
    exceptions: dict[str, Hours] = {}
    rates: tuple[Rate, ...] = ()
    capacity: int = 1
    buffer_minutes: int = 0
    min_minutes: int = 0
    max_minutes: int = 1440
    notice_minutes: int = 0
    horizon_days: int = 365


def minutes_of(clock: str) -> int:
    """`07:30` as minutes since midnight; `24:00` is 1440."""
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
