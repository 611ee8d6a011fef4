"""Times on the wire: RFC 3339 in UTC with milliseconds over HTTP, integer milliseconds on the socket."""

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def now_milliseconds() -> int:
    """The wall clock, in milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


def rfc3339(milliseconds: int) -> str:
    """`1774000000123` as `2026-03-20T09:46:40.123Z`."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(moment: datetime) -> int:
    """Milliseconds since the Unix epoch, rounded down; a datetime without a zone is an error of ours."""
    if moment.tzinfo is None:
        raise ValueError("a time without its zone means nothing")
    return (moment - _EPOCH) // _MILLISECOND
