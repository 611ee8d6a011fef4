"""Brings payments right of which nothing was heard: it needs no event at all."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import structlog

from server.bookings.worker import Clock, Worker
from server.database.pool import Database
from server.errors import Unavailable
from server.payments import store
from server.payments.inbox import Heard
from server.payments.provider import Intent, Provider
from server.payments.providers import Providers
from server.payments.rules import went_back

BATCH: Final = 50
AT_ONCE: Final = 4
LEASE_MS: Final = 30_000
LIST_EVERY_MS: Final = 20_000
LOOK_BACK_MS: Final = 3_600_000
OVERLAP_MS: Final = 60_000
IDLE_SECONDS: Final = 2.0

_log = structlog.get_logger(__name__)


class Reconciler:
    """`worker` asks about each unfinished payment when it is due, and lists what providers have besides."""

    def __init__(
        self,
        database: Database,
        providers: Providers,
        settle: Callable[[UUID], Awaitable[object]],
        heard: Heard,
        clock: Clock,
    ) -> None:
        self._database = database
        self._providers = providers
        self._settle = settle
        self._heard = heard
        self._clock = clock
        self._listed: dict[str, int] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.worker = Worker("payments.reconcile", self.work, idle=IDLE_SECONDS)

    async def work(self) -> float:
        """One round: a batch of payments that are due, and now and then the providers' lists."""
        now = self._clock()
        async with self._database.connection() as connection:
            due = await store.take_unchecked(connection, now, now + LEASE_MS, BATCH)
        await asyncio.gather(*(self._look_at(payment) for payment in due))
        for provider in self._providers:
            if now - self._listed.get(provider.name, 0) >= LIST_EVERY_MS:
                await self._list(provider, now)
        return 0.0 if len(due) == BATCH else IDLE_SECONDS

    async def _look_at(self, payment: UUID) -> None:
        async with self._gate:
            await self._tried(self._settle(payment), payment=str(payment))

    async def _list(self, provider: Provider, now: int) -> None:
        """What no payment knows (a page sent twice), and what went back unheard: its event never came."""
        since = self._listed.get(provider.name, now - LOOK_BACK_MS) - OVERLAP_MS
        recent = await self._providers.recent(provider, since)
        async with self._database.connection() as connection:
            known = await store.known_intents(connection, provider.name, [intent.id for intent in recent])
        for intent in recent:
            found = known.get(intent.id)
            if found is None and intent.has_money:
                await self._tried(self._heard(provider.name, intent.id), intent=intent.id)
            elif found is not None and _is_news(intent, found):
                await self._look_at(found.payment)
        self._listed[provider.name] = now

    async def _tried(self, work: Awaitable[object], **what: str) -> None:
        try:
            await work
        except Unavailable as error:
            _log.info("reconciled_later", reason=error.detail, **what)
        except Exception:  # noqa: BLE001  # one payment's trouble must not keep the others waiting
            _log.exception("not_reconciled", **what)


def _is_news(intent: Intent, known: store.Known) -> bool:
    """Whether money moved that had come to rest; what has not is looked at anyway."""
    disputed = (intent.dispute == "open") != (known.status == "disputed")
    return disputed or went_back(intent) != known.refunded
