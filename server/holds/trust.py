"""Whether liveness may end a hold: not until sessions had time to say that they live after an outage."""

import time
from collections.abc import Callable


class LivenessTrust:
    """Withheld from the start, and again from each outage, for `grace_seconds`. Deadlines never ask it."""

    def __init__(self, grace_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._grace_seconds = grace_seconds
        self._clock = clock
        self._from = clock() + grace_seconds

    def outage(self) -> None:
        """Redis was away, or is another one."""
        self._from = self._clock() + self._grace_seconds

    def __bool__(self) -> bool:
        return self._clock() >= self._from
