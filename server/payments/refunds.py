"""Refunds are rows: owed from the moment they stand, tried until the provider has made them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import structlog

from server.bookings.worker import Clock, Worker
from server.database.pool import Database
from server.errors import Unavailable
from server.payments import store
from server.payments.provider import ProviderRefused
from server.payments.providers import Providers

BATCH: Final = 20
LEASE_MS: Final = 30_000
ALERT_AFTER: Final = 5
SLOWEST_MS: Final = 3_600_000
IDLE_SECONDS: Final = 2.0

_log = structlog.get_logger(__name__)


class Refunds:
    """`worker` makes what is owed and then has the payment settled."""

    def __init__(
        self,
        database: Database,
        providers: Providers,
        settle: Callable[[UUID], Awaitable[object]],
        clock: Clock,
    ) -> None:
        self._database = database
        self._providers = providers
        self._settle = settle
        self._clock = clock
        self.worker = Worker("payments.refunds", self.work, idle=IDLE_SECONDS)

    async def work(self) -> float:
        """One round: a batch of what is due."""
        now = self._clock()
        async with self._database.connection() as connection:
            due = await store.take_refunds(connection, now, now + LEASE_MS, BATCH)
        await asyncio.gather(*(self._make(refund) for refund in due))
        return 0.0 if len(due) == BATCH else IDLE_SECONDS

    async def _make(self, refund: store.OwedRefund) -> None:
        try:
            made = await self._providers.refund(refund)
        except (Unavailable, ProviderRefused) as error:
            await self._postpone(refund, error)
            return
        async with self._database.connection() as connection:
            await store.refund_done(connection, refund.id, made.id, self._clock())
        await self._settle(refund.payment)

    async def _postpone(self, refund: store.OwedRefund, error: Exception) -> None:
        again = self._clock() + min(1000 * 2 ** (refund.attempts - 1), SLOWEST_MS)
        stuck = refund.attempts >= ALERT_AFTER
        _log.log(
            40 if stuck else 30,
            "refund_stuck" if stuck else "refund_postponed",
            payment=str(refund.payment),
            attempts=refund.attempts,
            reason=str(error),
        )
        async with self._database.connection() as connection:
            await store.refund_failed(connection, refund.id, again, str(error))
