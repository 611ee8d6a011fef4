"""Reads a grid's rules as a request's body or a catalogue's entry describes them."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from server.inventory.fields import Fields, Problems, shown
from server.inventory.grid.rules import (
    MOST_STEPS,
    STEP_MINUTES,
    WEEKDAYS,
    GridRules,
    Hours,
    Rate,
    Weekday,
    minutes_of,
)
from server.inventory.prices import highest_price, read_price
from server.times import format_instant

MAX_PLACES: Final = 100_000
MAX_HORIZON_DAYS: Final = 400

_ORIGIN_YEAR = 2025
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")
_CLOCK_WANTED = 'two times of a clock such as ["07:00", "24:00"] are wanted'
_MAX_SPANS = 12
_MAX_EXCEPTIONS = 1_000
_MAX_RATES = 20
_DAY = 24 * 60
_YEARS = range(2000, 2200)


def read_grid(
    fields: Fields, kind: str, *, currency: str, zone: ZoneInfo, standing: GridRules | None = None
) -> GridRules | None:
    """The rules under `grid` of a resource's fields; None where there are none.

    `standing` are those of the resource that is changed: the length of its steps and its origin stay.
    """
    child = fields.child("grid")
    if kind != "grid":
        if child is not None:
            fields.wrong("grid", f"is for resources of the kind grid; this one is of {shown(kind)}")
        return None
    if child is None:
        fields.wrong(
            "grid", "is missing; a map with step_minutes, opening_hours and price_per_hour is wanted"
        )
        return None
    before = len(fields.problems.errors)
    rules = _read(child, currency, zone, standing)
    child.done(what="a grid")
    if len(fields.problems.errors) == before:  # sums of wrong numbers are no news
        _check_sums(rules, child, currency)
    return rules


def origin_of(zone: ZoneInfo) -> str:
    """Where a new grid of a zone counts from: a midnight of its standard time, so that steps go with clocks.

    It depends on nothing but the zone, so a catalogue that is read twice says the same twice.
    """
    day = datetime(_ORIGIN_YEAR, 1, 1, tzinfo=zone)
    while day.dst() and day.year >= _ORIGIN_YEAR - 1:
        day -= timedelta(days=1)  # of the clock's time: midnight stays midnight
    return format_instant(day)


def kept_origin(rules: GridRules, standing: GridRules) -> GridRules:
    """Rules that count from where the standing ones do, if their steps begin at the same times."""
    apart = datetime.fromisoformat(rules.origin) - datetime.fromisoformat(standing.origin)
    if apart % timedelta(minutes=standing.step_minutes):
        return rules
    return msgspec.structs.replace(rules, origin=standing.origin)


def _read(fields: Fields, currency: str, zone: ZoneInfo, standing: GridRules | None) -> GridRules:
    step = _step(fields, standing)
    longest = MOST_STEPS * step
    return GridRules(
        step_minutes=step,
        origin=_origin(fields, zone, step, standing),
        opening_hours=_opening_hours(fields, step),
        exceptions=_exceptions(fields, step),
        price_per_hour=_price(fields, currency),
        rates=_rates(fields, currency, step),
        capacity=fields.whole("capacity", 1, lowest=1, highest=MAX_PLACES),
        buffer_minutes=_multiple(fields, "buffer_minutes", 0, highest=_DAY, step=step),
        min_minutes=_multiple(fields, "min_minutes", 0, highest=longest, step=step),
        max_minutes=_multiple(
            fields, "max_minutes", min(_DAY, longest), lowest=step, highest=longest, step=step
        ),
        notice_minutes=fields.whole("notice_minutes", 0, highest=90 * _DAY, unit=" minutes"),
        horizon_days=fields.whole("horizon_days", 365, lowest=1, highest=MAX_HORIZON_DAYS, unit=" days"),
    )


def _check_sums(rules: GridRules, fields: Fields, currency: str) -> None:
    """What no field shows alone."""
    if rules.min_minutes > rules.max_minutes:
        fields.wrong("min_minutes", f"is {rules.min_minutes}; max_minutes, {rules.max_minutes}, is the most")
    most = MOST_STEPS * rules.step_minutes
    if rules.max_minutes + rules.buffer_minutes > most:
        fields.wrong("max_minutes", f"with buffer_minutes is more than {most} minutes, {MOST_STEPS} steps")
    if rules.notice_minutes >= rules.horizon_days * _DAY:
        fields.wrong("notice_minutes", f"is {rules.notice_minutes}; it lies within horizon_days")
    dearest = max([rules.price_per_hour, *(rate.price_per_hour for rate in rules.rates)])
    total, highest = dearest * rules.max_minutes // 60, highest_price(currency)
    if total > highest:
        fields.wrong(
            "price_per_hour", f"comes to {total} for max_minutes; {highest} is the most of a booking"
        )


def _step(fields: Fields, standing: GridRules | None) -> int:
    given = fields.take("step_minutes")
    wanted = f"one of {', '.join(map(str, STEP_MINUTES))} is wanted"
    if given is None:
        fields.wrong("step_minutes", f"is missing; {wanted}")
        return STEP_MINUTES[0]
    if not isinstance(given, int) or isinstance(given, bool) or given not in STEP_MINUTES:
        fields.wrong("step_minutes", f"is {shown(given)}; {wanted}")
        return STEP_MINUTES[0]
    if standing is not None and given != standing.step_minutes:
        fields.wrong(
            "step_minutes", f"is {given}; steps of {standing.step_minutes} minutes stay, or make a new grid"
        )
        return standing.step_minutes
    return given


def _origin(fields: Fields, zone: ZoneInfo, step: int, standing: GridRules | None) -> str:
    given, fresh = fields.take("origin"), origin_of(zone)
    origin = fresh if standing is None else standing.origin
    if given is not None and given != origin:
        fields.wrong("origin", f"is {shown(given)}; leave it out, the server has set it once and for all")
    apart = datetime.fromisoformat(origin) - datetime.fromisoformat(fresh)
    if apart % timedelta(minutes=step):
        fields.wrong("origin", "does not go with the clocks of another time_zone; make a new grid")
    return origin


def _opening_hours(fields: Fields, step: int) -> dict[Weekday, Hours]:
    week = fields.child("opening_hours")
    if week is None:
        fields.wrong("opening_hours", 'is missing; a map such as {"mon": [["07:00", "22:00"]]} is wanted')
        return {}
    found = {day: _hours(week, day, step) for day in WEEKDAYS if day in week}
    for day in WEEKDAYS:
        week.take(day)
    week.done(what="a week")
    return found


def _exceptions(fields: Fields, step: int) -> dict[str, Hours]:
    days = fields.child("exceptions")
    if days is None:
        return {}
    names = days.names()
    if len(names) > _MAX_EXCEPTIONS:
        fields.wrong("exceptions", f"has {len(names)} days; {_MAX_EXCEPTIONS} are the most")
        return {}
    found = {}
    for name in names:
        if _is_date(name):
            found[name] = _hours(days, name, step)
        else:
            days.wrong(name[:100], "is no date; one looks like 2026-12-25")
    return dict(sorted(found.items()))


def _hours(fields: Fields, name: str, step: int) -> Hours:
    """The spans of a day, each after the one before and apart from it."""
    found: list[tuple[str, str]] = []
    for path, value in fields.items(name, limit=_MAX_SPANS):
        span = _span(value, path, fields.problems, step)
        if span is None:
            continue
        if found and minutes_of(span[0]) <= minutes_of(found[-1][1]):
            fields.problems.add(path, f"does not begin after {found[-1][1]}, where the span before it ends")
        found.append(span)
    return tuple(found)


def _span(value: object, path: str, problems: Problems, step: int) -> tuple[str, str] | None:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        problems.add(path, f"is {shown(value)}; {_CLOCK_WANTED}")
        return None
    start, end = (_clock(each, path, problems, step) for each in value)
    if not start or not end:
        return None
    if minutes_of(start) >= minutes_of(end):
        problems.add(
            path,
            f"ends at {end}, not after it begins at {start}; over midnight it ends at 24:00 and goes on "
            "at 00:00 of the next day",
        )
        return None
    return start, end


def _clock(value: object, path: str, problems: Problems, step: int) -> str:
    """A time of day; "" and a problem if it is none."""
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        problems.add(path, f"has {shown(value)}; {_CLOCK_WANTED}")
        return ""
    if minutes_of(value) % step:
        problems.add(path, f"has {value}, which is between steps of {step} minutes")
        return ""
    return value


def _rates(fields: Fields, currency: str, step: int) -> tuple[Rate, ...]:
    found = []
    for path, value in fields.items("rates", limit=_MAX_RATES):
        item = Fields(value, path, fields.problems)
        start, end = item.take("start"), item.take("end")
        span = _span([start, end], path, fields.problems, step)
        price = _price(item, currency)
        weekdays = _weekdays(item)
        item.done(what="a rate")
        if span is not None:
            found.append(Rate(start=span[0], end=span[1], price_per_hour=price, weekdays=weekdays))
    return tuple(found)


def _weekdays(fields: Fields) -> tuple[Weekday, ...]:
    found = set()
    for path, value in fields.items("weekdays", limit=len(WEEKDAYS)):
        if value in WEEKDAYS:
            found.add(value)
        else:
            fields.problems.add(path, f"is {shown(value)}; one of {', '.join(WEEKDAYS)} is wanted")
    return tuple(day for day in WEEKDAYS if day in found)


def _price(fields: Fields, currency: str) -> int:
    price = read_price(fields.take("price_per_hour"), currency)
    if isinstance(price, str):
        fields.wrong("price_per_hour", price)
        return 0
    return price


def _multiple(fields: Fields, name: str, default: int, *, lowest: int = 0, highest: int, step: int) -> int:
    minutes = fields.whole(name, default, lowest=lowest, highest=highest, unit=" minutes")
    if minutes % step:
        fields.wrong(name, f"is {minutes}; a multiple of step_minutes, {step}, is wanted")
    return minutes


def _is_date(text: str) -> bool:
    try:
        return len(text) == len("2026-11-21") and date.fromisoformat(text).year in _YEARS
    except ValueError:
        return False
