"""Providers' events: stored before they are acknowledged, worked off by whichever process comes first.

An event only says where to look. Its order, its repeats and its absence change nothing: settle asks the
provider, and the reconciler asks without being told. So all that is due of one object is worked off at once,
and a dead letter means that a person should look, not that something is lost.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

import structlog

from server.database.coalescing import Coalescer
from server.database.pool import Database
from server.errors import Unavailable
from server.payments import inbox_store
from server.payments.inbox_store import Standing, Work
from server.payments.intake import Intake
from server.payments.provider import Event
from server.times import Clock
from server.worker import Worker

Heard = Callable[[str, str], Awaitable[object]]

# What is settled together shares its statements: the more, the less each costs.
AT_ONCE: Final = 48
AT_ONCE_IN_A_STORM: Final = 16
LEASE_MS: Final = 10_000
ATTEMPTS: Final = 12
SLOWEST_MS: Final = 300_000
AWAY_SOONEST_MS: Final = 1_000
AWAY_LATEST_MS: Final = 60_000
IDLE_SECONDS: Final = 2.0
# So often the table is asked for what others left, where nothing is known to be due in it.
LOOK_MS: Final = 1_000
STANDING_EVERY_MS: Final = 10_000
FORGET_EVERY_MS: Final = 3_600_000
FORGOTTEN_AT_ONCE: Final = 5_000
KEPT_MS: Final = 30 * 24 * 3_600_000

_log = structlog.get_logger(__name__)


class Figures(Protocol):
    """What the inbox tells whoever counts."""

    def delivery(self, outcome: str) -> None:
        """One delivery was answered: `stored`, `repeated`, why it was ignored, or the code of a refusal."""
        ...

    def event_worked_off(self, seconds: float) -> None:
        """One event was, so long after it was received."""
        ...


class NoFigures:
    """Nobody counts."""

    def delivery(self, outcome: str) -> None:
        """Not counted."""

    def event_worked_off(self, seconds: float) -> None:
        """Not counted."""


class Inbox:
    """`receive` for whoever brings events, `worker` to work them off through `heard(provider, object_id)`.

    `standing` is how many wait and how many are dead letters, at most STANDING_EVERY_MS old; `figures` is
    told of each delivery and each event.
    """

    def __init__(
        self, database: Database, heard: Heard, clock: Clock, figures: Figures | None = None
    ) -> None:
        self._database = database
        self._heard = heard
        self._clock = clock
        self.figures = figures or NoFigures()
        self._intake = Intake(
            database, clock, room=self._room_for_news, kept=self._has_kept, lease_ms=LEASE_MS
        )
        self._end = Coalescer(self._end_all)
        # Stored by this process as taken by it, and not begun.
        self._ours: deque[Work] = deque()
        # Whether the table may have more that is due, and when it was asked last.
        self._left, self._asked = True, 0
        self._running: set[asyncio.Task[None]] = set()
        # Of each object the task that looks at it last.
        self._latest: dict[inbox_store.Key, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._looked = self._forgot = 0
        self.standing = Standing(waiting=0, oldest=None, dead=0)
        self.worker = Worker("payments.inbox", self.work, idle=IDLE_SECONDS)

    async def receive(self, provider: str, event: Event) -> bool:
        """Keep the event; only after this returns may it be acknowledged. False: it was here already.

        Raises Overloaded or Unavailable: the provider is to deliver it again.
        """
        new = await self._intake.keep(provider, event)
        if new:
            self._news.set()
            self.worker.wake()
        return new

    async def work(self) -> float:
        """Until nothing is due. What hangs keeps its place and does not keep the rest waiting."""
        try:
            while True:
                self._news.clear()
                while await self._take_some():
                    await self._some_room()
                await self._keep_house()
                if not self._running:
                    return IDLE_SECONDS
                await self._end_or_news()
        except asyncio.CancelledError:
            await self._stop()
            raise

    async def _take_some(self) -> bool:
        """Begin with what is due, as far as there is room; whether there was any.

        It begins with fewer while deliveries pour in, and with none while this process is late in storing
        them: their sender waits for that, and nobody waits for this.
        """
        if self._intake.strained:
            return False
        began = bool(self._ours) and self._room() > 0
        while self._ours and self._room() > 0:
            self._start(self._ours.popleft())
        now, room = self._clock(), self._room()
        if room <= 0 or not (self._left or self._looks(now)):
            return began
        self._left, self._asked = False, now
        try:
            async with self._database.connection() as connection:
                found = await inbox_store.take(connection, now, now + LEASE_MS, room)
        except Unavailable:
            self._left = True
            raise
        self._left |= sum(len(work.attempts) for work in found) >= room
        for work in found:
            self._start(work)
        return began or bool(found)

    def _looks(self, now: int) -> bool:
        """Whether it is time to; also where the clock was set back meanwhile."""
        return not 0 <= now - self._asked < LOOK_MS

    def _room(self) -> int:
        return (AT_ONCE_IN_A_STORM if self._intake.busy else AT_ONCE) - len(self._running)

    def _room_for_news(self) -> int:
        """Of how many objects events may be taken as they come; none while others wait in the table.

        There those of one object gather meanwhile, to be looked at together.
        """
        waits = self._left or self._intake.strained
        return 0 if waits else AT_ONCE - len(self._running) - len(self._ours)

    def _has_kept(self, ours: Sequence[Work], others: bool) -> None:
        self._ours += ours
        self._left |= others

    def _start(self, work: Work) -> None:
        """One task for each object; if it is being looked at this moment, afterwards."""
        key = (work.provider, work.object_id)
        task = asyncio.create_task(self._work_off(work, self._latest.get(key)))
        self._latest[key] = task
        self._running.add(task)

        def ended(_task: object) -> None:
            self._running.discard(task)
            self._news.set()
            if self._latest.get(key) is task:
                del self._latest[key]

        task.add_done_callback(ended)

    async def _some_room(self) -> None:
        while len(self._running) > AT_ONCE // 2:
            self._news.clear()
            await self._news.wait()

    async def _end_or_news(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await self._news.wait()

    async def _stop(self) -> None:
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _work_off(self, work: Work, before: asyncio.Task[None] | None) -> None:
        """All of an object's events at once; what can't be written down is taken again after the lease."""
        if before is not None:
            await asyncio.wait({before})
        try:
            await self._try(work)
        except Unavailable as error:
            _log.info("events_left", object=work.object_id, reason=error.detail)

    async def _try(self, work: Work) -> None:
        try:
            await self._heard(work.provider, work.object_id)
        except Unavailable as error:
            await self._wait(work, error)
        except Exception as error:  # noqa: BLE001  # kept and tried again, whatever it was
            await self._postpone(work, error)
        else:
            await self._done(work)

    async def _done(self, work: Work) -> None:
        now = self._clock()
        await self._end(work)
        for received_at in work.received.values():
            self.figures.event_worked_off(max(0, now - received_at) / 1000)

    async def _end_all(self, done: list[Work]) -> list[None]:
        async with self._database.connection() as connection:
            await inbox_store.done(connection, done, self._clock())
        return [None] * len(done)

    async def _wait(self, work: Work, error: Unavailable) -> None:
        """Somebody is away: a dead letter is not made of that, however long it takes."""
        now = self._clock()
        pause = min(max((now - work.since) // 2, AWAY_SOONEST_MS), AWAY_LATEST_MS)
        _log.info("events_wait", object=work.object_id, events=len(work.attempts), reason=error.detail)
        async with self._database.connection() as connection:
            await inbox_store.wait(connection, work, error.detail, now + pause)

    async def _postpone(self, work: Work, error: Exception) -> None:
        now = self._clock()
        reason = f"{type(error).__name__}: {error}"
        async with self._database.connection() as connection:
            for event_id, attempts in work.attempts.items():
                dead = attempts >= ATTEMPTS
                again = now + min(1000 * 2 ** (attempts - 1), SLOWEST_MS)
                say = _log.error if dead else _log.warning
                say("event_dead" if dead else "event_postponed", event_id=event_id, reason=reason)
                key = (work.provider, event_id)
                await inbox_store.failed(connection, key, reason, again, now if dead else None)

    async def _keep_house(self) -> None:
        now = self._clock()
        if now - self._looked >= STANDING_EVERY_MS:
            self._looked = now
            async with self._database.connection() as connection:
                self.standing = await inbox_store.standing(connection)
        if now - self._forgot >= FORGET_EVERY_MS:
            async with self._database.connection() as connection:
                has_more = await inbox_store.forget(connection, now - KEPT_MS, FORGOTTEN_AT_ONCE)
            if not has_more:
                self._forgot = now
