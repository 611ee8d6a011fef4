"""Time passes: steps of grids that have begun are taken off sale, and at their midnight another day is shown.

A script does it, so it is a change like any other, and it never goes back. Every process sees to the grids
that it follows, as each step begins; whoever reads a grid that is behind does it then.
"""

import asyncio
import random
from collections.abc import Callable, Iterable

import structlog

from server.errors import Unavailable, UnknownResource
from server.holds.loading import Loader
from server.holds.sources import Loaded, Resources
from server.holds.store import Answer
from server.inventory.grid.calendar import Calendar

MINUTE_MS = 60_000
"""Steps begin at whole minutes, for their lengths divide an hour."""

JITTER_SECONDS = 0.02  # processes wake together; the first one does the work
RETRY_SECONDS = 0.5
AT_ONCE = 64

_log = structlog.get_logger(__name__)


async def pass_time(loader: Loader, resource: str) -> Answer | None:
    """Tell Redis how far time has come for a grid; None for what is no grid."""
    now = await loader.store.now()

    async def tell(loaded: Loaded, calendar: Calendar) -> Answer:
        first = calendar.today(now)
        return await loader.run(
            "pass",
            resource,
            layout=loaded.resource.layout,
            origin=calendar.origin,
            step_ms=calendar.step_ms,
            first=first,
            count=calendar.horizon(first),
        )

    return await loader.with_calendar(resource, tell)


class Passing:
    """One for each process. `followed` names the resources that somebody here looks at."""

    def __init__(self, loader: Loader, inventory: Resources, followed: Callable[[], Iterable[str]]) -> None:
        self._loader = loader
        self._inventory = inventory
        self._followed = followed
        self._told: dict[str, tuple[int, int]] = {}

    async def run(self) -> None:
        """For ever; to be supervised."""
        while True:
            try:
                again = await self.pass_due()
                seconds = (again - await self._loader.store.now()) / 1000
            except Unavailable:
                seconds = RETRY_SECONDS
            await asyncio.sleep(max(0.0, seconds) + random.uniform(0, JITTER_SECONDS))  # noqa: S311  # spreads processes

    async def pass_due(self) -> int:
        """Tell Redis of all steps and days of followed grids that have begun; answers when to look again.

        That is a moment of Redis' clock, in ms: the next whole minute, or soon if it failed for some.
        """
        now = await self._loader.store.now()
        followed = set(self._followed())
        self._told = {name: told for name, told in self._told.items() if name in followed}
        names, done = sorted(followed), True
        for start in range(0, len(names), AT_ONCE):
            batch = names[start : start + AT_ONCE]
            done &= all(await asyncio.gather(*(self._see_to(name, now) for name in batch)))
        return next_minute(now) if done else now + round(1000 * RETRY_SECONDS)

    async def _see_to(self, resource: str, now: int) -> bool:
        """Whether it is as it should be."""
        try:
            if await self._is_due(resource, now):
                answer = await pass_time(self._loader, resource)
                if answer is not None:
                    self._told[resource] = (answer.passed, answer.first)
        except UnknownResource:
            return True
        except Unavailable as error:
            _log.warning("time_not_passed", resource=resource, reason=error.detail)
            return False
        return True

    async def _is_due(self, resource: str, now: int) -> bool:
        calendar = (await self._inventory.get(resource, 0)).calendar
        if calendar is None:
            return False
        passed, first = self._told.get(resource, (0, 0))
        return passed <= calendar.index_at(now) or first < calendar.today(now)


def next_minute(now: int) -> int:
    """When the next whole minute begins; all in ms."""
    return now - now % MINUTE_MS + MINUTE_MS
