"""A pending booking's end: first nobody can pay it any more, and only then are its places given up."""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog

from server.bookings.rules import Booking, CancelReason
from server.bookings.service import Bookings
from server.bookings.worker import Clock, Worker
from server.database.pool import Database
from server.errors import Unavailable
from server.payments import store
from server.payments.provider import Intent, ProviderRefused
from server.payments.providers import Providers
from server.payments.rules import Payment, is_being_stopped, mismatch
from server.payments.settle import Settle

BATCH: Final = 50
AT_ONCE: Final = 8
LEASE_MS: Final = 15_000
RETRY_MS: Final = 2_000
# A provider that can't be asked keeps the places no longer than this beyond their deadline.
CEILING_MS: Final = 120_000
# Longer than any call to a provider, shorter than LEASE_MS: after a crash the next one to close may accept.
STOPPING_MS: Final = 14_000
IDLE_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class PaidMeanwhile(Exception):
    """What was to be given up turned out to be paid."""


class Closing:
    """`close` for a buyer who cancels, `stop` for one attempt, `worker` for deadlines."""

    def __init__(
        self,
        database: Database,
        bookings: Bookings,
        providers: Providers,
        settle: Settle,
        clock: Clock,
    ) -> None:
        self._database = database
        self._bookings = bookings
        self._providers = providers
        self._settle = settle
        self._clock = clock
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.worker = Worker("payments.deadlines", self.work, idle=IDLE_SECONDS)

    async def work(self) -> float:
        """One round: every booking whose deadline has come; answers when the next one comes."""
        due = await self._bookings.take_due(LEASE_MS, BATCH)
        await asyncio.gather(*(self._expire(booking) for booking in due))
        following = await self._bookings.next_due()
        return IDLE_SECONDS if following is None else (following - self._clock()) / 1000

    async def close(self, booking: Booking, reason: CancelReason) -> None:
        """Give a pending booking up, and whatever some have paid of it back.

        PaidMeanwhile if all of it is paid; Unavailable if nobody can tell.
        """
        payments = await self._payments(booking)
        outcomes = await asyncio.gather(
            *(self._stop_one(payment, booking) for payment in payments), return_exceptions=True
        )
        for failure in (PaidMeanwhile, Unavailable, BaseException):
            for outcome in outcomes:
                if isinstance(outcome, failure):
                    raise outcome
        unwanted = await self._release(booking, reason)
        with_money = [payment.id for payment, found in zip(payments, outcomes, strict=True) if found is True]
        for payment_id in dict.fromkeys([*with_money, *unwanted]):  # it goes back
            await self._settle(payment_id)

    async def stop(self, payment: Payment, booking: Booking) -> Intent | None:
        """Make one attempt impossible to pay; PaidMeanwhile if it was paid. None: there is none to pay by."""
        intent = None if payment.closed else await self._intent(payment, booking)
        if intent is not None and intent.status != "cancelled" and not _pays(payment, intent):
            intent = await self._cancel_alone(payment)
        if intent is None or intent.status == "cancelled":
            await self._remember(payment, intent)
            return intent
        if _pays(payment, intent):
            await self._settle(payment.id)
            await self._require_unstopped(payment)
            raise PaidMeanwhile
        if intent.status == "processing":
            raise Unavailable("the payment is under way", retry_after=2)
        return intent

    async def _remember(self, payment: Payment, intent: Intent | None) -> None:
        """What is closed for good is not asked about again."""
        if intent is not None and intent.final:
            async with self._database.connection() as connection:
                await store.close(connection, payment.id)

    async def _stop_one(self, payment: Payment, booking: Booking) -> bool:
        """Whether there is money in it; PaidMeanwhile if with that the booking is paid as a whole."""
        try:
            intent = await self.stop(payment, booking)
        except PaidMeanwhile:
            if (await self._bookings.get(booking.id)).status != "pending":
                raise
            return True
        return intent is not None and intent.has_money

    async def _expire(self, booking: Booking) -> None:
        async with self._gate:
            try:
                await self.close(booking, "expired")
            except PaidMeanwhile:
                _log.info("paid_at_the_deadline", booking=str(booking.id))
            except Unavailable as error:
                await self._keep(booking, error)
            except Exception:  # noqa: BLE001  # one booking's trouble must not keep the others waiting
                _log.exception("booking_not_released", booking=str(booking.id))

    async def _keep(self, booking: Booking, error: Unavailable) -> None:
        """It may be being paid just now: keep it, below the ceiling."""
        if self._clock() >= booking.expires_at + CEILING_MS:
            _log.error("released_unasked", booking=str(booking.id), reason=error.detail)
            await self._release(booking, "expired")
        else:
            _log.warning("release_postponed", booking=str(booking.id), reason=error.detail)
            await self._bookings.postpone_release(booking.id, self._clock() + RETRY_MS)

    async def _payments(self, booking: Booking) -> list[Payment]:
        async with self._database.connection() as connection:
            return await store.of_booking(connection, booking.id)

    async def _intent(self, payment: Payment, booking: Booking) -> Intent | None:
        if payment.intent is not None:
            return await self._providers.fetch(payment)
        if payment.requested_at is None:
            return None
        return await self._providers.learn(payment, booking)

    async def _cancel_alone(self, payment: Payment) -> Intent:
        """Cancel it at its provider; so long nobody confirms a booking by it, for a promise is cancelled too.

        PaidMeanwhile if somebody has done so already.
        """
        until = self._clock() + STOPPING_MS
        async with self._database.transaction() as connection:
            await self._bookings.lock(connection, payment.booking)
            known = await store.lock(connection, payment.id)  # its intent may just have been learnt
            if known.accepted or known.is_secured:
                raise PaidMeanwhile
            await store.stopping(connection, payment.id, until)
        intent = await self._cancel(known)
        cancelled_at = self._clock() if intent.status == "cancelled" else None
        async with self._database.connection() as connection:
            await store.stopped(connection, payment.id, until, cancelled_at)
        return intent

    async def _require_unstopped(self, payment: Payment) -> None:
        """Unavailable while another one's call may still take away what was paid."""
        async with self._database.connection() as connection:
            known = await store.read(connection, payment.id)
        if known is not None and not known.accepted and is_being_stopped(known, self._clock()):
            raise Unavailable("the payment is being stopped", retry_after=2)

    async def _cancel(self, known: Payment) -> Intent:
        try:
            return await self._providers.cancel(known)
        except ProviderRefused:
            return await self._providers.fetch(known)

    async def _release(self, booking: Booking, reason: CancelReason) -> Sequence[UUID]:
        """Booking, lines and attempts together, if it is still pending; answers what is to be given back."""
        now = self._clock()
        async with self._database.transaction() as connection:
            locked = await self._bookings.lock(connection, booking.id)
            was_extended = reason == "expired" and locked.expires_at > booking.expires_at
            if locked.status != "pending" or was_extended:
                return ()
            await self._bookings.cancel(connection, locked, reason, "failed")
            await store.fail_pending(connection, booking.id, now)
            unwanted = await store.unwant_all(connection, booking.id, now) if locked.secured else ()
        await self._bookings.apply(booking.id)
        return unwanted


def _pays(payment: Payment, intent: Intent) -> bool:
    return intent.has_money and mismatch(payment, intent) is None
