"""One resource's numbers as this process knows them, moved on by changes and never by anything else. Pure.

A change from `from_version` to `to_version` carries the final state of each slot that changed between them.
A client takes one if from <= mine < to, for the server sees to it that its past is the server's. A replica is
stricter and takes only what starts exactly where it stands: a Redis that lost its last changes in a failover
goes on from an earlier version, and what follows from there does not follow from here. The older is ignored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from channels.codec import little_endian, numbers
from channels.history import History

Position = tuple[str, int]
"""Where a resource stands: its epoch and, in that, its version."""

_CHUNK = 64
_INTEGERS = frozenset((int,))


@dataclass(frozen=True, slots=True)
class State:
    """All of a resource at (epoch, version): slots first to first + count - 1, little-endian.

    `window` is how many of them, from the first on, are shown to who asks for no view; None shows all.
    """

    epoch: str
    version: int
    layout: int
    width: int
    first: int
    count: int
    available: bytes
    held: bytes
    window: int | None = None

    def __post_init__(self) -> None:
        if not len(self.available) == len(self.held) == self.count * self.width:
            raise ValueError(f"{self.count} slots of {self.width} bytes need arrays of that length")

    @property
    def shape(self) -> tuple[str, int, int, int, int, int | None]:
        """What must be equal for two states to be a delta apart."""
        return self.epoch, self.layout, self.width, self.first, self.count, self.window


class Change(NamedTuple):
    """The final states, flat and ascending (index, available, held, …), of what changed in (from, to]."""

    from_version: int
    to_version: int
    changes: Sequence[int]


class Outcome(Enum):
    """What became of a change."""

    APPLIED = "applied"
    OLD = "old"
    GAP = "gap"


def difference(old: State, new: State) -> list[int]:
    """The changes that lead from `old` to `new`, which have the same shape."""
    step = _CHUNK * old.width
    found: list[int] = []
    for start in range(0, len(old.available), step):
        part = slice(start, start + step)
        if old.available[part] != new.available[part] or old.held[part] != new.held[part]:
            found += _chunk_difference(old, new, part, old.first + start // old.width)
    return found


def _chunk_difference(old: State, new: State, part: slice, index: int) -> list[int]:
    before = zip(numbers(old.available[part], old.width), numbers(old.held[part], old.width), strict=True)
    after = zip(numbers(new.available[part], new.width), numbers(new.held[part], new.width), strict=True)
    found: list[int] = []
    for place, (was, now) in enumerate(zip(before, after, strict=True)):
        if was != now:
            found += (index + place, *now)
    return found


class Replica:
    """A resource's state that changes move on, with its history. `now` is any monotonic clock, in seconds."""

    def __init__(self, state: State, now: float) -> None:
        self.epoch, self.layout, self.width, self.first, self.count, self.window = state.shape
        self.version = state.version
        self.available = numbers(state.available, state.width)
        self.held = numbers(state.held, state.width)
        self.history = History(state.version, now)
        self._largest = 256**self.width - 1

    def state(self) -> State:
        """A copy of all of it."""
        return State(
            epoch=self.epoch,
            version=self.version,
            layout=self.layout,
            width=self.width,
            first=self.first,
            count=self.count,
            available=little_endian(self.available),
            held=little_endian(self.held),
            window=self.window,
        )

    def apply(self, change: Change, now: float) -> Outcome:
        """Move on. What does not start here, or can't be right, is a gap: the truth must be fetched."""
        return self.move(*change, now)

    def move(self, from_version: int, to_version: int, changes: Sequence[int], now: float) -> Outcome:
        """The same, of a change's parts."""
        if to_version <= self.version:
            return Outcome.OLD
        if from_version != self.version or not self._fits(changes):
            return Outcome.GAP
        first, available, held = self.first, self.available, self.held
        three = iter(changes)
        for index, free, taken in zip(three, three, three, strict=True):
            available[index - first] = free
            held[index - first] = taken
        self.version = to_version
        self.history.add(to_version, changes[0::3], now)
        return Outcome.APPLIED

    def _fits(self, changes: Sequence[int]) -> bool:
        """Whether all of it can be taken; booleans, which are integers to Python, can't."""
        if len(changes) % 3 or not _INTEGERS.issuperset(map(type, changes)):
            return False
        first, end, largest, three = self.first, self.first + self.count, self._largest, iter(changes)
        for index, free, taken in zip(three, three, three, strict=True):
            if not (first <= index < end and 0 <= free <= largest and 0 <= taken <= largest):
                return False
        return True

    def since(self, version: int) -> list[int]:
        """All that changed after `version`, merged into one flat list of final states, ascending."""
        indices = self.history.since(version)
        places = [index - self.first for index in indices] if self.first else indices
        flat = [0] * (3 * len(indices))
        flat[0::3] = indices
        flat[1::3] = map(self.available.__getitem__, places)
        flat[2::3] = map(self.held.__getitem__, places)
        return flat

    def extend_back(self, changes: Sequence[Change], now: float) -> bool:
        """Learn of changes before this replica was read, so that clients may resume from there."""
        steps = [(change.from_version, change.to_version, change.changes[0::3]) for change in changes]
        return self.history.extend_back(steps, now)
