"""What anybody can cause at any rate is told of at most once in a while, with how often it was."""

import time
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 1.0


class Seldom:
    """`times()` is how often it was called since it last said so, None while that is too short ago."""

    def __init__(self, seconds: float = EVERY_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._said: float | None = None
        self._times = 0

    def times(self) -> int | None:
        """Count one more."""
        self._times += 1
        now = self._clock()
        if self._said is not None and now - self._said < self._seconds:
            return None
        times, self._times, self._said = self._times, 0, now
        return times
