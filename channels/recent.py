"""What changed lately in a replica: merged, and split by section, once for all groups that ask. Pure."""

from collections.abc import Sequence
from typing import Protocol

from channels.replica import Replica

Flat = Sequence[int]
"""(index, available, held, …), ascending."""


class Places(Protocol):
    """Which section each slot is in, as a number."""

    @property
    def numbers(self) -> Sequence[int]:
        """By place, which is the index less the first."""
        ...


class Changed:
    """Final states of slots, and which section each is in, found once however many sections are watched."""

    def __init__(self, flat: Flat, first: int = 0) -> None:
        self.flat = flat
        self._first = first
        self._split: dict[int, list[int]] | None = None
        self._split_for: Places | None = None

    def by_section(self, places: Places) -> dict[int, list[int]]:
        """The same, by the number of the section; one in which nothing changed is not there."""
        if self._split is None or self._split_for is not places:
            self._split_for = places
            self._split = self._divide(places.numbers)
        return self._split

    def _divide(self, numbers: Sequence[int]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        first, three = self._first, iter(self.flat)
        for index, available, held in zip(three, three, three, strict=True):
            number = numbers[index - first]
            if number in found:
                found[number] += (index, available, held)
            else:
                found[number] = [index, available, held]
        return found


class Recent:
    """What changed in one replica since any version, while it stays where it is."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self._at = replica.version
        self._since: dict[int, Changed] = {}

    def since(self, version: int) -> Changed:
        """What changed after `version`, which its history reaches."""
        if self.replica.version != self._at:
            self._at = self.replica.version
            self._since = {}
        changed = self._since.get(version)
        if changed is None:
            changed = self._since[version] = Changed(self.replica.since(version), self.replica.first)
        return changed
