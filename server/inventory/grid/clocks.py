"""Time as the clocks of a zone show it: midnights, and where they are set. Pure; ms since the Unix epoch."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import inf
from zoneinfo import ZoneInfo

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A time from `begin` until `end` in which no clock is set; they show so much more than UTC."""

    begin: int
    end: int
    offset: int

    def day(self, moment: int) -> date:
        """The day that clocks show at a moment."""
        return datetime.fromtimestamp((moment + self.offset) / 1000, UTC).date()


def milliseconds(moment: datetime) -> int:
    """A moment as ms since the Unix epoch."""
    return round(moment.timestamp() * 1000)


def midnight(day: date, zone: ZoneInfo) -> int:
    """When a day begins; where clocks skip its midnight, when they do."""
    before = milliseconds(datetime(day.year, day.month, day.day, tzinfo=zone, fold=1))
    after = milliseconds(datetime(day.year, day.month, day.day, tzinfo=zone))
    return after if before >= after else _change(before, after, zone)


def pieces(begin: int, end: int, zone: ZoneInfo) -> list[Piece]:
    """A time of a day or so, cut where clocks are set."""
    found = []
    while begin < end:
        offset = _offset(begin, zone)
        until = end if _offset(end - 1, zone) == offset else _change(begin, end - 1, zone)
        found.append(Piece(begin, until, offset))
        begin = until
    return found


def joined(spans: Sequence[Span]) -> list[Span]:
    """Spans in order, those that touch as one, without those of nothing."""
    found: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def is_within(spans: Sequence[Span], start: int, end: int) -> bool:
    """Whether one of `joined` spans has all of a time."""
    place = bisect_right(spans, (start, inf)) - 1
    return place >= 0 and end <= spans[place][1]


def _offset(moment: int, zone: ZoneInfo) -> int:
    shift = datetime.fromtimestamp(moment / 1000, zone).utcoffset() or timedelta()
    return round(shift / timedelta(milliseconds=1))


def _change(before: int, after: int, zone: ZoneInfo) -> int:
    """The first moment with another offset than `before`, up to `after`, which has one."""
    offset = _offset(before, zone)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(middle, zone) == offset:
            before = middle
        else:
            after = middle
    return after
