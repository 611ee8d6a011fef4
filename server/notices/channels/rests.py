"""Addresses that kept us waiting for nothing are left alone for a moment.

Users chose them, and could choose ones that hold everybody else's messages up.
"""

from typing import Final

from server.notices.channel import Temporary
from server.times import Clock

REST_MS: Final = 60_000
KEPT: Final = 1_000


class Rests:
    """One process' memory of who did not answer; of more than KEPT the oldest are forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, int] = {}

    def require_none(self, address: str) -> None:
        """Temporary, without a try, while the address rests."""
        rest = self._until.get(address, 0) - self._clock()
        if rest > 0:
            raise Temporary("did not answer a moment ago", retry_after=rest / 1000)
        self._until.pop(address, None)

    def begin(self, address: str) -> None:
        """It did not answer."""
        self._until[address] = self._clock() + REST_MS
        while len(self._until) > KEPT:
            del self._until[next(iter(self._until))]
