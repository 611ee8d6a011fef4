"""A grid's steps: which there are, when they begin, which are open and what they cost. Pure.

Days are of the grid's own time zone, indices count steps of exact length since its origin: where clocks are set,
a day has more or fewer steps, and no step is longer or shorter. A step is open if all of it lies in opening hours.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from server.inventory.grid.rules import WEEKDAYS, GridRules, Hours, Rate
from server.inventory.rules import Money, Resource, Slot
from server.inventory.times import format_instant

DAY_MS: Final = 86_400_000
WINDOW_DAYS: Final = 7
"""Today and the next six: what is shown where nobody asks for other days."""


class Calendar:
    """One grid under one layout. Times in ms since the Unix epoch, indices from the grid's origin."""

    def __init__(self, resource: Resource) -> None:
        rules = resource.grid
        if rules is None:
            raise ValueError(f"{resource.id} is no grid")
        self.rules: GridRules = rules
        self.zone = ZoneInfo(resource.time_zone)
        self.currency = resource.currency
        self.step_ms = rules.step_minutes * 60_000
        self.chunk = DAY_MS // self.step_ms
        self.origin = _milliseconds(datetime.fromisoformat(rules.origin))
        self._open_on = lru_cache(maxsize=1_000)(self._read_day)

    def index_at(self, moment: int) -> int:
        """The step that contains a moment."""
        return (moment - self.origin) // self.step_ms

    def starts_at(self, index: int) -> int:
        """When a step begins, and the one before ends."""
        return self.origin + index * self.step_ms

    def day_of(self, index: int) -> date:
        """The local day on which a step begins."""
        return self._local(self.starts_at(index)).date()

    def first_of(self, day: date) -> int:
        """The first step that begins on a local day."""
        midnight = _milliseconds(datetime(day.year, day.month, day.day, tzinfo=self.zone))
        return -((self.origin - midnight) // self.step_ms)

    def steps_of(self, day: date) -> tuple[int, int]:
        """The first step that begins on a local day, and how many do."""
        first = self.first_of(day)
        return first, self.first_of(day + timedelta(days=1)) - first

    def today(self, now: int) -> int:
        """The first step of the local day that `now` is in."""
        return self.first_of(self._local(now).date())

    def window(self, first: int, days: int = WINDOW_DAYS) -> int:
        """How many steps there are from `first`, the first of a local day, over so many days."""
        return self.first_of(self.day_of(first) + timedelta(days=days)) - first

    def horizon(self, first: int) -> int:
        """How many steps are on sale or shown from `first`, the first step of today."""
        return self.window(first, self.rules.horizon_days + 1)

    def sections(self, first: int, count: int) -> Sequence[str]:
        """The local day of each step, as 2026-11-21."""
        names: list[str] = []
        for day, _, length in self._days(first, count):
            names += [day.isoformat()] * length
        return names

    def capacities(self, first: int, count: int) -> "array[int]":
        """How many can have each step at once; 0 where it is closed."""
        found = array("I")
        for day, start, length in self._days(first, count):
            opened, offset = self._open_on(day), start - self.first_of(day)
            found.extend(opened[offset : offset + length])
        return found

    def is_open(self, index: int) -> bool:
        """Whether a step is in opening hours."""
        day = self.day_of(index)
        return self._open_on(day)[index - self.first_of(day)] > 0

    def slot_id(self, index: int) -> str:
        """When it begins: `2026-11-21T09:00:00Z`."""
        return f"{datetime.fromtimestamp(self.starts_at(index) / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"

    def index_of(self, slot_id: str) -> int | None:
        """The step of this id; None for anything else."""
        try:
            moment = _milliseconds(datetime.strptime(slot_id, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC))
        except ValueError:
            return None
        index, rest = divmod(moment - self.origin, self.step_ms)
        return None if rest or index < 0 or self.slot_id(index) != slot_id else index

    def slot(self, index: int) -> Slot:
        """A step as a slot; a closed one is blocked."""
        local = self._local(self.starts_at(index))
        ends_at = self._local(self.starts_at(index + 1))
        return Slot(
            index=index,
            id=self.slot_id(index),
            label=f"{local:%H:%M}–{ends_at:%H:%M}",  # noqa: RUF001  # an en dash is how spans are written
            capacity=self.rules.capacity,
            price=Money(_rounded(self.hourly(index) * self.rules.step_minutes), self.currency),
            section=local.date().isoformat(),
            starts_at=format_instant(local),
            ends_at=format_instant(ends_at),
            blocked=not self.is_open(index),
        )

    def hourly(self, index: int) -> int:
        """What an hour costs at this step, in minor units."""
        local = self._local(self.starts_at(index))
        minute, weekday = local.hour * 60 + local.minute, WEEKDAYS[local.weekday()]
        for start, end, rate in self._rates:
            if start <= minute < end and (not rate.weekdays or weekday in rate.weekdays):
                return rate.price_per_hour
        return self.rules.price_per_hour

    def prices(self, first: int, count: int) -> list[int]:
        """The price of each step of a range that begins at `first`, minor units.

        Each is rounded so that any number of them from the first on come to the range's exact price, half up.
        """
        found, exact, told = [], 0, 0
        for index in range(first, first + count):
            exact += self.hourly(index) * self.rules.step_minutes
            total = _rounded(exact)
            found.append(total - told)
            told = total
        return found

    @cached_property
    def _rates(self) -> list[tuple[int, int, Rate]]:
        return [(minutes_of(rate.start), minutes_of(rate.end), rate) for rate in self.rules.rates]

    def _local(self, moment: int) -> datetime:
        return datetime.fromtimestamp(moment / 1000, self.zone)

    def _days(self, first: int, count: int) -> Iterator[tuple[date, int, int]]:
        """The local days of a run of steps: (day, its first step in the run, how many)."""
        stop = first + count
        while first < stop:
            day = self.day_of(first)
            until = min(stop, self.first_of(day + timedelta(days=1)))
            yield day, first, until - first
            first = until

    def _read_day(self, day: date) -> "array[int]":
        """The capacity of each step that begins on a day."""
        first, count = self.steps_of(day)
        # A span that ends at 24:00 may go on at 00:00 of the next day: both days' spans are looked at.
        spans = [*self._spans(day), *self._spans(day + timedelta(days=1))]
        spans = _joined(spans)
        starts = [start for start, _ in spans]
        found = array("I")
        for index in range(first, first + count):
            begins = self.starts_at(index)
            place = bisect_right(starts, begins) - 1
            is_open = place >= 0 and begins + self.step_ms <= spans[place][1]
            found.append(self.rules.capacity if is_open else 0)
        return found

    def _spans(self, day: date) -> list[tuple[int, int]]:
        """Opening hours of a day as moments; what clocks skip is left out, what they show twice is open twice."""
        return [(self._moment(day, start, 0), self._moment(day, end, 1)) for start, end in self._hours(day)]

    def _hours(self, day: date) -> Hours:
        own = self.rules.exceptions.get(day.isoformat())
        return self.rules.opening_hours.get(WEEKDAYS[day.weekday()], ()) if own is None else own

    def _moment(self, day: date, clock: str, fold: int) -> int:
        minutes = minutes_of(clock)
        if minutes == 1440:
            day, minutes = day + timedelta(days=1), 0
            fold = 0
        hour, minute = divmod(minutes, 60)
        return _milliseconds(
            datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone, fold=fold)
        )


def minutes_of(clock: str) -> int:
    """`07:30` as minutes since midnight; `24:00` is 1440."""
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _rounded(sixtieths: int) -> int:
    """Prices an hour times minutes as minor units, half up."""
    return (sixtieths * 2 + 60) // 120
