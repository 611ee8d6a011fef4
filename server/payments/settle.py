"""One idempotent `settle`: whatever happened to a payment, here it ends as DESIGN section 8 says.

Read what is written, ask the provider, decide (rules.py), write the step down, do it, begin again. Events,
the return page, deadlines and the reconciler all call it, together if they like: a step counts only if, with
the rows locked, the decision is still the same.
"""

from typing import Final
from uuid import UUID

import structlog

from server.bookings.rules import PAYMENT_MOVES, Booking, PaymentStatus
from server.bookings.service import Bookings, Superseded
from server.bookings.worker import Clock
from server.database.pool import Connection, Database
from server.errors import NotFound, Unavailable
from server.payments import store
from server.payments.provider import Intent, ProviderRefused
from server.payments.providers import Providers
from server.payments.rules import (
    Payment,
    Step,
    decide,
    is_over,
    mismatch,
    next_look,
    refund_owed,
)

STEPS_AT_MOST: Final = 12
_AT_PROVIDER: Final = frozenset({Step.CAPTURE, Step.VOID})
_AT_REST: Final = frozenset({Step.WAIT, Step.DONE})

_log = structlog.get_logger(__name__)


class Settle:
    """`await settle(payment_id)` brings one payment as far as it can be brought now.

    Raises Unavailable where the provider, Redis or PostgreSQL is away: nothing is lost by that, and the
    reconciler calls again.
    """

    def __init__(self, database: Database, bookings: Bookings, providers: Providers, clock: Clock) -> None:
        self._database = database
        self._bookings = bookings
        self._providers = providers
        self._clock = clock

    async def __call__(self, payment_id: UUID) -> Step:
        """The step at which it rests: WAIT, DONE, or REFUND where a refund is owed."""
        asked: set[Step] = set()
        intent: Intent | None = None
        for _ in range(STEPS_AT_MOST):
            payment, booking = await self._read(payment_id)
            if intent is None or not intent.has_money:  # money does not grow old, other answers do
                intent = await self._intent(payment, booking)
            step = _without_intent(payment, booking) if intent is None else decide(payment, booking, intent)
            if step in _AT_REST or step in asked:
                await self._look_later(payment, booking, step)
                return step
            if step in _AT_PROVIDER:
                asked.add(step)
                intent = await self._ask(payment, step)
            else:
                await self._write(payment, booking, intent, step)
                if step is Step.REFUND:
                    await self._look_later(payment, booking, step)
                    return step
        raise Unavailable("the payment changes faster than it can be settled", retry_after=1)

    async def _read(self, payment_id: UUID) -> tuple[Payment, Booking]:
        async with self._database.connection() as connection:
            payment = await store.read(connection, payment_id)
        if payment is None:
            raise NotFound
        return payment, await self._bookings.get(payment.booking)

    async def _intent(self, payment: Payment, booking: Booking) -> Intent | None:
        """What the provider says; after what is written was read, so that it is never older than that."""
        if payment.intent is not None:
            return await self._providers.fetch(payment)
        if payment.requested_at is not None:  # asked for, and then we never heard: ask again, same key
            return await self._providers.learn(payment, booking.reference)
        return None

    async def _ask(self, payment: Payment, step: Step) -> Intent | None:
        """What the provider made of it; None if it would not."""
        try:
            if step is Step.CAPTURE:
                return await self._providers.capture(payment)
            return await self._providers.cancel(payment)
        except ProviderRefused as refused:
            _log.warning("provider_refused", payment=str(payment.id), step=step.name, reason=str(refused))
            return None

    async def _write(self, payment: Payment, booking: Booking, intent: Intent | None, step: Step) -> None:
        if step is Step.RETAKE:
            await self._retake(payment, booking, intent)
        else:
            async with self._database.transaction() as connection:
                await self._write_locked(connection, payment, intent, step)
        await self._bookings.apply(payment.booking)

    async def _write_locked(
        self, connection: Connection, payment: Payment, intent: Intent | None, step: Step
    ) -> None:
        booking = await self._bookings.lock(connection, payment.booking)
        locked = await store.lock(connection, payment.id)
        again = _without_intent(locked, booking) if intent is None else decide(locked, booking, intent)
        if again is step:
            await self._do(connection, locked, booking, intent, step)

    async def _do(
        self, connection: Connection, payment: Payment, booking: Booking, intent: Intent | None, step: Step
    ) -> None:
        """The steps that are a matter of writing, both rows locked."""
        now = self._clock()
        match step:
            case Step.FAIL:
                await self._move(connection, payment, booking, "failed")
            case Step.PAID:
                await self._move(connection, payment, booking, "paid")
            case Step.REFUNDED:
                await self._refunded(connection, payment, booking)
            case Step.REJECT:
                await store.set_unwanted(connection, payment.id, now)
            case Step.COLLAPSE:
                await store.set_status(connection, payment, "failed", now)
                await self._bookings.cancel(connection, booking, "payment_failed", "failed")
            case _:
                assert intent is not None, "there is money"
                await self._do_with_money(connection, payment, booking, intent, step)

    async def _do_with_money(
        self, connection: Connection, payment: Payment, booking: Booking, intent: Intent, step: Step
    ) -> None:
        now = self._clock()
        if step is Step.FLAG:
            flag = mismatch(payment, intent) or ""
            await store.set_flag(connection, payment.id, flag, now)
            _log.error("payment_flagged", payment=str(payment.id), booking=str(booking.id), flag=flag)
        elif step is Step.REFUND:
            owed, reason = refund_owed(intent), _reason(payment, booking)
            await store.owe_refund(connection, payment.id, "full", owed, reason=reason, now=now)
        else:
            status = _status_of(intent)
            await store.set_status(connection, payment, status, now)
            await self._bookings.confirm(connection, booking, payment.id, status)

    async def _move(
        self, connection: Connection, payment: Payment, booking: Booking, status: PaymentStatus
    ) -> None:
        """Both rows together, as far as this payment speaks for its booking."""
        await store.set_status(connection, payment, status, self._clock())
        if _speaks_for(payment, booking, status):
            await self._bookings.set_payment_status(connection, booking, status)

    async def _refunded(self, connection: Connection, payment: Payment, booking: Booking) -> None:
        if payment.status not in {"paid", "partially_refunded"}:  # taken and given back before we heard
            await self._move(connection, payment, booking, "paid")
            payment = await store.lock(connection, payment.id)
            booking = await self._bookings.lock(connection, booking.id)
        await self._move(connection, payment, booking, "refunded")

    async def _retake(self, payment: Payment, booking: Booking, intent: Intent | None) -> None:
        assert intent is not None, "there is money"
        if not await self._bookings.prepare_retake(booking.id):
            return
        try:
            async with self._database.transaction() as connection:
                await self._take_again(connection, payment, booking, intent)
        except _Taken:
            async with self._database.transaction() as connection:
                await self._bookings.lock(connection, booking.id)
                await store.set_unwanted(connection, payment.id, self._clock())
        except Superseded:
            _log.info("retake_superseded", payment=str(payment.id))

    async def _take_again(
        self, connection: Connection, payment: Payment, booking: Booking, intent: Intent
    ) -> None:
        status = _status_of(intent)
        if not await self._bookings.retake(connection, booking.id, payment.id, status):
            raise _Taken
        await store.set_status(connection, await store.lock(connection, payment.id), status, self._clock())

    async def _look_later(self, payment: Payment, booking: Booking, step: Step) -> None:
        now = self._clock()
        finished = step is Step.DONE and payment.status != "failed" and payment.flag is None
        when = None if finished or is_over(payment, now) else next_look(payment, booking, now)
        async with self._database.connection() as connection:
            await store.check_later(connection, payment.id, when)


class _Taken(Exception):
    """Somebody has the places: roll back."""


def _without_intent(payment: Payment, booking: Booking) -> Step:
    """The provider was never asked, so there is nothing to be paid by."""
    if not payment.is_live:
        return Step.DONE
    return Step.WAIT if booking.status == "pending" else Step.FAIL


def _status_of(intent: Intent) -> PaymentStatus:
    return "authorized" if intent.status == "authorised" else "paid"


def _speaks_for(payment: Payment, booking: Booking, status: PaymentStatus) -> bool:
    """A booking shows the payment that confirmed it, else its latest attempt and any money that came."""
    if status not in PAYMENT_MOVES[booking.payment_status]:
        return False
    if booking.confirmed_by is not None:
        return booking.confirmed_by == payment.id
    return status != "failed" or booking.payment == payment.id


def _reason(payment: Payment, booking: Booking) -> str:
    if booking.confirmed_by == payment.id:
        return "booking_cancelled"
    if booking.confirmed_by is not None:
        return "paid_twice"
    return payment.flag or "paid_too_late"
