"""Instants as people write them, with an offset or by the clocks of a time zone."""

import re
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from server.times import format_instant

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?")
_YEARS = range(2000, 2200)


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime", "Factory"})


def is_time_zone(name: str) -> bool:
    """Whether `name` is of the IANA database, written as it writes it: `Europe/Berlin`, `UTC`."""
    return name in _zone_names()


def parse_instant(text: str, zone: ZoneInfo | None = None) -> str:
    """RFC 3339 in UTC with milliseconds; a time without an offset is the clock's of `zone`.

    Raises ValueError whose message says what would be right.
    """
    moment = _parse(text)
    if moment.tzinfo is None:
        if zone is None:
            raise ValueError("has no offset; write 2026-11-21T19:30:00Z or 2026-11-21T20:30:00+01:00")
        moment = moment.replace(tzinfo=zone)
    return format_instant(moment)


def at_wall_clock(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """When clocks in `zone` show that time; one that is skipped in spring counts on from before."""
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


def _parse(text: str) -> datetime:
    problem = "is no time; one looks like 2026-11-21T19:30:00Z"
    if not _INSTANT.fullmatch(text):
        raise ValueError(problem)
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise ValueError(f"{problem} ({error})") from None
    if moment.year not in _YEARS:
        raise ValueError(f"is in the year {moment.year}; times lie between 2000 and 2199")
    return moment
