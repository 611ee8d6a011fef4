"""An LRU cache bounded by weight: what was not used for longest goes first."""

from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """An LRU cache: values by resource id, whose weights add up to at most `limit`.

    The value that was put last stays, however heavy it is.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._weight = 0
        self._entries: OrderedDict[str, tuple[V, int]] = OrderedDict()

    def get(self, key: str) -> V | None:
        """The value, which is now the last used; None if it is not here."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: str, value: V, weight: int) -> None:
        """Keep a value in place of the key's former one."""
        self.drop(key)
        self._entries[key] = (value, weight)
        self._weight += weight
        while self._weight > self._limit and len(self._entries) > 1:
            self.drop(next(iter(self._entries)))

    def drop(self, key: str) -> None:
        """Forget a key; nothing happens if it is not here."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._weight -= entry[1]
