"""Rebuilding a resource's live state from PostgreSQL, by one process at a time, and waiting for it."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from server.errors import Unavailable, UnknownResource
from server.holds.index import Index
from server.holds.packing import pack
from server.holds.sources import BookedSource, Resources
from server.holds.store import Answer, HoldStore, Meta, NotReady, Outdated, Rebuilding

LEASE_MS = 15_000
PATIENCE_SECONDS = 5.0
POLL_SECONDS = 0.03

Result = TypeVar("Result")


class Loader:
    """Runs scripts on resources and loads those that Redis does not know."""

    def __init__(self, store: HoldStore, index: Index, inventory: Resources, booked: BookedSource) -> None:
        self.store = store
        self._index = index
        self._inventory = inventory
        self._booked = booked
        self._ensuring: dict[str, asyncio.Task[None]] = {}

    async def run(self, name: str, resource: str, /, **content: Any) -> Answer:
        """Run a script; an unknown resource is loaded first, a rebuild is waited for."""
        return await self.with_loaded(resource, lambda: self.store.run(name, resource, **content))

    async def with_loaded(self, resource: str, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do `work` once Redis knows the resource; Unavailable if it can't be brought to."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return await work()
            except NotReady as reason:
                if time.monotonic() > until:
                    raise Unavailable("The resource is being rebuilt", retry_after=1) from reason
                await self._make_ready(resource, reason)

    async def _make_ready(self, resource: str, reason: NotReady) -> None:
        match reason:
            case Outdated(layout=layout):
                await self.repair(resource, lambda meta: meta.layout < layout)
            case Rebuilding():
                await asyncio.sleep(POLL_SECONDS)
            case _:
                await self.ensure(resource)

    async def ensure(self, resource: str) -> None:
        """Load the resource unless Redis knows it. Callers of one process share the work."""
        task = self._ensuring.get(resource)
        if task is None:
            task = self._ensuring[resource] = asyncio.create_task(self._ensure(resource))
            task.add_done_callback(lambda done: self._ensured(resource, done))
        await asyncio.shield(task)

    def _ensured(self, resource: str, task: asyncio.Task[None]) -> None:
        del self._ensuring[resource]
        if not task.cancelled():
            task.exception()  # seen, even if every caller has gone

    async def _ensure(self, resource: str) -> None:
        if await self.store.meta(resource) is None:
            await self.repair(resource, lambda _: False)

    async def repair(self, resource: str, is_broken: Callable[[Meta], bool]) -> None:
        """Rebuild the resource if it is missing or, once nobody else is at it, still looks broken."""
        token = await self._lease(resource)
        meta = await self.store.meta(resource)
        if meta is not None and not is_broken(meta):
            await self.store.give_lease_back(resource, token)
            return
        await self._load_under(resource, token)

    async def load(self, resource: str) -> None:
        """Rebuild the resource in any case, under a new epoch; one that is gone is forgotten."""
        await self._load_under(resource, await self._lease(resource))

    async def _lease(self, resource: str) -> str:
        token, until = secrets.token_hex(8), time.monotonic() + PATIENCE_SECONDS
        while not await self.store.take_lease(resource, token, LEASE_MS):
            if time.monotonic() > until:
                raise Unavailable("The resource is being rebuilt", retry_after=1)
            await asyncio.sleep(POLL_SECONDS)
        return token

    async def _load_under(self, resource: str, token: str) -> None:
        try:
            await self._rebuild(resource, token)
        except UnknownResource:
            await self.store.forget(resource)
            raise
        finally:
            await self.store.give_lease_back(resource, token)

    async def _rebuild(self, resource: str, token: str) -> None:
        booked = await self._booked.bump_epoch_and_read(resource)
        loaded = await self._inventory.get(resource, booked.layout)
        run_id = await self.store.run_id()
        packed = pack(loaded, booked.lines, epoch=booked.epoch, run_id=run_id)
        if not await self.store.load(resource, token, packed, booked.pending):
            raise Unavailable("Another process has taken the rebuild over", retry_after=1)
        await self.store.remember_resource(resource)
        await self._index.find_again(booked.pending)
