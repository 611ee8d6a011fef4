"""What of a resource a client sees: all slots, some sections, or sums by section. Pure."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Protocol

from channels.codec import little_endian
from channels.protocol import Delta, SectionsView, ServerMessage, Snapshot, Totals
from channels.protocol import View as ViewRequest
from channels.recent import Changed, Flat
from channels.replica import Replica

ViewKey = tuple[str, ...] | str | None
Run = tuple[int, int]


class Sections:
    """A layout's sections: which places (index - first) each has, and its capacity altogether.

    `numbers` says of each place which section it is in, as the place of its name in `names`.
    """

    def __init__(self, sections: Sequence[str], capacities: Sequence[int]) -> None:
        self.runs: dict[str, list[Run]] = {}
        self.capacities: dict[str, int] = {}
        self.numbers = array("I")
        self._number: dict[str, int] = {}
        start = 0
        for name, same in groupby(sections):
            stop = start + sum(1 for _ in same)
            number = self._number.setdefault(name, len(self._number))
            self.numbers.extend(array("I", (number,)) * (stop - start))
            self.runs.setdefault(name, []).append((start, stop))
            self.capacities[name] = self.capacities.get(name, 0) + sum(capacities[start:stop])
            start = stop

    def number(self, name: str) -> int | None:
        """The number of a section, if the layout has it."""
        return self._number.get(name)


class View(Protocol):
    """How one view of a channel reads a replica."""

    key: ViewKey

    def snapshot(self, channel: str, replica: Replica) -> ServerMessage:
        """All of the view, as it is."""
        ...

    def delta(
        self, channel: str, replica: Replica, from_version: int, changed: Changed
    ) -> ServerMessage | None:
        """What `changed`, merged since `from_version`, means to the view; None if nothing."""
        ...

    def repeat(self, channel: str, replica: Replica, from_version: int) -> ServerMessage:
        """The position, said again although nothing of the view changed since `from_version`."""
        ...


def key_of(request: ViewRequest) -> ViewKey:
    """Two requests with the same key see the same."""
    return tuple(sorted(set(request.sections))) if isinstance(request, SectionsView) else request


def view_of(key: ViewKey, sections: Sections | None) -> View:
    """The view of this key; all but the view of all slots need the layout's sections."""
    if key is None:
        return AllSlots()
    if sections is None:
        raise ValueError("a view by section needs the layout's sections")
    return SumsBySection(sections) if isinstance(key, str) else SomeSections(key, sections)


def _delta(channel: str, replica: Replica, from_version: int, changes: Flat) -> Delta:
    return Delta(
        channel=channel, epoch=replica.epoch, from_=from_version, to=replica.version, changes=list(changes)
    )


@dataclass
class AllSlots:
    """Every slot, or the window of those that are shown unasked.

    Without a window it hears of every version, even of one that left all numbers as they were.
    """

    key: ViewKey = None

    def snapshot(self, channel: str, replica: Replica) -> Snapshot:
        shown = replica.count if replica.window is None else replica.window
        return _snapshot(channel, replica, ((0, shown),), None)

    def delta(self, channel: str, replica: Replica, from_version: int, changed: Changed) -> Delta | None:
        flat = changed.flat
        if replica.window is None:
            return _delta(channel, replica, from_version, flat)
        mine = flat[: 3 * bisect_left(flat[0::3], replica.first + replica.window)]
        return _delta(channel, replica, from_version, mine) if mine else None

    def repeat(self, channel: str, replica: Replica, from_version: int) -> Delta:
        return _delta(channel, replica, from_version, ())


