"""How often one session or address may ask, counted over all processes by a Redis script."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

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
    """The limits of CONTRACT section 2."""
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

    async def take(self, name: Name, subject: str) -> None:
        """Count one request of `subject`; RateLimited, with the seconds to wait, if it is one too many."""
        rate = self._rates[name]
        if not rate.requests:
            return
        interval = rate.seconds * 1_000_000 // rate.requests
        with redis_away():
            wait = await self._script(
                keys=[f"holdfast:rate:{name}:{subject}"], args=[interval, rate.seconds * 1_000_000]
            )
        if wait:
            raise RateLimited(retry_after=math.ceil(int(wait) / 1000) / 1000)


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
        if wait > 1e-9:
            return wait
        self._arrival = arrival
        return 0.0
