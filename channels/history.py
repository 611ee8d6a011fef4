"""Which versions a replica went through, and what changed since each.

Deltas carry final states, so what changed since a version is just the set of slots touched after it: one
dict in order of recency answers for any version, in the time of what it names, and is never larger than the
resource.
"""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import islice, pairwise

KEPT_VERSIONS = 1000
KEPT_SECONDS = 60.0
MAX_VERSIONS = 250_000
_TRIM_EVERY = 256


class History:
    """The versions from `floor` on that a client may resume from, and the last change of each slot."""

    def __init__(self, version: int, now: float) -> None:
        self.floor = version
        self._touched: dict[int, int] = {}
        self._versions = array("Q", (version,))
        self._times = array("d", (now,))

    def add(self, version: int, indices: Sequence[int], now: float) -> None:
        """`version` is the newest now and touched `indices`."""
        touched = self._touched
        for index in indices:
            if index in touched:
                del touched[index]
            touched[index] = version
        self._versions.append(version)
        self._times.append(now)
        if len(self._versions) % _TRIM_EVERY == 0:
            self._trim(now)

    @staticmethod
    def _touch(touched: dict[int, int], version: int, indices: Sequence[int]) -> None:
        for index in indices:
            touched.pop(index, None)
            touched[index] = version

    def _trim(self, now: float) -> None:
        """Forget versions older than both limits; never keep more than MAX_VERSIONS."""
        count = len(self._versions)
        old = min(count - KEPT_VERSIONS, bisect_left(self._times, now - KEPT_SECONDS))
        cut = max(old, count - MAX_VERSIONS)
        if cut > 0:
            del self._versions[:cut]
            del self._times[:cut]

    def knows(self, version: int) -> bool:
        """Whether the resource stood at exactly this version, as far back as is remembered."""
        place = bisect_left(self._versions, version)
        return place < len(self._versions) and self._versions[place] == version

    def since(self, version: int) -> list[int]:
        """The indices touched after `version`, which is at least `floor`, ascending."""
        found = []
        for index, touched in reversed(self._touched.items()):
            if touched <= version:
                break
            found.append(index)
        found.sort()
        return found

    def exceeds(self, version: int, most: int) -> bool:
        """Whether more than `most` slots were touched after `version`; as cheap as `most` is small."""
        beyond = next(islice(reversed(self._touched.values()), most, None), None)
        return beyond is not None and beyond > version

    def extend_back(self, steps: Sequence[tuple[int, int, Sequence[int]]], now: float) -> bool:
        """Put older steps (from, to, indices) before what is known; False if they don't lead to `floor`."""
        chain = [step for step in steps if step[1] <= self.floor]
        if not chain or chain[-1][1] != self.floor:
            return False
        if any(before[1] != after[0] for before, after in pairwise(chain)):
            return False
        touched: dict[int, int] = {}
        for _, version, indices in chain:
            self._touch(touched, version, indices)
        for index, version in self._touched.items():
            self._touch(touched, version, (index,))
        self._touched = touched
        self.floor = chain[0][0]
        self._versions = array("Q", (step[0] for step in chain)) + self._versions
        self._times = array("d", [min(now, self._times[0])] * len(chain)) + self._times
        return True
