"""Times: integer milliseconds inside and on the socket, over HTTP RFC 3339 in UTC with milliseconds."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], int]
"""Answers the milliseconds since the Unix epoch."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def now_milliseconds() -> int:
    """The wall clock, in milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


def rfc3339(milliseconds: int) -> str:
    """`1774000000123` as `2026-03-20T09:46:40.123Z`."""
    return format_instant(_EPOCH + timedelta(milliseconds=milliseconds))


def format_instant(moment: datetime) -> str:
    """A moment of any zone as `2026-11-21T19:30:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(moment: datetime) -> int:
    """Milliseconds since the Unix epoch, rounded down; a datetime without a zone is an error of ours."""
    if moment.tzinfo is None:
        raise ValueError("a time without its zone means nothing")
    return (moment - _EPOCH) // _MILLISECOND
