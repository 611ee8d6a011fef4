"""Providers' events: stored before they are acknowledged, worked off by whichever process comes first.

An event only says where to look. Its order, its repeats and its absence change nothing: settle asks the
provider, and the reconciler asks without being told.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from server.bookings.worker import Clock, Worker
from server.database.pool import Database
from server.payments import store
from server.payments.provider import Event

Heard = Callable[[str, str], Awaitable[object]]

BATCH: Final = 20
LEASE_MS: Final = 30_000
ATTEMPTS: Final = 12
SLOWEST_MS: Final = 300_000
IDLE_SECONDS: Final = 2.0

_log = structlog.get_logger(__name__)


class Inbox:
    """`receive` for whoever brings events, `worker` to work them off through `heard(provider, object_id)`."""

    def __init__(self, database: Database, heard: Heard, clock: Clock) -> None:
        self._database = database
        self._heard = heard
        self._clock = clock
        self.worker = Worker("payments.inbox", self.work, idle=IDLE_SECONDS)

    async def receive(self, provider: str, event: Event) -> bool:
        """Keep the event; only after this returns may it be acknowledged. False: it was here already."""
        async with self._database.connection() as connection:
            new = await store.store_event(connection, provider, event, self._clock())
        self.worker.wake()
        return new

    async def work(self) -> float:
        """One round: a batch of what is due."""
        now = self._clock()
        async with self._database.connection() as connection:
            events = await store.take_events(connection, now, now + LEASE_MS, BATCH)
        await asyncio.gather(*(self._work_off(event) for event in events))
        return 0.0 if len(events) == BATCH else IDLE_SECONDS

    async def _work_off(self, event: store.StoredEvent) -> None:
        try:
            await self._heard(event.provider, event.object_id)
        except Exception as error:  # noqa: BLE001  # kept and tried again, whatever it was
            await self._postpone(event, error)
            return
        async with self._database.connection() as connection:
            await store.event_done(connection, event, self._clock())

    async def _postpone(self, event: store.StoredEvent, error: Exception) -> None:
        now = self._clock()
        dead = event.attempts >= ATTEMPTS
        again = now + min(1000 * 2 ** (event.attempts - 1), SLOWEST_MS)
        _log.log(
            40 if dead else 30,
            "event_dead" if dead else "event_postponed",
            event_id=event.id,
            reason=f"{type(error).__name__}: {error}",
        )
        async with self._database.connection() as connection:
            await store.event_failed(connection, event, repr(error), again, now if dead else None)
