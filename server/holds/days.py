"""A grid's live state: the chunks that Redis has of it, and what its opening hours say of all others. Pure.

A chunk is as many steps as there are in 24 hours, counted from the grid's origin, and has records as in
packing.py. Redis keeps one from its first change until it is long past.
"""

from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from channels.replica import State
from server.holds.packing import FIELDS, TYPES, Packed, PackedGrid, width_for
from server.holds.sources import Booked, Loaded
from server.inventory.grid.calendar import Calendar

KEPT = 2
"""Chunks before today's first step that are still there; lua/lib/days.lua says the same."""


@dataclass(frozen=True, slots=True)
class Laid:
    """Chunks for a script that takes something: their numbers, and their records one after the other."""

    days: list[int]
    records: bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """All that Redis says of a grid at one moment, `now` in ms: its position, what is past, its chunks."""

    now: int
    epoch: str
    version: int
    layout: int
    width: int
    run_id: str
    chunk: int
    passed: int
    first: int
    days: Mapping[int, bytes]


def numbers_of(indices: Iterable[int], chunk: int) -> list[int]:
    """The chunks that steps are in, ascending."""
    return sorted({index // chunk for index in indices})


def lay(calendar: Calendar, days: Sequence[int], booked: Mapping[int, int] | None = None) -> Laid:
    """These chunks with `booked` (index → places) taken and nothing held."""
    width = width_for(calendar.rules.capacity)
    by_day: dict[int, dict[int, int]] = {}
    for index, places in (booked or {}).items():
        by_day.setdefault(index // calendar.chunk, {})[index % calendar.chunk] = places
    chunks = (_records(calendar, day, by_day.get(day, {}), width) for day in days)
    return Laid(list(days), b"".join(chunks))


def lay_for(calendar: Calendar, indices: Iterable[int]) -> Laid:
    """The chunks of these steps as they are before anybody has any of them."""
    return lay(calendar, numbers_of(indices, calendar.chunk))


def _records(calendar: Calendar, day: int, booked: Mapping[int, int], width: int) -> bytes:
    capacities = calendar.capacities(day * calendar.chunk, calendar.chunk)
    taken = array("I", bytes(capacities.itemsize * len(capacities)))
    for place, places in booked.items():
        taken[place] = places
    records = array(TYPES[width], bytes(FIELDS * width * len(capacities)))
    records[0::FIELDS] = array(
        TYPES[width], [max(0, size - used) for size, used in zip(capacities, taken, strict=True)]
    )
    records[2::FIELDS] = array(TYPES[width], taken)
    records[3::FIELDS] = array(TYPES[width], capacities)
    return records.tobytes()


def first_kept(first: int, chunk: int) -> int:
    """The oldest chunk that is kept while `first` is the first step of today."""
    return first // chunk - KEPT


def days_to_load(calendar: Calendar, first: int, steps: Collection[int]) -> list[int]:
    """The chunks that a rebuild needs for these steps; what is long past is left out."""
    oldest = first_kept(first, calendar.chunk)
    return [day for day in numbers_of(steps, calendar.chunk) if day >= oldest]


def pack_grid(
    loaded: Loaded,
    calendar: Calendar,
    booked: Booked,
    *,
    now: int,
    run_id: str,
    needed: Collection[int] = (),
) -> Packed:
    """A grid as of `now` (ms): the chunks of all that is booked or pending, and those that are `needed`."""
    first = calendar.today(now)
    steps = {*booked.lines, *(item.index for hold in booked.pending for item in hold.items)}
    laid = lay(calendar, sorted({*days_to_load(calendar, first, steps), *needed}), booked.lines)
    return Packed(
        resource=loaded.resource.id,
        epoch=booked.epoch,
        layout=loaded.resource.layout,
        width=width_for(calendar.rules.capacity),
        count=calendar.horizon(first),
        currency=loaded.resource.currency,
        run_id=run_id,
        slots=laid.records,
        prices=b"",
        best=[],
        grid=PackedGrid(
            chunk=calendar.chunk,
            origin=calendar.origin,
            step_ms=calendar.step_ms,
            first=first,
            days=laid.days,
        ),
    )


def is_behind(calendar: Calendar, reading: Reading) -> bool:
    """Whether time has come on since a script was last told."""
    begun = calendar.index_at(reading.now) + 1
    return reading.passed < begun or reading.first < calendar.today(reading.now)


def state_of(calendar: Calendar, reading: Reading, first: int, count: int) -> State:
    """The steps from `first` on as channels carry them; what is past is taken off sale."""
    kind, width = TYPES[reading.width], reading.width
    available = array(kind, calendar.capacities(first, count))
    held = array(kind, bytes(width * count))
    for day, records in reading.days.items():
        start = day * reading.chunk
        begin, end = max(first, start), min(first + count, start + reading.chunk)
        if begin < end:
            columns = memoryview(records).cast(kind)[FIELDS * (begin - start) : FIELDS * (end - start)]
            available[begin - first : end - first] = array(kind, columns[0::FIELDS].tobytes())
            held[begin - first : end - first] = array(kind, columns[1::FIELDS].tobytes())
    past = min(count, max(0, reading.passed - first))
    available[:past] = array(kind, bytes(width * past))
    return State(
        epoch=reading.epoch,
        version=reading.version,
        layout=reading.layout,
        width=width,
        first=first,
        count=count,
        available=available.tobytes(),
        held=held.tobytes(),
        window=min(count, calendar.window(first)),
    )
