"""Rebuilding a resource's live state from PostgreSQL, by one process at a time, and waiting for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from server.errors import Unavailable, UnknownResource
from server.holds.days import Reading, lay_for, pack_grid
from server.holds.index import Index
from server.holds.leases import Lease, leased
from server.holds.packing import pack
from server.holds.sources import Booked, BookedSource, Loaded, Resources
from server.holds.store import (
    Abandoned,
    Answer,
    HoldStore,
    Meta,
    Newer,
    NotReady,
    Outdated,
    Rebuilding,
    Unloaded,
)
from server.inventory.grid.calendar import Calendar

PATIENCE_SECONDS = 5.0
POLL_SECONDS = 0.03
# Beside a resource, the key of work that callers share, in place of a layout's number (0 and more).
CURRENT = -1  # of `ensure_current`
BEGUN = -2  # of `finish`

Result = TypeVar("Result")

_waits: ContextVar[bool] = ContextVar("waits_until_loaded", default=True)


@contextmanager
def not_waiting() -> Iterator[None]:
    """In here a resource that is not ready raises NotReady at once: for callers that keep rows locked."""
    token = _waits.set(False)
    try:
        yield
    finally:
        _waits.reset(token)


class Loader:
    """Runs scripts on resources and loads those that Redis does not know."""

    def __init__(self, store: HoldStore, index: Index, inventory: Resources, booked: BookedSource) -> None:
        self.store = store
        self._index = index
        self._inventory = inventory
        self._booked = booked
        self._ensuring: dict[tuple[str, int], asyncio.Task[None]] = {}

    async def run(self, name: str, resource: str, /, *blobs: bytes, **content: Any) -> Answer:
        """Run a script; an unknown resource is loaded first, a rebuild is waited for."""
        return await self.with_loaded(resource, lambda: self.store.run(name, resource, *blobs, **content))

    async def run_laid(self, name: str, resource: str, steps: Iterable[int], /, **content: Any) -> Answer:
        """Run a script that may take these slots again; a grid's chunks go along as its opening hours say."""
        indices = set(steps)

        async def of_grid(loaded: Loaded, calendar: Calendar) -> Answer:
            laid = lay_for(calendar, indices)
            given = {**content, "layout": loaded.resource.layout, "days": laid.days}
            return await self.run(name, resource, laid.records, **given)

        answer = await self.with_calendar(resource, of_grid)
        return await self.run(name, resource, **content) if answer is None else answer

    async def read_days(self, resource: str) -> tuple[Reading, Calendar]:
        """All that Redis has of a grid at one moment, and the calendar that it follows."""

        async def once() -> tuple[Reading, Calendar]:
            reading = await self.store.days(resource)
            if reading is None:
                raise Unloaded(resource)
            loaded = await self._inventory.get(resource, reading.layout)
            if loaded.calendar is None or loaded.resource.layout != reading.layout:
                raise Outdated(resource, loaded.resource.layout)
            return reading, loaded.calendar

        return await self.with_loaded(resource, once)

    async def with_calendar(
        self, resource: str, work: Callable[[Loaded, Calendar], Awaitable[Result]]
    ) -> Result | None:
        """Do `work` by the grid's calendar as it stands in Redis; None for what is no grid."""
        layout = None
        while True:
            loaded = await self._inventory.get(resource, layout)
            if loaded.calendar is None:
                return None
            try:
                return await work(loaded, loaded.calendar)
            except Newer as newer:
                layout = newer.layout

    async def with_loaded(self, resource: str, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do `work` once Redis knows the resource; Unavailable if it can't be brought to."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return await work()
            except NotReady as reason:
                if not _waits.get():
                    raise
                if time.monotonic() > until:
                    raise Unavailable("The resource is being rebuilt", retry_after=1) from reason
                await self._make_ready(resource, reason)

    async def _make_ready(self, resource: str, reason: NotReady) -> None:
        match reason:
            case Outdated(layout=layout):
                await self.ensure(resource, layout)
            case Rebuilding():
                await asyncio.sleep(POLL_SECONDS)
            case Abandoned():
                await self.finish(resource)
            case _:
                await self.ensure(resource)

    async def ensure(self, resource: str, layout: int = 0) -> None:
        """Load the resource unless Redis knows it, in `layout` or later.

        Callers of one process share the work.
        """
        await self._share((resource, layout), lambda: self._ensure(resource, layout))

    async def ensure_current(self, resource: str) -> None:
        """Load the resource unless this very run of Redis has it. Callers of one process share the work."""
        await self._share((resource, CURRENT), lambda: self._ensure_current(resource))

    async def _share(self, key: tuple[str, int], work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = self._ensuring.get(key)
        if task is None:
            task = self._ensuring[key] = asyncio.create_task(work())
            task.add_done_callback(lambda done: self._ensured(key, done))
        await asyncio.shield(task)

    def _ensured(self, key: tuple[str, int], task: asyncio.Task[None]) -> None:
        del self._ensuring[key]
        if not task.cancelled():
            task.exception()  # seen, even if every caller has gone

    async def _ensure(self, resource: str, layout: int) -> None:
        meta = await self.store.meta(resource)
        if meta is None or meta.layout < layout:
            await self.repair(resource, lambda meta: meta.layout < layout)

    async def _ensure_current(self, resource: str) -> None:
        run_id, meta = await self.store.run_id(resource), await self.store.meta(resource)
        if meta is None or meta.run_id != run_id:
            await self.repair(resource, lambda meta: meta.run_id != run_id)

    async def repair(self, resource: str, is_broken: Callable[[Meta], bool]) -> None:
        """Rebuild the resource if it is missing or, once nobody else is at it, still looks broken."""
        async with leased(self.store, resource) as lease:
            meta = await self.store.meta(resource)
            if lease.takes_over or meta is None or is_broken(meta):
                await self._load_under(resource, lease)

    async def finish(self, resource: str) -> None:
        """Complete a rebuild whose process died: take its lease and rebuild.

        Callers of one process share the work.
        """
        await self._share((resource, BEGUN), lambda: self.repair(resource, lambda _: False))

    async def load(self, resource: str) -> None:
        """Rebuild the resource under a new epoch; one that is gone is forgotten.

        A caller that waited while somebody else rebuilt it leaves it at that. Many ask at once, and if each
        made an epoch of its own, what the others have just built would be out of date again.
        """
        before = await self.store.meta(resource)
        async with leased(self.store, resource) as lease:
            now = await self.store.meta(resource)
            is_new = now is not None and (before is None or now.epoch != before.epoch)
            if lease.takes_over or not is_new:
                await self._load_under(resource, lease)

    async def load_anew(self, resource: str) -> None:
        """Rebuild the resource as `load` does, also right after somebody else.

        The rebuild before may have read the resource as it was before the change that asks for this one.
        """
        async with leased(self.store, resource) as lease:
            await self._load_under(resource, lease)

    async def _load_under(self, resource: str, lease: Lease) -> None:
        try:
            await self._rebuild(resource, lease)
        except UnknownResource:
            await self.store.forget(resource)
            raise

    async def _rebuild(self, resource: str, lease: Lease) -> None:
        booked = await self._booked.bump_epoch_and_read(resource, lease.require)
        loaded = await self._inventory.get(resource, booked.layout)
        if not await self._put(resource, lease.token, loaded, booked):
            raise Unavailable("Another process has taken the rebuild over", retry_after=1)
        await self.store.remember_resource(resource)
        await self._index.find_again(booked.pending)

    async def _put(self, resource: str, token: str, loaded: Loaded, booked: Booked) -> bool:
        """Write it all; False if the lease was lost. Redis names the chunks that a grid's holds are in."""
        run_id, calendar = await self.store.run_id(resource), loaded.calendar
        if calendar is None:
            packed = await asyncio.to_thread(pack, loaded, booked.lines, epoch=booked.epoch, run_id=run_id)
            return (await self.store.load(resource, token, packed, booked)).status == "loaded"
        needed: set[int] = set()
        while True:
            now = await self.store.now()
            packed = pack_grid(loaded, calendar, booked, now=now, run_id=run_id, needed=needed)
            answer = await self.store.load(resource, token, packed, booked)
            if answer.status != "needs":
                return answer.status == "loaded"
            needed.update(answer.days)
