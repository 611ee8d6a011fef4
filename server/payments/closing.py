"""A pending booking's end: first nobody can pay it any more, and only then are its places given up."""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog

from server.bookings.rules import Booking, CancelReason
from server.bookings.service import Bookings
from server.database.pool import Database
from server.errors import Unavailable
from server.payments import store
from server.payments.approving import Approving
from server.payments.provider import Intent, ProviderRefused
from server.payments.providers import Providers
from server.payments.rules import Payment, is_being_stopped, mismatch
from server.payments.settle import Settle
from server.times import Clock
from server.worker import Worker

AT_ONCE: Final = 32
# New ones are taken when there is room for so many, or when all are done.
REFILL: Final = 8
# Longer than the two calls that a booking takes where its provider is slow.
LEASE_MS: Final = 30_000
RETRY_MS: Final = 2_000
# A provider that is away or slow keeps the places no longer than this beyond their deadline.
CEILING_MS: Final = 120_000
# Longer than any call to a provider, shorter than LEASE_MS: after a crash the next one to close may accept.
STOPPING_MS: Final = 14_000
IDLE_SECONDS: Final = 1.0
# What is due and can't be taken is being changed by somebody, who is left to it for as long.
LOCKED_SECONDS: Final = 0.2

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
        approving: Approving,
        *,
        clock: Clock,
    ) -> None:
        self._database = database
        self._bookings = bookings
        self._providers = providers
        self._settle = settle
        self._approving = approving
        self._clock = clock
        self._began = clock()
        self.worker = Worker("payments.deadlines", self.work, idle=IDLE_SECONDS)

    async def work(self) -> float:
        """Every booking whose deadline has come; answers when the next one comes."""
        following = await self._bookings.next_due()
        if following is not None and following <= self._clock():
            await self._close_due()
            following = await self._bookings.next_due()
            if following is not None and following <= self._clock():
                return LOCKED_SECONDS
        return IDLE_SECONDS if following is None else (following - self._clock()) / 1000

    async def _close_due(self) -> None:
        """All that are due, also those that fall due meanwhile.

        No more are taken than there is room for: no lease runs out in a queue, and another process may take
        the rest. Who waits for a slow provider keeps nobody waiting who comes after.
        """
        running: dict[UUID, asyncio.Task[None]] = {}
        try:
            while await self._take(running) or running:
                await asyncio.wait(
                    running.values(), timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                for name in [name for name, task in running.items() if task.done()]:
                    running.pop(name).result()
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

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
            if not (await self._bookings.get(booking.id)).is_open:
                raise
            return True
        return intent is not None and intent.has_money

    async def _take(self, running: dict[UUID, asyncio.Task[None]]) -> bool:
        """Begin with as many as there is room for; whether there were any."""
        room = AT_ONCE - len(running)
        if running and room < REFILL:
            return False
        due = await self._bookings.take_due(LEASE_MS, room)
        for booking in due:
            if booking.id not in running:
                running[booking.id] = asyncio.create_task(self._expire(booking))
        return bool(due)

    async def _expire(self, booking: Booking) -> None:
        """One booking's trouble must not keep the others waiting; its lease runs out."""
        try:
            if booking.is_open:
                await self._close_or_keep(booking)
            else:
                await self._approving.due(booking)
        except Unavailable as error:
            _log.warning("release_postponed", booking=str(booking.id), reason=error.detail)
        except Exception:  # noqa: BLE001  # see above
            _log.exception("booking_not_released", booking=str(booking.id))

    async def _close_or_keep(self, booking: Booking) -> None:
        """What may be being paid just now is kept, below the ceiling."""
        # Where nobody was there to ask in time, asking comes first.
        if self._clock() >= max(booking.expires_at, self._began) + CEILING_MS:
            await self._release_unasked(booking, "it waited too long for its turn")
            return
        try:
            await self.close(booking, "expired")
        except PaidMeanwhile:
            _log.info("paid_at_the_deadline", booking=str(booking.id))
        except Unavailable as error:
            if not await self._kept_too_long(booking, error.detail):
                _log.warning("release_postponed", booking=str(booking.id), reason=error.detail)
                await self._bookings.postpone_release(booking.id, self._clock() + RETRY_MS)
        except Exception:
            if not await self._kept_too_long(booking, "it can't be closed"):
                raise

    async def _kept_too_long(self, booking: Booking, reason: str) -> bool:
        """Whether it may be kept no longer; if so, it is released."""
        beyond = self._clock() >= booking.expires_at + CEILING_MS
        if beyond:
            await self._release_unasked(booking, reason)
        return beyond

    async def _release_unasked(self, booking: Booking, reason: str) -> None:
        """The places first; its attempts are then closed, or found paid, by the reconciler."""
        _log.error("released_unasked", booking=str(booking.id), reason=reason)
        await self._release(booking, "expired")
        unsettled = [payment.id for payment in await self._payments(booking) if not payment.closed]
        async with self._database.connection() as connection:
            await store.check_now(connection, unsettled, self._clock())

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
        """Cancel a payment at its provider. Until that has answered, nobody confirms a booking by it.

        For a promise of money that comes this moment is cancelled, too. PaidMeanwhile if its money counts
        for the booking already.
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
            if not locked.is_open or was_extended:
                return ()
            await self._bookings.cancel(connection, locked, reason, "failed")
            await store.fail_pending(connection, booking.id, now)
            unwanted = await store.unwant_all(connection, booking.id, now) if locked.secured else ()
        await self._bookings.apply(booking.id)
        return unwanted


def _pays(payment: Payment, intent: Intent) -> bool:
    return intent.has_money and mismatch(payment, intent) is None
