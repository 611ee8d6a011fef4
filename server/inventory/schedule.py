"""Start times that repeat: a museum's tours on each day, a course on Tuesdays."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from server.inventory.fields import Fields, shown
from server.inventory.prices import hours_price, missing_price, price_field
from server.inventory.rules import MAX_CAPACITY, ResourceDraft, SlotDraft
from server.inventory.times import at_wall_clock
from server.times import format_instant

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MAX_DAYS = 400
_MAX_TIMES = 96
_MAX_MINUTES = 7 * 24 * 60


def read_schedule(fields: Fields, head: ResourceDraft, today: date) -> tuple[SlotDraft, ...]:
    """One slot for each day and time: `{from, days, weekdays?, times, minutes, capacity, price or
    price_per_hour, label?}`.

    `from` is a date or `today`; `times` are what clocks show in the resource's zone. A slot's id is its day
    and time, so reading the same schedule on another day keeps the slots that both have.
    """
    first = _first_day(fields, today)
    days = fields.whole("days", lowest=1, highest=_MAX_DAYS)
    weekdays = _weekdays(fields)
    clocks = list(_times(fields))
    minutes = timedelta(minutes=fields.whole("minutes", lowest=1, highest=_MAX_MINUTES))
    capacity = fields.whole("capacity", 1, highest=MAX_CAPACITY)
    price = _price(fields, head.currency, minutes)
    name = fields.text("label", "", limit=100)
    fields.done(what="a schedule")
    zone = ZoneInfo(head.time_zone)
    return tuple(
        _slot(day, clock, zone, minutes, name=name, capacity=capacity, price=price)
        for day in (first + timedelta(days=place) for place in range(days))
        if day.weekday() in weekdays
        for clock in clocks
    )


def _price(fields: Fields, currency: str, minutes: timedelta) -> int:
    """Of each time as a whole, or by the hour."""
    if "price_per_hour" not in fields:
        fields.take("price_per_hour")
        price = price_field(fields, "price", currency)
        return missing_price(fields, currency) if price is None else price
    if fields.take("price") is not None:
        fields.wrong("price_per_hour", "stands beside price; one of the two is wanted")
    start = datetime(2000, 1, 1, tzinfo=UTC)
    times = format_instant(start), format_instant(start + minutes)
    per_hour = price_field(fields, "price_per_hour", currency) or 0
    return hours_price(fields, per_hour, currency, times)


def _slot(
    day: date, clock: time, zone: ZoneInfo, minutes: timedelta, *, name: str, capacity: int, price: int
) -> SlotDraft:
    start = at_wall_clock(day, clock, zone)
    shown_time = f"{day:%a} {day.day} {day:%b}, {clock:%H:%M}"
    return SlotDraft(
        id=f"{day:%Y%m%d}-{clock:%H%M}",
        label=f"{name}, {shown_time}" if name else shown_time,
        capacity=capacity,
        price=price,
        section=day.isoformat(),
        starts_at=format_instant(start),
        ends_at=format_instant(start + minutes),
    )


def _first_day(fields: Fields, today: date) -> date:
    given = fields.text("from", "today")
    if given == "today":
        return today
    try:
        return date.fromisoformat(given)
    except ValueError:
        fields.wrong("from", f"is {shown(given)}; a date such as 2026-11-21, or today, is wanted")
        return today


def _weekdays(fields: Fields) -> frozenset[int]:
    found = set()
    for path, value in fields.items("weekdays", limit=len(_WEEKDAYS)):
        if value in _WEEKDAYS:
            found.add(_WEEKDAYS.index(str(value)))
        else:
            fields.problems.add(path, f"is {shown(value)}; one of {', '.join(_WEEKDAYS)} is wanted")
    return frozenset(found or range(len(_WEEKDAYS)))


def _times(fields: Fields) -> Iterator[time]:
    if "times" not in fields:
        fields.wrong("times", 'is missing; a list such as ["10:00", "14:30"] is wanted')
    seen = set()
    for path, value in fields.items("times", limit=_MAX_TIMES):
        try:
            clock = time.fromisoformat(value if isinstance(value, str) and len(value) == 5 else "")
        except ValueError:
            fields.problems.add(path, f'is {shown(value)}; a time of day in quotes such as "14:30" is wanted')
            continue
        if clock in seen:
            fields.problems.add(path, f"{shown(value)} stands twice")
        seen.add(clock)
        yield clock
