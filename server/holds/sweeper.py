"""Gives back what is due, on time, and notices when Redis is not the one it was.

Of each resource it keeps only when it is next due: a call answers the next time, events bring it forward.
"""

import asyncio
import random
from collections.abc import Callable

import structlog

from channels.supervisor import stop
from server.errors import Unavailable, UnknownResource
from server.holds.service import Holds
from server.holds.store import BATCH, Answer, Meta, Unloaded
from server.times import Clock

AT_ONCE = 16  # calls on their way
AHEAD = 2  # of them for one resource that has more due than a batch
JITTER_SECONDS = 0.005  # processes wake together; the first one does the work
PATIENCE_SECONDS = 0.5  # with a server, while others may have something due
PAUSE_MS = 20  # before a resource is looked at again that was due already

_log = structlog.get_logger(__name__)


class Sweeper:
    """`wait` says when to call `expire_due`; `sweep` each second covers all that nobody follows.

    `clock` is the wall's, in ms.
    """

    def __init__(self, holds: Holds, clock: Clock) -> None:
        self._holds = holds
        self._clock = clock
        self._ahead_ms = 0
        self._due: dict[str, int] = {}
        self._known: dict[str, tuple[str, int]] = {}
        self._expiring: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []
        self.awake = asyncio.Event()

    # When.

    def now(self) -> int:
        """Redis' clock (ms), by what the last answer said."""
        return self._clock() + self._ahead_ms

    def expect(self, resource: str, moment: int) -> None:
        """Something of the resource is due at `moment` (ms)."""
        due = self._due.get(resource)
        if due is None or moment < due:
            self._due[resource] = moment
            self.awake.set()

    def seconds_to_next(self, at_most: float) -> float:
        """How long nothing is due."""
        if not self._due:
            return at_most
        return min(at_most, max(0.0, (min(self._due.values()) - self.now()) / 1000))

    async def wait(self, at_most: float) -> None:
        """Sleep until something is due, or may be."""
        seconds = self.seconds_to_next(at_most)
        self.awake.clear()
        try:
            await asyncio.wait_for(self.awake.wait(), seconds)
        except TimeoutError:
            await asyncio.sleep(random.uniform(0, JITTER_SECONDS))  # noqa: S311  # spreads processes, hides nothing

    # What.

    async def expire_due(self) -> None:
        """Give back what is due by now; a server that takes long is not waited for.

        That it failed is told by a later call; what it did not give back is left to a sweep that it answers.
        """
        now = self.now()
        due = [name for name, moment in self._due.items() if moment <= now]
        for name in due:
            del self._due[name]
        if due:
            by_server = self._holds.store.by_server(due)
            some = [asyncio.create_task(self._expire_each(names)) for names in by_server]
            for task in some:
                self._expiring.add(task)
                task.add_done_callback(self._expired)
            await asyncio.wait(some, timeout=PATIENCE_SECONDS)
        failures, self._failures = self._failures, []
        if failures:
            raise failures[0]

    async def stop(self) -> None:
        """Leave what still waits for a server."""
        await asyncio.gather(*map(stop, tuple(self._expiring)))

    async def _expire_each(self, names: list[str]) -> None:
        """A batch of each in turn: what ends elsewhere does not wait for the thousands of one resource."""
        gate = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._expire_all_of(name, gate) for name in names))

    async def _expire_all_of(self, name: str, gate: asyncio.Semaphore) -> None:
        """Where a batch is not enough, Redis ends the next ones while we tell of those before."""
        if await self._expire_some_of(name, gate):
            await asyncio.gather(*(self._expire_the_rest_of(name, gate) for _ in range(AHEAD)))

    async def _expire_the_rest_of(self, name: str, gate: asyncio.Semaphore) -> None:
        while await self._expire_some_of(name, gate):
            pass

    async def _expire_some_of(self, name: str, gate: asyncio.Semaphore) -> bool:
        """A batch; whether there may be more."""
        async with gate:
            return _is_full(await self._expire_or_load(name))

    def _expired(self, task: asyncio.Task[None]) -> None:
        self._expiring.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            self._failures.append(failure)
            self.awake.set()

    async def sweep(self) -> None:
        """Every resource that was ever loaded: give back, and compare with what was known of it."""
        away: list[BaseException] = []
        try:
            names = await self._holds.store.resources() | self._known.keys()
        except Unavailable as error:
            names, away = set(self._known), [error]
        swept = (self._sweep_server(some) for some in self._holds.store.by_server(sorted(names)))
        away += [each for each in await asyncio.gather(*swept, return_exceptions=True) if each is not None]
        if away:
            raise away[0]

    async def _sweep_server(self, names: list[str]) -> None:
        """Those of one server; in a cluster, one that is away holds up none of the others."""
        run_id = await self._holds.store.run_id(names[0]) if names else ""
        for start in range(0, len(names), AT_ONCE):
            await asyncio.gather(*(self._sweep_one(name, run_id) for name in names[start : start + AT_ONCE]))

    async def _sweep_one(self, resource: str, run_id: str) -> None:
        answer = await self._expire_or_load(resource)
        while _is_full(answer):
            answer = await self._expire_or_load(resource)
        if answer is not None and answer.run_id != run_id:
            self._holds.trust.outage()
            await self._repair(resource, lambda meta: meta.run_id != run_id)

    async def _expire_or_load(self, resource: str) -> Answer | None:
        """What ended; a resource that is missing, or whose rebuild nobody finishes, is rebuilt."""
        try:
            answer = await self._expire(resource)
        except Unloaded:
            await self._repair(resource, lambda _: False)
            return None
        if answer.abandoned:
            await self._repair(resource, lambda _: False)
        return answer

    async def _expire(self, resource: str) -> Answer:
        answer = await self._holds.store.expire(resource, liveness=bool(self._holds.trust))
        await self._compare(resource, answer)
        if answer.next is not None:
            self.expect(resource, max(answer.next, answer.now + PAUSE_MS))
        return answer

    async def _compare(self, resource: str, answer: Answer) -> None:
        """Notice a rollback: a version that was higher before, under the same epoch."""
        self._ahead_ms = answer.now - self._clock()
        epoch, version = self._known.get(resource, (answer.epoch, 0))
        if epoch == answer.epoch and answer.version < version:
            await self._repair(resource, lambda meta: meta.epoch == epoch and meta.version < version)
            return
        self._known[resource] = (answer.epoch, answer.version)

    async def _repair(self, resource: str, is_broken: Callable[[Meta], bool]) -> None:
        """Rebuild; where PostgreSQL is away, the next sweep tries again, and the other resources go on."""
        try:
            await self._holds.loader.repair(resource, is_broken)
        except Unavailable as error:
            _log.warning("rebuild_postponed", resource=resource, reason=error.detail)
            return
        except UnknownResource:
            _log.info("resource_gone", resource=resource)
        self._known.pop(resource, None)


def _is_full(answer: Answer | None) -> bool:
    """Whether a batch may have left something that is due, too."""
    return answer is not None and len(answer.holds) >= BATCH
