"""A bounded memory: what was used last stays, what was not used for longest goes."""

from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """Values by resource id whose weights add up to `limit` at the most; the latest stays however heavy."""

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