class SomeSections:
    """The slots of some sections, in index order; a section that the layout lacks has none."""

    def __init__(self, key: tuple[str, ...], sections: Sections) -> None:
        self.key: ViewKey = key
        self._names = key
        self._sections = sections
        self._numbers = [number for name in key if (number := sections.number(name)) is not None]
        self._runs = sorted(run for name in key for run in sections.runs.get(name, ()))

    def snapshot(self, channel: str, replica: Replica) -> Snapshot:
        return _snapshot(channel, replica, self._runs, self._names)

    def delta(self, channel: str, replica: Replica, from_version: int, changed: Changed) -> Delta | None:
        split = changed.by_section(self._sections)
        parts = [split[number] for number in self._numbers if number in split]
        if not parts:
            return None
        return _delta(channel, replica, from_version, parts[0] if len(parts) == 1 else _merged(parts))

    def repeat(self, channel: str, replica: Replica, from_version: int) -> Delta:
        return _delta(channel, replica, from_version, ())


def _merged(parts: Iterable[list[int]]) -> list[int]:
    """The parts in one, ascending again."""
    slots = sorted(
        chain.from_iterable(zip(part[0::3], part[1::3], part[2::3], strict=True) for part in parts)
    )
    return list(chain.from_iterable(slots))


class SumsBySection:
    """(available, held, capacity) of each section: summed once, then moved on by what changed."""

    def __init__(self, sections: Sections) -> None:
        self.key: ViewKey = "totals"
        self._sections = sections
        self._counted: _Counted | None = None

    def snapshot(self, channel: str, replica: Replica) -> Totals:
        if self._counted is None or self._counted.replica is not replica:
            self._counted = _Counted(replica, self._sections)
        sums = self._counted.now()
        return Totals(channel=channel, epoch=replica.epoch, version=replica.version, sections=sums)

    def delta(self, channel: str, replica: Replica, from_version: int, changed: Changed) -> Totals | None:
        del from_version  # sums are absolute
        return self.snapshot(channel, replica) if changed.flat else None

    def repeat(self, channel: str, replica: Replica, from_version: int) -> Totals:
        del from_version
        return self.snapshot(channel, replica)


class _Counted:
    """The sums of one replica, and the numbers that they were made of."""

    def __init__(self, replica: Replica, sections: Sections) -> None:
        self.replica = replica
        self._sections = sections
        self._version = replica.version
        self._available, self._held = replica.available[:], replica.held[:]
        self._sums = [
            [
                sum(sum(replica.available[start:stop]) for start, stop in runs),
                sum(sum(replica.held[start:stop]) for start, stop in runs),
                sections.capacities[name],
            ]
            for name, runs in sections.runs.items()
        ]

    def now(self) -> dict[str, tuple[int, int, int]]:
        """The sums where the replica stands."""
        if self._version != self.replica.version:
            self._move_on(self.replica.since(self._version))
            self._version = self.replica.version
        return {
            name: (row[0], row[1], row[2]) for name, row in zip(self._sections.runs, self._sums, strict=True)
        }

    def _move_on(self, flat: Flat) -> None:
        first, numbers, three = self.replica.first, self._sections.numbers, iter(flat)
        for index, available, held in zip(three, three, three, strict=True):
            place = index - first
            row = self._sums[numbers[place]]
            row[0] += available - self._available[place]
            row[1] += held - self._held[place]
            self._available[place], self._held[place] = available, held


def _snapshot(
    channel: str, replica: Replica, runs: Iterable[Run], sections: tuple[str, ...] | None
) -> Snapshot:
    runs = list(runs)
    available = b"".join(little_endian(replica.available[start:stop]) for start, stop in runs)
    held = b"".join(little_endian(replica.held[start:stop]) for start, stop in runs)
    extra = {} if sections is None else {"sections": sections}
    # Where only a window is shown unasked, slots are known by their index: the arrays say where they begin.
    start = runs[0][0] if runs and replica.window is not None else 0
    return Snapshot(
        channel=channel,
        layout=replica.layout,
        epoch=replica.epoch,
        version=replica.version,
        first=replica.first + start,
        count=len(available) // replica.width,
        width=replica.width,
        available=available,
        held=held,
        **extra,
    )
