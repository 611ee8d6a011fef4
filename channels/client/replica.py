"""One channel's numbers as a client knows them, by the rules of docs/protocol.md. Pure.

A delta counts if from <= mine < to, is ignored if to <= mine, and is a gap if from > mine: then the client
subscribes again with its position. It carries final states, so that applying one twice is harmless.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from channels.codec import numbers


class Outcome(Enum):
    """What became of a message."""

    APPLIED = "applied"
    IGNORED = "ignored"
    GAP = "gap"


class Numbers(NamedTuple):
    """How much of a slot is available, and how much is held; what is neither is booked or blocked."""

    available: int
    held: int


class Sum(NamedTuple):
    """The same of a section, and its capacity."""

    available: int
    held: int
    capacity: int


@dataclass
class Replica:
    """`indices` are a partial view's slots in index order; None: every slot from `first` on."""

    indices: Sequence[int] | None = None
    epoch: str | None = None
    version: int = 0
    layout: int = 0
    first: int = 0
    available: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    sections: Mapping[str, Sum] = field(default_factory=dict)
    _places: dict[int, int] = field(default_factory=dict)

    @property
    def position(self) -> tuple[str, int] | None:
        """What a subscription resumes from."""
        return None if self.epoch is None else (self.epoch, self.version)

    def at(self, index: int) -> Numbers:
        """The numbers of a slot; nothing of either if the view does not have it."""
        place = self._places.get(index, -1)
        return Numbers(0, 0) if place < 0 else Numbers(self.available[place], self.held[place])

    @property
    def numbers(self) -> dict[int, Numbers]:
        """Those of every slot of the view."""
        return {index: self.at(index) for index in self._places}

    @property
    def fits(self) -> bool:
        """Whether `indices` are as many as the numbers that came; if not, they are of another layout."""
        return self.indices is None or len(self.indices) == len(self.available)

    def look_at(self, indices: Sequence[int] | None) -> None:
        """Another layout's slots."""
        self.indices = indices
        shown = range(self.first, self.first + len(self.available)) if indices is None else indices
        self._places = {index: place for place, index in enumerate(shown) if place < len(self.available)}

    def snapshot(self, message: Mapping[str, Any]) -> Outcome:
        """Replaces everything, also when it comes unasked."""
        self.epoch, self.version = message["epoch"], message["version"]
        self.layout, self.first = message["layout"], message["first"]
        self.available = _list(message["available"], message["width"])
        self.held = _list(message["held"], message["width"])
        self.look_at(self.indices)
        return Outcome.APPLIED

    def totals(self, message: Mapping[str, Any]) -> Outcome:
        """Replaces the sums, unless they are older."""
        if message["epoch"] == self.epoch and message["version"] < self.version:
            return Outcome.IGNORED
        self.epoch, self.version = message["epoch"], message["version"]
        self.sections = {name: Sum(*sums) for name, sums in message["sections"].items()}
        return Outcome.APPLIED

    def delta(self, message: Mapping[str, Any]) -> tuple[Outcome, list[int]]:
        """What became of it, and which slots it touched."""
        if message["epoch"] != self.epoch or message["from"] > self.version:
            return Outcome.GAP, []
        if message["to"] <= self.version:
            return Outcome.IGNORED, []
        self.version = message["to"]
        changes = message["changes"]
        touched = []
        for index, available, held in zip(changes[0::3], changes[1::3], changes[2::3], strict=True):
            place = self._places.get(index, -1)
            if place >= 0:
                self.available[place], self.held[place] = available, held
                touched.append(index)
        return Outcome.APPLIED, touched


def _list(values: bytes | list[int], width: int) -> list[int]:
    """Numbers of a msgpack `bin`, or of a JSON list."""
    return values if isinstance(values, list) else numbers(values, width).tolist()
