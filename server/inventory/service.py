"""What the other rooms ask about resources, from a memory that works while PostgreSQL is away."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from server.database.pool import Connection, Database
from server.errors import HoldfastError, Unavailable, UnknownResource
from server.inventory import store
from server.inventory.blocks import Block, blocks_of
from server.inventory.grid.calendar import Calendar
from server.inventory.grid.finding import Live
from server.inventory.grid.showing import Days
from server.inventory.listing import Page, Wanted, page
from server.inventory.recent import Recent
from server.inventory.rules import Resource, ResourceDraft, Slot, lay_out
from server.inventory.store import Stored, Written
from server.inventory.views import Body, body_of

# A resource that was looked at this long ago is looked at again before it is answered.
FRESH_SECONDS = 1.0
# …but nobody waits longer than this for a PostgreSQL that is slow or away, if there is an older answer.
PATIENCE_SECONDS = 0.25
# How long the process that made a change has to tell Redis before any other does.
ANNOUNCE_SECONDS = 5.0
WATCH_SECONDS = 2.0

_MOST_SLOTS = 500_000
_MOST_BYTES = 64 * 1024 * 1024
_GRID_WEIGHT = 500  # in slots: the days of its calendar that it remembers

logger = logging.getLogger(__name__)
T = TypeVar("T")

OnChange = Callable[[str], Awaitable[None]]
# From what stands to what shall stand; pure, as it runs inside the transaction.
Edit = Callable[[Resource, tuple[Slot, ...]], tuple[ResourceDraft, tuple[Slot, ...]]]


@dataclass(frozen=True, slots=True)
class LoadedResource:
    """A resource with its slots by index, their ids, and its blocks, best first.

    A grid has a calendar instead: its slots are steps of time, and there are as many as one asks for.
    """

    resource: Resource
    slots: tuple[Slot, ...]
    by_id: Mapping[str, int]
    blocks: tuple[Block, ...]
    version: str = ""
    calendar: Calendar | None = None


@dataclass(slots=True)
class _Entry:
    loaded: LoadedResource
    looked_at: float


class _DryRun(Exception):
    """Rolls the transaction back that has shown what would happen."""

    def __init__(self, written: Written) -> None:
        self.written = written


@dataclass(slots=True)
class _Work:
    """What is being done for several callers at once, by key."""

    tasks: dict[str, asyncio.Task[Any]] = field(default_factory=dict)

    def start(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> "asyncio.Task[T]":
        task = self.tasks.get(key)
        if task is None:
            task = self.tasks[key] = asyncio.create_task(work(), name=f"inventory {key}")
            task.add_done_callback(lambda done: self._end(key, done))
        return task

    def is_mine(self, key: str) -> bool:
        """Whether the task that asks is the one that later callers will share."""
        return self.tasks.get(key) is asyncio.current_task()

    def forget(self, key: str) -> None:
        """Whoever asks from now on gets work of their own."""
        self.tasks.pop(key, None)

    def _end(self, key: str, task: asyncio.Task[Any]) -> None:
        if self.tasks.get(key) is task:
            del self.tasks[key]
        if not task.cancelled():
            task.exception()  # every caller may have stopped waiting


class Inventory:
    """All resources. `on_change(id)` is awaited after each change, to tell Redis; it may raise Unavailable.

    A change that could not be told is told later: by `run()` in this process or in any other.
    """

    def __init__(
        self,
        database: Database,
        *,
        on_change: OnChange | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self.on_change = on_change
        self._clock = clock
        self._wall = wall
        self._entries: Recent[_Entry] = Recent(_MOST_SLOTS)
        self._bodies: Recent[Body] = Recent(_MOST_BYTES)
        self._loading = _Work()
        self._writing = _Work()

    async def get(self, resource_id: str, layout: int | None = None) -> LoadedResource:
        """A resource as it was a second ago at the most; with `layout`, as of that layout or a later one.

        Raises UnknownResource; Unavailable only if PostgreSQL is away and there is no answer in memory.
        """
        entry = self._entries.get(resource_id)
        if entry and self._is_good(entry, layout):
            return entry.loaded
        task = self._loading.start(resource_id, lambda: self._look(resource_id))
        if layout is not None:
            loaded = await asyncio.shield(task)
            if loaded.resource.layout >= layout:
                return loaded
            # That look had begun before the change: another begins after it.
            return await asyncio.shield(self._loading.start(resource_id, lambda: self._look(resource_id)))
        if entry is None:
            return await asyncio.shield(task)
        done, _ = await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
        try:
            if done:
                return task.result()
        except Unavailable:
            pass
        entry.looked_at = self._clock()  # one caller a second waits, not each
        return entry.loaded

    def at_hand(self, resource_id: str, layout: int | None = None) -> LoadedResource | None:
        """What is in memory, as it was two seconds ago at the most: looking anew begins after one."""
        entry = self._entries.get(resource_id)
        if entry is None or self._is_good(entry, layout):
            return None if entry is None else entry.loaded
        if layout is not None or self._clock() - entry.looked_at >= 2 * FRESH_SECONDS:
            return None
        self._loading.start(resource_id, lambda: self._look(resource_id))
        return entry.loaded

    @property
    def now(self) -> int:
        """The time by which steps are past, in ms since the Unix epoch."""
        return round(self._wall() * 1000)

    async def body(
        self,
        resource_id: str,
        days: Days = Days(),  # noqa: B008  # a value
        *,
        at_once: bool = False,
    ) -> Body:
        """A resource as JSON for HTTP, made once for each version; of a grid the slots of some days.

        `at_once`: with every change there is by now, by whichever process, and not as it was a second ago.
        """
        if at_once:
            self._loading.forget(resource_id)  # that look may have begun before a change
            task = self._loading.start(resource_id, lambda: self._look(resource_id))
            loaded = await asyncio.shield(task)
        else:
            loaded = await self.get(resource_id)
        calendar, steps = loaded.calendar, (0, 0, 0)
        if calendar is not None:
            now = self.now
            first, count = days.steps(calendar, calendar.today(now))
            steps = first, count, min(max(calendar.index_at(now) + 1 - first, 0), count)
        key = f"{resource_id} {loaded.version} {steps}"
        body = self._bodies.get(key)
        if body is None:
            body = await asyncio.shield(self._writing.start(key, lambda: self._write(key, loaded, steps)))
        return body

    async def page(self, wanted: Wanted, limit: int, live: Live | None = None) -> Page:
        """At most `limit` resources in the order of creation; `live` says which grids are free."""
        return await page(self._database, wanted, limit, self.now, live)

    async def create(self, draft: ResourceDraft, *, dry_run: bool = False) -> Written:
        """A new resource; Conflict if its id is in use or was."""
        slots = lay_out((), draft.slots, currency=draft.currency)

        async def write(connection: Connection) -> Written:
            return await store.create(connection, draft, slots, announce_in=self._announce_in())

        return await self._transact(draft.id, write, dry_run=dry_run)

    async def change(self, resource_id: str, edit: Edit, *, dry_run: bool = False) -> Written:
        """Change a resource; UnknownResource, or Conflict where it does not go with what is booked."""

        async def write(connection: Connection) -> Written:
            old: Stored = await store.lock(connection, resource_id)
            draft, slots = edit(old.resource, old.slots)
            return await store.change(connection, old, draft, slots, announce_in=self._announce_in())

        return await self._transact(resource_id, write, dry_run=dry_run)

    async def delete(self, resource_id: str) -> None:
        """Take a resource away; UnknownResource, or Conflict while something of it is booked."""
        async with self._database.transaction() as connection:
            version = await store.delete(connection, resource_id, announce_in=self._announce_in())
        await self._changed(resource_id, version)

    async def exists(self, resource_id: str) -> bool:
        """Whether PostgreSQL has it now."""
        return await store.read_version(self._database, resource_id) is not None

    async def announce_pending(self) -> int:
        """Tell Redis of changes that it has not been told of; the answer is how many there were."""
        if self.on_change is None:
            return 0
        pending = await store.claim_announcements(self._database, ANNOUNCE_SECONDS)
        for resource_id, version in pending:
            self._forget(resource_id)
            await self._announce(resource_id, version)
        return len(pending)

    async def run(self) -> None:
        """Watch for changes that were not told, for ever; to be supervised."""
        while True:
            try:
                await self.announce_pending()
            except Unavailable:
                logger.debug("changes of resources cannot be looked for: PostgreSQL is away")
            await asyncio.sleep(WATCH_SECONDS)

    async def close(self) -> None:
        """End what is still being loaded."""
        tasks = [*self._loading.tasks.values(), *self._writing.tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_good(self, entry: _Entry, layout: int | None) -> bool:
        if layout is not None:
            return entry.loaded.resource.layout >= layout
        return self._clock() - entry.looked_at < FRESH_SECONDS

    async def _look(self, resource_id: str) -> LoadedResource:
        """What PostgreSQL has now, read only if it is not what is in memory."""
        entry = self._entries.get(resource_id)
        started = self._clock()
        version = await store.read_version(self._database, resource_id)
        if version is None:
            self._entries.drop(resource_id)
            raise UnknownResource
        if entry is None or entry.loaded.version != version:
            entry = _Entry(await self._load(resource_id), started)
            if (
                self._loading.tasks.get(resource_id) is asyncio.current_task()
            ):  # else it has changed meanwhile
                weight = _GRID_WEIGHT if entry.loaded.calendar else len(entry.loaded.slots) + 1
                self._entries.put(resource_id, entry, weight)
        entry.looked_at = started
        return entry.loaded

    async def _load(self, resource_id: str) -> LoadedResource:
        async with self._database.transaction(snapshot=True) as connection:
            stored = await store.read(connection, resource_id)
        return await asyncio.to_thread(_loaded, stored)

    async def _write(self, key: str, loaded: LoadedResource, steps: tuple[int, int, int]) -> Body:
        body = await asyncio.to_thread(_body, loaded, steps)
        self._bodies.put(key, body, len(body.plain) + len(body.gzipped))
        return body

    async def _transact(
        self,
        resource_id: str,
        write: Callable[[Connection], Awaitable[Written]],
        *,
        dry_run: bool,
    ) -> Written:
        try:
            async with self._database.transaction() as connection:
                written = await write(connection)
                _roll_back_if(dry_run, written)
        except _DryRun as shown:
            return shown.written
        if written.action != "unchanged":
            await self._changed(resource_id, written.version)
        return written

    async def _changed(self, resource_id: str, version: str) -> None:
        self._forget(resource_id)
        if self.on_change:
            await self._announce(resource_id, version)

    def _forget(self, resource_id: str) -> None:
        """The next answer is PostgreSQL's."""
        self._loading.forget(resource_id)
        self._entries.drop(resource_id)

    def _announce_in(self) -> float:
        return ANNOUNCE_SECONDS if self.on_change else 0.0

    async def _announce(self, resource_id: str, version: str) -> None:
        """Tell Redis; where that fails the note stays in PostgreSQL and somebody tells it later."""
        assert self.on_change is not None
        try:
            with suppress(UnknownResource):  # deleted, or meanwhile
                await self.on_change(resource_id)
            await store.announced(self._database, resource_id, version)
        except HoldfastError as error:
            logger.warning("Redis was not told of the change of %s: %s", resource_id, error)


def _body(loaded: LoadedResource, steps: tuple[int, int, int]) -> Body:
    """Of a grid so many steps from one on, of which so many have begun."""
    if loaded.calendar is None:
        return body_of(loaded.resource, loaded.slots, loaded.version)
    first, count, begun = steps
    slots = loaded.calendar.slots(first, count)
    over = [slot if slot.blocked else msgspec.structs.replace(slot, blocked=True) for slot in slots[:begun]]
    return body_of(loaded.resource, over + slots[begun:], loaded.version)


def _roll_back_if(dry_run: bool, written: Written) -> None:
    if dry_run:
        raise _DryRun(written)


def _loaded(stored: Stored) -> LoadedResource:
    return LoadedResource(
        resource=stored.resource,
        slots=stored.slots,
        by_id={slot.id: slot.index for slot in stored.slots},
        blocks=blocks_of(stored.slots),
        version=stored.version,
        calendar=None if stored.resource.grid is None else Calendar(stored.resource),
    )
