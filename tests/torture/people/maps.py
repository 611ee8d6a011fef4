"""What clients see of a resource, kept once for all who see the same.

A picture never changes. A message makes another one of it, and is worked out once for all who stand at the
picture and hear it: ten thousand clients cost a look into a dict each. What nobody stands at is forgotten.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack

KEPT_SNAPSHOTS: Final = 64
_WIDTHS: Final = {1: "B", 2: "H", 4: "I"}


class Gap(Exception):
    """Something is missing before this message: the client subscribes again with its position."""


@dataclass(eq=False)
class Picture:
    """A whole view at a position, and what became of it."""

    epoch: str
    version: int
    first: int
    available: tuple[int, ...]
    held: tuple[int, ...]
    after: "dict[bytes, Picture]" = field(default_factory=dict, repr=False)
    _free: list[int] | None = None
    _is_over: bool | None = None
    _digest: str = ""

    @property
    def free(self) -> list[int]:
        """Indices of slots that can be had."""
        if self._free is None:
            self._free = [self.first + place for place, some in enumerate(self.available) if some]
        return self._free

    @property
    def digest(self) -> str:
        """The same for two who see the same numbers."""
        if not self._digest:
            self._digest = digest(self.available, self.held)
        return self._digest

    @property
    def is_over(self) -> bool:
        """Whether nothing is left, and nobody holds anything that may come back."""
        if self._is_over is None:
            self._is_over = not self.free and not any(self.held)
        return self._is_over

    def becomes(self, payload: bytes) -> "Picture":
        """What a delta makes of it; raise Gap where it does not follow."""
        found = self.after.get(payload)
        if found is None:
            found = self.after[payload] = self._with(msgpack.unpackb(payload))
        return found

    def _with(self, delta: dict[str, Any]) -> "Picture":
        if delta["epoch"] != self.epoch or delta["from"] > self.version:
            raise Gap
        if delta["to"] <= self.version:
            return self
        available, held = list(self.available), list(self.held)
        changes = delta["changes"]
        for index, free, taken in zip(changes[0::3], changes[1::3], changes[2::3], strict=True):
            available[index - self.first] = free
            held[index - self.first] = taken
        return Picture(self.epoch, delta["to"], self.first, tuple(available), tuple(held))


class Gallery:
    """Snapshots that were sent to many."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Picture] = {}

    def of(self, payload: bytes) -> Picture:
        """The picture of a `snapshot`."""
        found = self._kept.get(payload)
        if found is None:
            if len(self._kept) >= KEPT_SNAPSHOTS:
                del self._kept[next(iter(self._kept))]
            found = self._kept[payload] = _picture(msgpack.unpackb(payload))
        return found


def _picture(snapshot: dict[str, Any]) -> Picture:
    available, held = (_numbers(snapshot[name], snapshot["width"]) for name in ("available", "held"))
    return Picture(snapshot["epoch"], snapshot["version"], snapshot["first"], available, held)


def _numbers(packed: bytes, width: int) -> tuple[int, ...]:
    return tuple(memoryview(packed).cast(_WIDTHS[width]))  # type: ignore[call-overload]  # one of its formats


def digest(available: tuple[int, ...], held: tuple[int, ...]) -> str:
    """Of all numbers of a view, in index order."""
    return hashlib.sha256(repr((available, held)).encode()).hexdigest()[:16]
