"""Where events come in: many requests share one statement, and none is acknowledged before that committed.

The first is written at once; whatever comes while it is written goes together with the next. What this
process can work off at once is written down as taken by it already. What waits is bounded in number and
bytes: beyond that the sender is told to come again, which providers do for days.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from server.database.pool import Database
from server.errors import Overloaded
from server.payments import inbox_store
from server.payments.inbox_store import Key, Work
from server.payments.provider import Event
from server.times import Clock

WAITING_AT_MOST: Final = 2_000
BYTES_AT_MOST: Final = 16 * 1024 * 1024
BATCH: Final = 250
BATCH_BYTES: Final = 2 * 1024 * 1024
EVERY_SECONDS: Final = 0.01
LATE_SECONDS: Final = 0.025
REMEMBERED: Final = 20_000

_Waiting = tuple[str, Event, "asyncio.Future[bool]"]


class Intake:
    """`await keep(provider, event)` returns once the event is durable.

    Of so many objects as there is `room` for, events are written as taken for `lease_ms`. `kept` is told of
    those, and whether there are others, which anybody may take.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        room: Callable[[], int] = lambda: 0,
        kept: Callable[[Sequence[Work], bool], None] = lambda _works, _others: None,
        lease_ms: int = 0,
    ) -> None:
        self._database = database
        self._clock = clock
        self._room = room
        self._kept = kept
        self._lease_ms = lease_ms
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._writing: asyncio.Task[None] | None = None
        self._late = 0.0
        self._stored: dict[Key, None] = {}  # the latest; the database remembers all

    @property
    def busy(self) -> bool:
        """Whether something was brought within EVERY_SECONDS."""
        return self._writing is not None

    @property
    def strained(self) -> bool:
        """Whether the process is late with what is brought."""
        return self.busy and self._late > LATE_SECONDS

    async def keep(self, provider: str, event: Event) -> bool:
        """False if it was here already. Overloaded if too many wait, Unavailable if PostgreSQL is away."""
        if (provider, event.id) in self._stored:
            return False
        if len(self._waiting) >= WAITING_AT_MOST or self._bytes >= BYTES_AT_MOST:
            raise Overloaded("more events come than can be stored", retry_after=1)
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((provider, event, kept))
        self._bytes += len(event.body)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="payments.intake")
        return await kept

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                gathered = asyncio.create_task(self._gather())
                await self._write(self._next_batch())
                await gathered
        finally:
            self._writing = None
            for _, _, kept in self._waiting:  # only when cancelled: the process is on its way out
                kept.cancel()
            self._waiting.clear()
            self._bytes = 0

    async def _gather(self) -> None:
        """Let some more come; how late this ends is how late everybody is served."""
        clock = asyncio.get_running_loop().time
        due = clock() + EVERY_SECONDS
        await asyncio.sleep(EVERY_SECONDS)
        self._late = clock() - due

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < BATCH and size < BATCH_BYTES:
            batch.append(self._waiting.popleft())
            size += len(batch[-1][1].body)
        self._bytes -= size
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        now, events = self._clock(), [(provider, event) for provider, event, _ in batch]
        ours = _of_the_first(events, self._room())
        try:
            async with self._database.connection() as connection:
                new = await inbox_store.keep(connection, events, now, ours=ours, until=now + self._lease_ms)
        except BaseException as error:
            _refuse(batch, error)
            if not isinstance(error, Exception):
                raise
            return
        self._kept(_works(events, new & ours, now), not new <= ours)
        for provider, event, kept in batch:
            key = (provider, event.id)
            self._remember(key)
            if not kept.done():
                kept.set_result(key in new)
            new.discard(key)  # once in the batch is new, twice is a repeat

    def _remember(self, key: Key) -> None:
        self._stored[key] = None
        if len(self._stored) > REMEMBERED:
            del self._stored[next(iter(self._stored))]


def _of_the_first(events: Sequence[tuple[str, Event]], objects: int) -> set[Key]:
    """The events of the first so many objects."""
    chosen: dict[Key, None] = {}
    for provider, event in events:
        if len(chosen) < objects:
            chosen[provider, event.object_id] = None
    return {(provider, event.id) for provider, event in events if (provider, event.object_id) in chosen}


def _works(events: Sequence[tuple[str, Event]], keys: set[Key], now: int) -> list[Work]:
    """These of the events, by their objects, taken for the first time."""
    found: dict[Key, Work] = {}
    for provider, event in events:
        if (provider, event.id) in keys:
            work = found.setdefault((provider, event.object_id), Work(provider, event.object_id))
            work.attempts[event.id], work.received[event.id] = 1, now
    return list(found.values())


def _refuse(batch: list[_Waiting], error: BaseException) -> None:
    for _, _, kept in batch:
        if kept.done():
            continue
        if isinstance(error, Exception):
            kept.set_exception(error)
        else:
            kept.cancel()
