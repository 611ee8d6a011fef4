"""What goes wrong on the way to Stripe and back, on demand or at random."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

# How the fault shows, and whether the call has had its effect by then.
#   cut        the connection ends without an answer
#   half_body  … in the middle of one
#   stall      no answer until `resume`, then the call goes on as if nothing had been
#   500        an error that Stripe keeps under the idempotency key: every repeat gets it again
#   502        an HTML page of something in between: a repeat gets what the call really made of it
#   503        as 502, with `Stripe-Should-Retry: true`
#   429, 409   refused before anything was begun, nothing is kept
#   html       200 with a page that is no JSON
Name = Literal[
    "cut_before_effect",
    "cut_after_effect",
    "half_body",
    "stall",
    "stall_after_effect",
    "500_before",
    "500_after",
    "502_before",
    "502_after",
    "503_before",
    "429",
    "409",
    "html",
    "html_after",
]

AFTER_EFFECT: Final[frozenset[Name]] = frozenset(
    ["cut_after_effect", "half_body", "stall_after_effect", "500_after", "502_after", "html_after"]
)


@dataclass
class _Planned:
    call: str
    fault: Name
    times: int


@dataclass
class Faults:
    """`next` plans them one by one; `at_random` lets them rain; `delay_seconds` slows every call down."""

    delay_seconds: float = 0
    planned: list[_Planned] = field(default_factory=list)
    met: list[tuple[str, Name]] = field(default_factory=list)
    _rates: dict[Name, float] = field(default_factory=dict)
    _random: random.Random = field(default_factory=random.Random)
    _resumed: asyncio.Event = field(default_factory=asyncio.Event)
    _stalls: asyncio.Event = field(default_factory=asyncio.Event)

    def next(self, call: str, fault: Name, times: int = 1) -> None:
        """The next `times` of `call` (`POST /v1/payment_intents/{id}/capture`, `POST *`, `*`) meet it."""
        self.planned.append(_Planned(call, fault, times))

    def at_random(self, rates: Mapping[Name, float], seed: int = 0) -> None:
        """Each call meets each fault with its probability; `{}` ends it."""
        self._rates = dict(rates)
        self._random = random.Random(seed)

    def clear(self) -> None:
        """No more faults; what stalls goes on."""
        self.planned.clear()
        self._rates.clear()
        self.resume()

    def resume(self) -> None:
        """What stalls goes on."""
        self._resumed.set()
        self._resumed, self._stalls = asyncio.Event(), asyncio.Event()

    async def stall(self) -> None:
        self._stalls.set()
        await self._resumed.wait()

    async def stalling(self) -> None:
        """Wait until a call stalls."""
        await self._stalls.wait()

    def of(self, call: str) -> Name | None:
        """What this call meets."""
        fault = self._planned_for(call) or self._drawn()
        if fault:
            self.met.append((call, fault))
        return fault

    def of_page(self, call: str) -> Name | None:
        """What a page's call meets: only what was planned for it by name."""
        return self._planned_for(call) if any(item.call == call for item in self.planned) else None

    def _planned_for(self, call: str) -> Name | None:
        for planned in self.planned:
            if _fits(call, planned.call):
                planned.times -= 1
                if planned.times <= 0:
                    self.planned.remove(planned)
                return planned.fault
        return None

    def _drawn(self) -> Name | None:
        for fault, rate in self._rates.items():
            if self._random.random() < rate:
                return fault
        return None


def _fits(call: str, pattern: str) -> bool:
    if pattern.endswith("*"):
        return call.startswith(pattern[:-1])
    return call == pattern
