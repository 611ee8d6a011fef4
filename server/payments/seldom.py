"""A limit to what is logged of things that anybody can cause at any rate."""

import time
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 1.0


class Seldom:
    """`times()` counts a happening: None, or once in `seconds` how many there were since it last said so."""

    def __init__(self, seconds: float = EVERY_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._said: float | None = None
        self._times = 0

    def times(self) -> int | None:
        """Count one more; how many are to be logged now, None if it is too soon for that."""
        self._times += 1
        now = self._clock()
        if self._said is not None and now - self._said < self._seconds:
            return None
        times, self._times, self._said = self._times, 0, now
        return times
