"""Refunds are rows: owed from the moment they stand, tried until the provider has made them.

A refund that the provider has begun is asked after until it ended; one that failed there is owed again, under
another purpose, so that its key is another: a bank may send one back days after it succeeded. While a payment
is disputed its refunds wait.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Literal
from uuid import UUID

import structlog

from server.database.pool import Database
from server.errors import Unavailable
from server.payments import refund_store
from server.payments.figures import PaymentFigures
from server.payments.provider import ProviderCannot, ProviderRefused, Refund
from server.payments.providers import Providers
from server.payments.refund_store import OwedRefund
from server.payments.refunding import BY_OWNER
from server.payments.rules import left_of
from server.times import Clock
from server.worker import Worker

BATCH: Final = 20
LEASE_MS: Final = 30_000
ALERT_AFTER: Final = 5
SLOWEST_MS: Final = 3_600_000
ASK_AGAIN_MS: Final = 60_000
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
        figures: PaymentFigures,
    ) -> None:
        self._database = database
        self._providers = providers
        self._settle = settle
        self._clock = clock
        self._figures = figures
        self.worker = Worker("payments.refunds", self.work, idle=IDLE_SECONDS)

    async def work(self) -> float:
        """One round: a batch of what is due."""
        now = self._clock()
        async with self._database.connection() as connection:
            due = await refund_store.take(connection, now, now + LEASE_MS, BATCH)
        await asyncio.gather(*(self._make(refund) for refund in due))
        return 0.0 if len(due) == BATCH else IDLE_SECONDS

    async def _make(self, refund: OwedRefund) -> None:
        try:
            made = await self._providers.refund(refund)
        except Unavailable as error:
            await self._postpone(refund, error)
        except ProviderRefused as refused:
            await self._refused(refund, refused)
        else:
            await self._follow(refund, made)

    async def _follow(self, refund: OwedRefund, made: Refund) -> None:
        if made.status == "pending":
            await self._ask_again(refund, made)
        elif made.status == "succeeded":
            await self._end(refund, "succeeded", made)
        else:
            await self._owe_again(refund, made)

    async def _ask_again(self, refund: OwedRefund, made: Refund) -> None:
        """Some take days: it is asked after soon, once it is made, and then seldomer and seldomer."""
        asked = 0 if refund.made is None else refund.attempts - 1
        pause = min(ASK_AGAIN_MS * 2 ** min(asked, 10), SLOWEST_MS)
        async with self._database.connection() as connection:
            await refund_store.under_way(connection, refund.id, made.id, self._clock() + pause)
        if refund.made is None:
            await self._settle(refund.payment)

    async def _end(
        self, refund: OwedRefund, status: Literal["succeeded", "dropped"], made: Refund | None
    ) -> None:
        now, name = self._clock(), None if made is None else made.id
        async with self._database.connection() as connection:
            ended = await refund_store.finish(connection, refund.id, status, made=name, now=now)
        if ended:
            self._figures.refund(refund.reason, status)
        await self._settle(refund.payment)

    async def _owe_again(self, refund: OwedRefund, made: Refund) -> None:
        """The provider could not give it back: the buyer is owed it as before."""
        now = self._clock()
        async with self._database.transaction() as connection:
            ended = await refund_store.finish(
                connection, refund.id, "failed", made=made.id, now=now, error=made.failure
            )
            if ended:
                await refund_store.owe(
                    connection,
                    refund.payment,
                    next_purpose(refund.purpose),
                    refund.amount,
                    reason=refund.reason,
                    note=refund.note,
                    now=now,
                    due_at=now + _pause(refund.attempts),
                    attempts=refund.attempts,
                )
        if ended:
            self._figures.refund(refund.reason, "failed")
            self._alert(refund, made.failure or "it failed at the provider")
        await self._settle(refund.payment)

    async def _refused(self, refund: OwedRefund, refused: ProviderRefused) -> None:
        """It may have gone back by another way meanwhile, or the bank may be asking for it.

        What an owner wished and no provider can do ends here; what is owed without anybody's wish stays owed.
        """
        if isinstance(refused, ProviderCannot) and refund.reason == BY_OWNER:
            _log.error("refund_impossible", payment=str(refund.payment), reason=str(refused))
            self._figures.refund_stuck()
            await self._end(refund, "dropped", None)
            return
        left = await self._left(refund)
        if left is not None and left < refund.amount:
            _log.warning("refund_dropped", payment=str(refund.payment), reason=str(refused))
            await self._end(refund, "dropped", None)
            return
        await self._postpone(refund, refused)
        await self._settle(refund.payment)

    async def _left(self, refund: OwedRefund) -> int | None:
        """What could still be given back; None if that can't be known now, or nothing may be just now."""
        try:
            intent = await self._providers.fetch_unknown(refund.provider, refund.intent)
        except (Unavailable, ProviderRefused):
            return None
        return None if intent.dispute == "open" else left_of(intent)

    async def _postpone(self, refund: OwedRefund, error: Exception) -> None:
        self._alert(refund, str(error))
        again = self._clock() + _pause(refund.attempts)
        async with self._database.connection() as connection:
            await refund_store.postpone(connection, refund.id, again, str(error))

    def _alert(self, refund: OwedRefund, reason: str) -> None:
        stuck = refund.attempts >= ALERT_AFTER
        say = _log.error if stuck else _log.warning
        say(
            "refund_stuck" if stuck else "refund_postponed",
            payment=str(refund.payment),
            attempts=refund.attempts,
            reason=reason,
        )
        if stuck:
            self._figures.refund_stuck()


def next_purpose(purpose: str) -> str:
    """`full` → `full/2` → `full/3`: another purpose makes another idempotency key."""
    name, _, number = purpose.partition("/")
    return f"{name}/{int(number or 1) + 1}"


def _pause(attempts: int) -> int:
    return int(min(1000 * 2 ** min(attempts - 1, 20), SLOWEST_MS))
