"""Settles payments that no event told of: it asks about each that is due, and reads what providers list."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from uuid import UUID

import structlog

from server.database.pool import Database
from server.errors import Unavailable
from server.payments import store
from server.payments.inbox import Heard
from server.payments.provider import Intent, Provider
from server.payments.providers import Providers
from server.payments.rules import went_back
from server.times import Clock
from server.worker import Worker

BATCH: Final = 50
AT_ONCE: Final = 4
LEASE_MS: Final = 30_000
LIST_EVERY_MS: Final = 20_000
AGAIN_SECONDS: Final = 5.0
LIST_SECONDS: Final = 300.0
LOOK_BACK_MS: Final = 3_600_000
OVERLAP_MS: Final = 60_000
IDLE_SECONDS: Final = 2.0

_log = structlog.get_logger(__name__)


class Reconciler:
    """`worker` asks about each unfinished payment when it is due, `lister` lists what providers have besides.

    Lists may be long: who waits for money is not to wait for them too.
    """

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
        self.lister = Worker("payments.listing", self.list_all, idle=LIST_EVERY_MS / 1000)

    async def work(self) -> float:
        """One batch of payments that are due."""
        now = self._clock()
        async with self._database.connection() as connection:
            due = await store.take_unchecked(connection, now, now + LEASE_MS, BATCH)
        await asyncio.gather(*(self._look_at(payment) for payment in due))
        return 0.0 if len(due) == BATCH else IDLE_SECONDS

    async def list_all(self) -> float:
        """The providers' lists, as far as they are due; one that fails is read again from where it began."""
        now = self._clock()
        due = [each for each in self._providers if self._listed_at(each) + LIST_EVERY_MS <= now]
        whole = await asyncio.gather(*(self._tried_list(provider, now) for provider in due))
        if not all(whole):
            return AGAIN_SECONDS
        oldest = min((self._listed_at(each) for each in self._providers), default=now)
        return max(oldest + LIST_EVERY_MS - now, 0) / 1000

    def _listed_at(self, provider: Provider) -> int:
        return self._listed.get(provider.name, 0)

    async def _tried_list(self, provider: Provider, now: int) -> bool:
        try:
            async with asyncio.timeout(LIST_SECONDS):
                await self._list(provider, now)
        except Unavailable as error:
            _log.info("listed_later", provider=provider.name, reason=error.detail)
        except TimeoutError:
            _log.error("listing_too_long", provider=provider.name, seconds=LIST_SECONDS)
        except Exception:  # noqa: BLE001  # one provider's trouble must not keep the others waiting
            _log.exception("not_listed", provider=provider.name)
        else:
            return True
        return False

    async def _list(self, provider: Provider, now: int) -> None:
        """What no payment knows (a page sent twice), and what went back unheard: its event never came.

        Payments there is news of are written down as due before the list counts as read.
        """
        since = self._listed.get(provider.name, now - LOOK_BACK_MS) - OVERLAP_MS
        recent = await self._providers.recent(provider, since)
        async with self._database.connection() as connection:
            known = await store.known_intents(connection, provider.name, [intent.id for intent in recent])
            news = {found.payment for intent in recent if (found := _news_of(intent, known))}
            if news:
                await store.check_now(connection, list(news), now)
        if news:
            self.worker.wake()
        unknown = [intent.id for intent in recent if intent.has_money and intent.id not in known]
        gate = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._hear(provider, intent, gate) for intent in unknown))
        self._listed[provider.name] = now

    async def _hear(self, provider: Provider, intent: str, gate: asyncio.Semaphore) -> None:
        async with gate:
            await self._tried(self._heard(provider.name, intent), intent=intent)

    async def _look_at(self, payment: UUID) -> None:
        async with self._gate:
            await self._tried(self._settle(payment), payment=str(payment))

    async def _tried(self, work: Awaitable[object], **what: str) -> None:
        try:
            await work
        except Unavailable as error:
            _log.info("reconciled_later", reason=error.detail, **what)
        except Exception:  # noqa: BLE001  # one payment's trouble must not keep the others waiting
            _log.exception("not_reconciled", **what)


def _news_of(intent: Intent, known: Mapping[str, store.Known]) -> store.Known | None:
    """The payment whose money moved at its provider without our knowing it, though it had come to rest.

    None if there is no such news. What is not at rest is looked at when it is due, whatever lists say.
    """
    found = known.get(intent.id)
    if found is None:
        return None
    if found.status == "failed" and intent.has_money:
        return found
    disputed = (intent.dispute == "open") != (found.status == "disputed")
    return found if disputed or went_back(intent) != found.refunded else None
