"""What of a resource a client sees: all slots, some sections, or sums by section. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from channels.codec import little_endian
from channels.protocol import Delta, SectionsView, ServerMessage, Snapshot, Totals
from channels.protocol import View as ViewRequest
from channels.replica import Replica

ViewKey = tuple[str, ...] | str | None
Run = tuple[int, int]


class Sections:
    """A layout's sections: which places (index - first) each has, and its capacity altogether."""

    def __init__(self, sections: Sequence[str], capacities: Sequence[int]) -> None:
        self.runs: dict[str, list[Run]] = {}
        self.capacities: dict[str, int] = {}
        start = 0
        for place in range(1, len(sections) + 1):
            if place == len(sections) or sections[place] != sections[start]:
                name = sections[start]
                self.runs.setdefault(name, []).append((start, place))
                self.capacities[name] = self.capacities.get(name, 0) + sum(capacities[start:place])
                start = place


class View(Protocol):
    """How one view of a channel reads a replica."""

    key: ViewKey

    def snapshot(self, channel: str, replica: Replica) -> ServerMessage:
        """All of the view, as it is."""
        ...

    def delta(
        self, channel: str, replica: Replica, from_version: int, changes: Sequence[int]
    ) -> ServerMessage | None:
        """What `changes`, merged since `from_version`, mean to the view; None if nothing."""
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


def _delta(channel: str, replica: Replica, from_version: int, changes: Sequence[int]) -> Delta:
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

    def delta(
        self, channel: str, replica: Replica, from_version: int, changes: Sequence[int]
    ) -> Delta | None:
        if replica.window is None:
            return _delta(channel, replica, from_version, changes)
        mine = changes[: 3 * bisect_left(changes[0::3], replica.first + replica.window)]
        return _delta(channel, replica, from_version, mine) if mine else None

    def repeat(self, channel: str, replica: Replica, from_version: int) -> Delta:
        return _delta(channel, replica, from_version, ())


class SomeSections:
    """The slots of some sections, in index order; a section that the layout lacks has none."""

    def __init__(self, key: tuple[str, ...], sections: Sections) -> None:
        self.key: ViewKey = key
        self._names = key
        self._runs = sorted(run for name in key for run in sections.runs.get(name, ()))
        self._places = bytearray(max((stop for _, stop in self._runs), default=0))
        for start, stop in self._runs:
            self._places[start:stop] = b"\x01" * (stop - start)

    def snapshot(self, channel: str, replica: Replica) -> Snapshot:
        return _snapshot(channel, replica, self._runs, self._names)

    def delta(
        self, channel: str, replica: Replica, from_version: int, changes: Sequence[int]
    ) -> Delta | None:
        first, places = replica.first, self._places
        mine: list[int] = []
        for at in range(0, len(changes), 3):
            place = changes[at] - first
            if place < len(places) and places[place]:
                mine += changes[at : at + 3]
        return _delta(channel, replica, from_version, mine) if mine else None

    def repeat(self, channel: str, replica: Replica, from_version: int) -> Delta:
        return _delta(channel, replica, from_version, ())


class SumsBySection:
    """(available, held, capacity) of each section."""

    def __init__(self, sections: Sections) -> None:
        self.key: ViewKey = "totals"
        self._sections = sections

    def snapshot(self, channel: str, replica: Replica) -> Totals:
        sums = {
            name: (
                sum(sum(replica.available[start:stop]) for start, stop in runs),
                sum(sum(replica.held[start:stop]) for start, stop in runs),
                self._sections.capacities[name],
            )
            for name, runs in self._sections.runs.items()
        }
        return Totals(channel=channel, epoch=replica.epoch, version=replica.version, sections=sums)

    def delta(
        self, channel: str, replica: Replica, from_version: int, changes: Sequence[int]
    ) -> Totals | None:
        del from_version  # sums are absolute
        return self.snapshot(channel, replica) if changes else None

    def repeat(self, channel: str, replica: Replica, from_version: int) -> Totals:
        del from_version
        return self.snapshot(channel, replica)


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
