"""Holds of what the map shows as taken: refused without Redis, by a map that is newer than the question.

When a seat comes back thousands want it, one has it, and the map here knows that before the others have seen
it. Asking Redis for each of them, with what it writes down of a hold that is to be, is what an on-sale then
spends its time on. So those whose slots the map shows as taken wait for one reading of where Redis stands,
which is made after they asked, is the same for all of them, and ends what is due first, as a hold would. Once
the map has come that far, what is still taken there was taken after they had asked: that is the answer Redis
would have given at that moment.

Whoever may have what they ask for, under this name or another, is never among them; nor is anything that
needs more than a look at the map. `holds` is server.holds.service.Holds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

from channels.replica import Position, Replica
from server.accounts.rules import Caller
from server.batches import Batches
from server.holds.requests import Items, names
from server.holds.rules import HoldRequest
from server.holds.sources import Loaded, Resources
from server.live.table import Tab

SETTLED_SECONDS: Final = 3.0
"""How long after a reconnect a repeated op may be undecided elsewhere; till then only Redis may refuse it."""

REACHED_SECONDS: Final = 0.25
"""How long the map may take to come where Redis was; who is still in doubt then is given to Redis."""

LOOK_SECONDS: Final = 0.002

Verdict = asyncio.Future[Sequence[str]]
"""The slots that cannot be had; none where Redis has to decide."""


class Decider(Protocol):
    """server.holds.service.Holds, as far as it is asked here."""

    def nothing_against(self, caller: Caller, request: HoldRequest, loaded: Loaded) -> Items | None:
        """What is wanted, where Redis could have nothing against it but that somebody has it."""

    async def swept(self, resource: str) -> Position | None:
        """Where the resource stands once all that was due in it has ended; None where more is due."""


class _Asked(NamedTuple):
    tab: Tab
    op: str | None
    loaded: Loaded
    items: Items


class Doomed:
    """`shown` is the map of a resource here, None where there is none or it is known to be old."""

    def __init__(
        self,
        holds: Decider,
        inventory: Resources,
        shown: Callable[[str], Replica | None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._holds = holds
        self._inventory = inventory
        self._shown = shown
        self._clock = clock
        self._sleep = sleep
        self._readings: dict[str, Batches[_Asked, Sequence[str]]] = {}

    def ask(self, tab: Tab, request: HoldRequest, op: str | None) -> Verdict | None:
        """A future of the slots that are gone (empty: ask Redis after all).

        None where the map cannot decide and Redis must.
        """
        if not request.items or not self._has_nothing(tab, op):
            return None
        loaded, shown = self._inventory.at_hand(request.resource), self._shown(request.resource)
        if loaded is None or shown is None or loaded.calendar is not None:
            return None
        places = [(loaded.by_id.get(slot, -1), quantity) for slot, quantity in request.items]
        if not missing(shown, loaded, places):
            return None
        items = self._holds.nothing_against(tab.caller, request, loaded)
        return None if items is None else self._wait(_Asked(tab, op, loaded, items))

    def _has_nothing(self, tab: Tab, op: str | None) -> bool:
        """Whether the tab's session never had a hold, as far as is known here, and cannot have got this one.

        What a tab asks that has come back may be a repeat of what it asked elsewhere, and was given.
        """
        session = tab.session
        if session is None or len(session.tabs) > 1 or not session.never_held:
            return False
        return op is None or self._clock() >= tab.came_back + SETTLED_SECONDS

    def _wait(self, asked: _Asked) -> Verdict:
        resource = asked.loaded.resource.id
        readings = self._readings.get(resource)
        if readings is None:
            work, over = partial(self._judge_all, resource), partial(self._readings.pop, resource)
            readings = self._readings[resource] = Batches(work, idle=over)
        return readings.ask(asked)

    async def _judge_all(self, resource: str, asked: Sequence[_Asked]) -> list[Sequence[str]]:
        """Judge all who asked before this reading of where Redis stands."""
        try:
            shown = await self._reached(resource)
        except Exception:  # noqa: BLE001  # whatever it is, Redis is asked, and says so itself
            shown = None
        return [self._judge(each, shown) for each in asked]

    async def _reached(self, resource: str) -> Replica | None:
        """The map, once it is where Redis is now or further; None if it does not come there soon."""
        position = await self._holds.swept(resource)
        until = self._clock() + REACHED_SECONDS
        while position is not None:
            shown = self._shown(resource)
            if shown is None or shown.epoch != position[0]:
                return None
            if shown.version >= position[1]:
                return shown
            if self._clock() >= until:
                return None
            await self._sleep(LOOK_SECONDS)
        return None

    def _judge(self, asked: _Asked, shown: Replica | None) -> list[str]:
        """What cannot be had by this map; nothing where the session was given something meanwhile."""
        if shown is None or not self._has_nothing(asked.tab, asked.op):
            return []
        return names(asked.loaded, missing(shown, asked.loaded, asked.items))


def missing(shown: Replica, loaded: Loaded, items: Items) -> list[int]:
    """Which of these places cannot be had by the map; none if it is one of another layout."""
    if shown.layout != loaded.resource.layout:
        return []
    first, end = shown.first, shown.first + shown.count
    return [
        index
        for index, quantity in items
        if first <= index < end and shown.available[index - first] < quantity
    ]
