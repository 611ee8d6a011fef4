"""What the checkers are told of the shop, besides its history."""

from collections.abc import Mapping
from dataclasses import dataclass, field

MILLISECOND = 1_000_000

LOSING = frozenset({"flush_redis", "cut_redis_file", "promote_lagging_replica"})
"""Faults that may take unpaid holds away: the one reason a hold may end early by no act of its owner's."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Settings of the run, in milliseconds, and what is not 1.

    `capacities` by (resource, slot) where it is not `capacity`; a grid's slot is "". `clocks_ms` is how far
    the clocks that the history compares may be apart, and how long a message may be on its way at most where
    an early end is judged. `late_ms` is I3's second and what the machine's load may add. `recovery_ms` is how
    long after a fault's end its lateness is excused. `fresh_ms` is how long a client that is there may show
    what others know to be over, before that is a promise broken and not a figure missed.
    """

    grace_ms: int = 0
    late_ms: int = 1_000
    clocks_ms: int = 50
    recovery_ms: int = 5_000
    fresh_ms: int = 10_000
    buffer_ms: int = 0
    capacity: int = 1
    capacities: Mapping[tuple[str, str], int] = field(default_factory=dict)
    losing: frozenset[str] = LOSING

    def capacity_of(self, resource: str, slot: str) -> int:
        """How many may have it at once."""
        return self.capacities.get((resource, slot), self.capacity)
