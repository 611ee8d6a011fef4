"""How often one session or address may ask, counted over all processes by a Redis script."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from channels.cluster import Cluster
from server.errors import RateLimited
from server.ops.redis_errors import redis_away
from server.settings import Settings

Name = Literal["commands", "bookings", "address", "payers"]

_SCRIPT: Final = Path(__file__).with_name("limits.lua").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `requests` at once, and as many again in each `seconds`; 0 requests are no limit."""

    requests: int
    seconds: int


# Pay links are opened by people without a session, several perhaps behind one address, whose pages ask again
# every few seconds; what this bounds is the trying of cards.
PAYERS: Final = Rate(300, 60)


def rates(settings: Settings) -> dict[Name, Rate]:
    """The limits that docs/settings.md lists, and that of payers."""
    return {
        "commands": Rate(settings.rate_commands, 1),
        "bookings": Rate(settings.rate_bookings, 60),
        "address": Rate(settings.rate_address, 1),
        "payers": PAYERS,
    }


class Limits:
    """Asks Redis; raises Unavailable while that is away, and the caller decides what that means."""

    def __init__(self, settings: Settings, redis: Any) -> None:
        self._rates = rates(settings)
        self._script = redis.register_script(_SCRIPT)
        self._one_by_one = isinstance(redis, Cluster)  # there, no script sees two subjects

    async def take(self, name: Name, subject: str) -> None:
        """Count one request of `subject`; RateLimited, with the seconds to wait, if it is one too many."""
        if self._rates[name].requests:
            ((granted, wait),) = await self._ask(name, {subject: 1})
            if not granted:
                raise RateLimited(retry_after=wait)

    async def take_many(self, name: Name, counts: Mapping[str, int]) -> dict[str, tuple[int, float]]:
        """Count so many requests of each subject at once: how many go on, and the others' seconds to wait.

        They are granted as if each had come by itself. The limit of this name must be one.
        """
        if self._one_by_one:
            found = [(await self._ask(name, {subject: count}))[0] for subject, count in counts.items()]
        else:
            found = await self._ask(name, counts)
        return dict(zip(counts, found, strict=True))

    async def _ask(self, name: Name, counts: Mapping[str, int]) -> list[tuple[int, float]]:
        rate = self._rates[name]
        keys = [f"holdfast:rate:{name}:{subject}" for subject in counts]
        burst = rate.seconds * 1_000_000
        with redis_away():
            found = await self._script(keys=keys, args=[burst // rate.requests, burst, *counts.values()])
        return [(granted, math.ceil(wait / 1000) / 1000) for granted, wait in found]


class LocalBucket:
    """The same rate for one session of this process, without asking anybody; `now` in seconds, monotonic."""

    __slots__ = ("_arrival", "_rate")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._arrival = 0.0

    def take(self, now: float) -> float:
        """Count one request; 0.0 if it may go on, else the seconds to wait."""
        if not self._rate.requests:
            return 0.0
        interval = self._rate.seconds / self._rate.requests
        arrival = max(self._arrival, now) + interval
        wait = arrival - self._rate.seconds - now
        if wait > interval / 100:  # a sum of intervals is inexact, and how much depends on the clock
            return wait
        self._arrival = arrival
        return 0.0
