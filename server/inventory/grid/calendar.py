"""A grid's steps: which there are, when they begin, which are open and what they cost. Pure.

Days are of the grid's own time zone, indices count steps of exact length since its origin: where clocks are
set, a day has more or fewer steps, and no step is longer or shorter. A step is open if clocks show opening
hours during all of it: hours that clocks skip are not there, hours that they show twice are open twice.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from server.inventory.grid.clocks import Piece, Span, is_within, joined, midnight, milliseconds, pieces
from server.inventory.grid.rules import WEEKDAYS, GridRules, Hours, Rate, Weekday, minutes_of
from server.inventory.rules import Money, Resource, Slot

DAY_MS: Final = 86_400_000
WINDOW_DAYS: Final = 7
"""Today and the next six: what is shown where nobody asks for other days."""

_MINUTE_MS = 60_000
_DAYS_KEPT = 1_000
_ONE_DAY = timedelta(days=1)


class Calendar:
    """One grid under one layout. Times in ms since the Unix epoch, indices from the grid's origin."""

    def __init__(self, resource: Resource) -> None:
        rules = resource.grid
        if rules is None:
            raise ValueError(f"{resource.id} is no grid")
        self.rules: GridRules = rules
        self.zone = ZoneInfo(resource.time_zone)
        self.currency = resource.currency
        self.step_ms = rules.step_minutes * _MINUTE_MS
        self.chunk = DAY_MS // self.step_ms
        self.origin = milliseconds(datetime.fromisoformat(rules.origin))
        # Most days are like others: what one of them is like is worked out once and kept.
        self._open_on = lru_cache(maxsize=_DAYS_KEPT)(self._read_open)
        self._hourly_on = lru_cache(maxsize=_DAYS_KEPT)(self._read_hourly)
        self._open_like = lru_cache(maxsize=_DAYS_KEPT)(self._work_out_open)
        self._hourly_like = lru_cache(maxsize=_DAYS_KEPT)(self._work_out_hourly)
        self._first_of = lru_cache(maxsize=_DAYS_KEPT)(self._find_first)

    def index_at(self, moment: int) -> int:
        """The step that contains a moment."""
        return (moment - self.origin) // self.step_ms

    def starts_at(self, index: int) -> int:
        """When a step begins, and the one before ends."""
        return self.origin + index * self.step_ms

    def day_of(self, index: int) -> date:
        """The local day on which a step begins."""
        return self.local(self.starts_at(index)).date()

    def first_of(self, day: date) -> int:
        """The first step that begins on a local day."""
        return self._first_of(day)

    def steps_of(self, day: date) -> tuple[int, int]:
        """The first step that begins on a local day, and how many do."""
        first = self.first_of(day)
        return first, self.first_of(day + _ONE_DAY) - first

    def today(self, now: int) -> int:
        """The first step of the local day that `now` is in."""
        return self.first_of(self.local(now).date())

    def window(self, first: int, days: int = WINDOW_DAYS) -> int:
        """How many steps there are from `first`, the first of a local day, over so many days."""
        return self.first_of(self.day_of(first) + timedelta(days=days)) - first

    def horizon(self, first: int) -> int:
        """How many steps are on sale or shown from `first`, the first step of today."""
        return self.window(first, self.rules.horizon_days + 1)

    def days(self, first: int, count: int) -> Iterator[tuple[date, int, int]]:
        """The local days of a run of steps: (day, its first step in the run, how many)."""
        stop = first + count
        while first < stop:
            day = self.day_of(first)
            until = min(stop, self.first_of(day + _ONE_DAY))
            yield day, first, until - first
            first = until

    def sections(self, first: int, count: int) -> Sequence[str]:
        """The local day of each step, as 2026-11-21."""
        names: list[str] = []
        for day, _, length in self.days(first, count):
            names += [day.isoformat()] * length
        return names

    def capacities(self, first: int, count: int) -> "array[int]":
        """How many can have each step at once; 0 where it is closed."""
        return self._of_days(self._open_on, "I", first, count)

    def is_open(self, index: int) -> bool:
        """Whether a step is in opening hours."""
        return self.capacities(index, 1)[0] > 0

    def hourly(self, index: int) -> int:
        """What an hour costs at this step, in minor units; the clock at its beginning decides."""
        return self._of_days(self._hourly_on, "q", index, 1)[0]

    def prices(self, first: int, count: int) -> list[int]:
        """The price of each step of a range that begins at `first`, minor units.

        Each is rounded so that any number of them from the first on come to the range's exact price, half up.
        """
        found, exact, told = [], 0, 0
        for hourly in self._of_days(self._hourly_on, "q", first, count):
            exact += hourly * self.rules.step_minutes
            total = _rounded(exact)
            found.append(total - told)
            told = total
        return found

    def slot_id(self, index: int) -> str:
        """When it begins: `2026-11-21T09:00:00Z`."""
        return f"{_utc(self.starts_at(index))}Z"

    def index_of(self, slot_id: str) -> int | None:
        """The step of this id; None for anything else."""
        try:
            moment = milliseconds(datetime.strptime(slot_id, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC))
        except ValueError:
            return None
        index, rest = divmod(moment - self.origin, self.step_ms)
        return None if rest or index < 0 or self.slot_id(index) != slot_id else index

    def slot(self, index: int) -> Slot:
        """A step as a slot; a closed one is blocked."""
        return self.slots(index, 1)[0]

    def slots(self, first: int, count: int) -> list[Slot]:
        """A run of steps as slots."""
        edges = [self.starts_at(index) for index in range(first, first + count + 1)]
        clocks = [self.local(edge).isoformat() for edge in edges]
        moments = [_utc(edge) for edge in edges]
        hourly, capacities = self._of_days(self._hourly_on, "q", first, count), self.capacities(first, count)
        prices = {
            price: Money(_rounded(price * self.rules.step_minutes), self.currency) for price in set(hourly)
        }
        return [
            Slot(
                index=first + place,
                id=f"{moments[place]}Z",
                label=f"{clocks[place][11:16]}–{clocks[place + 1][11:16]}",  # noqa: RUF001  # as spans are written
                capacity=self.rules.capacity,
                price=prices[hourly[place]],
                section=clocks[place][:10],
                starts_at=f"{moments[place]}.000Z",
                ends_at=f"{moments[place + 1]}.000Z",
                blocked=not capacities[place],
            )
            for place in range(count)
        ]

    def local(self, moment: int) -> datetime:
        """What the clock there shows at a moment."""
        return datetime.fromtimestamp(moment / 1000, self.zone)

    def _of_days(
        self, of_day: "Callable[[date], array[int]]", typecode: str, first: int, count: int
    ) -> "array[int]":
        """What `of_day` says of each step of its day, for a run of steps."""
        found: array[int] = array(typecode)
        for day, start, length in self.days(first, count):
            values, offset = of_day(day), start - self.first_of(day)
            found.extend(values[offset : offset + length])
        return found

    def _find_first(self, day: date) -> int:
        return -((self.origin - midnight(day, self.zone)) // self.step_ms)

    def _pieces_of(self, day: date) -> list[Piece]:
        """The time of the steps that begin on a day, cut where clocks are set."""
        first, count = self.steps_of(day)
        return pieces(self.starts_at(first), self.starts_at(first + count), self.zone)

    def _read_open(self, day: date) -> "array[int]":
        parts = self._pieces_of(day)
        count = self.steps_of(day)[1]
        if len(parts) == 1:
            return self._open_like(self._hours(day), self._hours(day + _ONE_DAY), _lead(parts[0], day), count)
        spans = [span for part in parts for span in self._spans(part)]
        return self._filled(spans, self.starts_at(self.first_of(day)), count)

    def _work_out_open(self, today: Hours, tomorrow: Hours, lead: int, count: int) -> "array[int]":
        """A day on which no clock is set, its first step so long after midnight; one may end tomorrow."""
        return self._filled([*_moments(today, 0), *_moments(tomorrow, DAY_MS)], lead, count)

    def _filled(self, spans: Sequence[Span], begin: int, count: int) -> "array[int]":
        opened, step = joined(spans), self.step_ms
        moments = range(begin, begin + count * step, step)
        return array(
            "I", [self.rules.capacity * is_within(opened, moment, moment + step) for moment in moments]
        )

    def _spans(self, part: Piece) -> Iterator[Span]:
        """Opening hours as moments, while clocks are set in one way."""
        day = part.day(part.begin)
        while day <= part.day(part.end - 1):
            base = _clock_midnight(day) - part.offset
            for start, end in _moments(self._hours(day), base):
                yield max(start, part.begin), min(end, part.end)
            day += _ONE_DAY

    def _hours(self, day: date) -> Hours:
        own = self.rules.exceptions.get(day.isoformat())
        return self.rules.opening_hours.get(WEEKDAYS[day.weekday()], ()) if own is None else own

    def _read_hourly(self, day: date) -> "array[int]":
        parts = self._pieces_of(day)
        first, count = self.steps_of(day)
        weekday = WEEKDAYS[day.weekday()]
        if len(parts) == 1:
            return self._hourly_like(weekday, _lead(parts[0], day) // _MINUTE_MS, count)
        clocks = [self.local(self.starts_at(index)) for index in range(first, first + count)]
        return array("q", [self._price_at(weekday, clock.hour * 60 + clock.minute) for clock in clocks])

    def _work_out_hourly(self, weekday: Weekday, lead: int, count: int) -> "array[int]":
        """A day on which no clock is set, its first step so many minutes after midnight."""
        step = self.rules.step_minutes
        return array("q", [self._price_at(weekday, lead + place * step) for place in range(count)])

    def _price_at(self, weekday: Weekday, minute: int) -> int:
        for start, end, rate in self._rates:
            if start <= minute < end and (not rate.weekdays or weekday in rate.weekdays):
                return rate.price_per_hour
        return self.rules.price_per_hour

    @cached_property
    def _rates(self) -> list[tuple[int, int, Rate]]:
        return [(minutes_of(rate.start), minutes_of(rate.end), rate) for rate in self.rules.rates]


def _lead(part: Piece, day: date) -> int:
    """How long after midnight the first step of a day begins."""
    return part.begin + part.offset - _clock_midnight(day)


def _clock_midnight(day: date) -> int:
    """Midnight as a clock shows it, in ms as if it were a clock of UTC."""
    return milliseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))


def _utc(moment: int) -> str:
    """`2026-11-21T09:00:00`."""
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat()[:19]


def _moments(hours: Hours, base: int) -> list[Span]:
    return [
        (base + minutes_of(start) * _MINUTE_MS, base + minutes_of(end) * _MINUTE_MS) for start, end in hours
    ]


def _rounded(sixtieths: int) -> int:
    """Prices an hour times minutes as minor units, half up."""
    return (sixtieths * 2 + 60) // 120
