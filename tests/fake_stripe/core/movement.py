"""How money moved: lines that are only ever added, and their sums."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal[
    "authorised", "released", "captured", "refunded", "refund_failed", "withdrawn", "reinstated"
]  # fmt: skip  # one line of the field's words


@dataclass(frozen=True)
class Movement:
    """`amount` in Stripe's minor units, at `at` milliseconds, because of one object (`by`)."""

    intent: str
    kind: Kind
    amount: int
    by: str
    at: int


_SIGNS: Final[dict[str, dict[Kind, int]]] = {
    "held": {"authorised": 1, "captured": -1, "released": -1},
    "captured": {"captured": 1},
    "refunded": {"refunded": 1, "refund_failed": -1},
    "reversed": {"withdrawn": 1, "reinstated": -1},
}


class Movements:
    """All that ever moved, in order."""

    def __init__(self) -> None:
        self._of: dict[str, list[Movement]] = {}

    def add(self, movement: Movement) -> None:
        self._of.setdefault(movement.intent, []).append(movement)

    def of(self, intent: str) -> list[Movement]:
        return list(self._of.get(intent, []))

    def __iter__(self) -> Iterator[Movement]:
        return (movement for movements in self._of.values() for movement in movements)

    def sum(self, intent: str, column: str) -> int:
        """`held`, `captured`, `refunded` or `reversed`."""
        signs = _SIGNS[column]
        return sum(signs.get(movement.kind, 0) * movement.amount for movement in self._of.get(intent, []))
