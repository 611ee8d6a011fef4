"""What has taken place is completed: by time, for good, and without a word of where its driver was."""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import structlog

from server.bookings import moves, store
from server.bookings.backlog import Backlog
from server.bookings.places import Times, places_of
from server.bookings.rules import Booking
from server.database.pool import Database
from server.errors import Unavailable, UnknownResource
from server.holds.sources import Resources
from server.times import Clock
from server.worker import Worker

BATCH: Final = 50
IDLE_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


class Completing:
    """`worker` completes confirmed bookings whose `ends_at` has come, once their money is there."""

    def __init__(
        self,
        database: Database,
        inventory: Resources,
        apply: Callable[[UUID], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._database = database
        self._inventory = inventory
        self._apply = apply
        self._clock = clock
        self._backlog = Backlog(BATCH)
        self.worker = Worker("bookings.complete", self.work, idle=IDLE_SECONDS)

    async def work(self) -> float:
        """One round: a batch of what is over."""
        async with self._database.connection() as connection:
            batch, failed = self._backlog.batch, self._backlog.failed
            ended = await store.ended(connection, self._clock(), batch, failed)
        done = [await self._end(booking) for booking in ended]
        return 0.0 if self._backlog.goes_on(done) else IDLE_SECONDS

    async def _end(self, booking: Booking) -> bool:
        try:
            await self._complete(booking, await self._times(booking))
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001  # one booking's trouble must not keep the others waiting
            _log.exception("booking_not_completed", booking=str(booking.id))
            return False
        await self._apply(booking.id)
        return True

    async def _times(self, booking: Booking) -> Times:
        """When it takes place as its owner says now; as it was written where that can't be known any more."""
        try:
            return (await places_of(self._inventory, booking.lines)).times(booking.lines)
        except UnknownResource:
            return Times(booking.starts_at, booking.ends_at)

    async def _complete(self, booking: Booking, times: Times) -> None:
        now = self._clock()
        async with self._database.transaction() as connection:
            locked = await store.lock(connection, booking.id)
            if locked is None or not _is_over(locked, now):
                return
            if times.ends_at is not None and times.ends_at > now:  # its owner has put it off
                await store.update_times(connection, booking.id, times.starts_at, times.ends_at)
                return
            await store.update(connection, moves.completed(locked), now)


def _is_over(booking: Booking, now: int) -> bool:
    """Whether it is to be completed as it is now, locked: somebody may just have cancelled or moved it."""
    over = booking.ends_at is not None and booking.ends_at <= now
    return over and booking.status == "confirmed" and booking.payment_status != "authorized"
