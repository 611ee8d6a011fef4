"""The steps of settle that are a matter of writing: payment and booking change together, both locked."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import structlog

from server.bookings import approvals
from server.bookings.moves import way_to
from server.bookings.outbox import tell
from server.bookings.rules import Booking, CancelReason, PaymentStatus
from server.bookings.service import Bookings, Superseded
from server.database.pool import Connection, Database
from server.payments import refund_store, store
from server.payments.figures import PaymentFigures
from server.payments.plainly import Plainly, news_of_money
from server.payments.rules import (
    Case,
    Payment,
    Step,
    combined_status,
    is_failure,
    left_of,
    mismatch,
    shown_status,
    status_of,
    went_back,
)
from server.times import Clock

OVERSOLD: Final = "paid_too_late"

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Written:
    """What a step changed: `outcome` of the payment for the figures, `others` to be settled after it.

    `after` is how the two stand now, where that is known; `known` whether Redis and the listeners know it.
    """

    outcome: PaymentStatus | None = None
    others: Sequence[UUID] = field(default_factory=tuple)
    after: tuple[Payment, Booking] | None = None
    known: bool = False


class Ledger:
    """`write` does a step if it is still the one to do; `retake` does RETAKE."""

    def __init__(self, database: Database, bookings: Bookings, clock: Clock, figures: PaymentFigures) -> None:
        self._database = database
        self._bookings = bookings
        self._clock = clock
        self._figures = figures
        self._plainly = Plainly(database, bookings, clock)
        self._steps: Mapping[Step, Callable[[Connection, Case], Awaitable[Written]]] = {
            Step.FAIL: self._fail,
            Step.FLAG: self._flag,
            Step.SECURE: self._write_down,
            Step.CONFIRM: self._confirm,
            Step.AWAIT: self._await,
            Step.REJECT: self._reject,
            Step.NOTE: self._write_down,
            Step.REFUND: self._owe,
            Step.COLLAPSE: self._collapse,
            Step.GIVE_UP: self._give_up,
        }

    async def write(self, case: Case) -> Written | None:
        """Do a step; None: it was not done, for it is not the one to do any more."""
        settled = await self._plainly(case)
        if settled is None:
            written = await self._write(case)
        else:
            after = settled.payment, settled.booking
            written = Written(settled.payment.status, after=after, known=settled.known)
        if written is not None and written.outcome is not None:
            self._figures.payment(case.payment.provider, written.outcome)
        return written

    async def _write(self, case: Case) -> Written | None:
        async with self._database.transaction() as connection:
            locked = await self._locked(connection, case)
            if not locked.bears_out(case):
                return None
            return await self._steps[case.step](connection, locked)

    async def retake(self, case: Case) -> None:
        """Take an expired booking's places again and confirm it; if somebody has any, the money goes back."""
        if not await self._bookings.prepare_retake(case.booking.id):
            return
        try:
            async with self._database.transaction() as connection:
                status = await self._take_again(connection, case)
        except _Taken:
            await self._came_too_late(case.payment)
        except Superseded:
            _log.info("retake_superseded", payment=str(case.payment.id))
        else:
            self._figures.payment(case.payment.provider, status)

    async def _locked(self, connection: Connection, case: Case) -> Case:
        """The case as it is written now, for this transaction alone."""
        booking = await self._bookings.lock(connection, case.payment.booking)
        payment = await store.lock(connection, case.payment.id)
        return Case(payment, booking, case.intent, case.policy, self._clock(), case.approval_ms)

    async def _reject(self, connection: Connection, case: Case) -> Written:
        await store.set_unwanted(connection, case.payment.id, self._clock())
        await self._tell_of_share(connection, case.payment, case.booking)
        return Written()

    async def _collapse(self, connection: Connection, case: Case) -> Written:
        await store.set_status(connection, case.payment.id, "failed", self._clock())
        await tell(connection, "payment_failed", case.booking, key=str(case.payment.id))
        shown = case.booking.payment_status
        status: PaymentStatus = "failed" if way_to(shown, "failed") else shown  # others' money is disputed
        unwanted = await self._end(connection, case.booking, "payment_failed", status)
        return Written("failed", unwanted)

    async def _give_up(self, connection: Connection, case: Case) -> Written:
        noted = await self._note(connection, case)
        if noted.status == "pending":  # no money had spoken for it yet
            stands = status_of(case.payment, case.money)
            noted = await self._bookings.set_payment_status(connection, noted, stands)
        unwanted = await self._end(connection, noted, _why_lost(case), noted.payment_status)
        return Written(status_of(case.payment, case.money), unwanted)

    async def _write_down(self, connection: Connection, case: Case) -> Written:
        await self._note(connection, case)
        return Written(status_of(case.payment, case.money))

    async def _fail(self, connection: Connection, case: Case) -> Written:
        payment, booking = case.payment, case.booking
        await store.set_status(connection, payment.id, "failed", self._clock())
        await self._speak(connection, payment, booking, "failed")
        if is_failure(payment, booking):
            data = {"amount": payment.amount}
            await tell(connection, "payment_failed", booking, key=str(payment.id), **data)
        if case.intent is not None and case.intent.status == "declined":
            await self._bookings.extend(connection, booking)
        return Written("failed")

    async def _flag(self, connection: Connection, case: Case) -> Written:
        flag = mismatch(case.payment, case.money) or ""
        await store.set_flag(connection, case.payment.id, flag, self._clock())
        _log.error("payment_flagged", payment=str(case.payment.id), booking=str(case.booking.id), flag=flag)
        return Written()

    async def _owe(self, connection: Connection, case: Case) -> Written:
        payment, now = case.payment, self._clock()
        number = await refund_store.count(connection, payment.id)
        purpose = "full" if not number else f"full:{number + 1}"
        reason, left = _why_refunded(payment, case.booking), await self._to_go_back(connection, case)
        if left > 0:
            await refund_store.owe(connection, payment.id, purpose, left, reason=reason, now=now)
        asks = case.approval_ms is not None
        if reason == OVERSOLD and not asks and await self._bookings.could_retake(connection, case.booking):
            self._figures.oversold()  # it would stand again if nobody had its places
        return Written()

    async def _to_go_back(self, connection: Connection, case: Case) -> int:
        """All that is left but what stays. No provider refuses to give that back too, so we look ourselves
        whether a refund has succeeded since it was asked.
        """
        payment, left = case.payment, left_of(case.money)
        if not payment.kept:
            return left
        own = (await refund_store.sums(connection, payment.booking)).get(payment.id, refund_store.Sums())
        return min(left, case.money.captured - own.given - own.under_way) - payment.kept

    async def _confirm(self, connection: Connection, case: Case) -> Written:
        payment, booking, now = case.payment, case.booking, self._clock()
        status = status_of(payment, case.money)
        await store.set_status(connection, payment.id, status, now, accepted=True)
        await self._tell_of_money(connection, case, status)
        all_of_it = {payment.id: status}
        if payment.amount != booking.total:
            all_of_it |= await store.accept_secured(connection, booking.id, now)
        await self._bookings.confirm(connection, booking, payment.id, combined_status(all_of_it.values()))
        return Written(status, [each for each in all_of_it if each != payment.id])

    async def _await(self, connection: Connection, case: Case) -> Written:
        """Nothing is accepted yet; what could still be paid is closed."""
        payment, booking, now = case.payment, case.booking, self._clock()
        status = status_of(payment, case.money)
        await store.set_status(connection, payment.id, status, now)
        await self._tell_of_money(connection, case, status)
        found = await store.of_booking(connection, booking.id)
        secured = [each.status for each in found if each.is_secured and each.id != payment.id]
        assert case.approval_ms is not None, "somebody is asked"
        until = now + case.approval_ms
        await approvals.ask(connection, booking, combined_status([status, *secured]), until=until, now=now)
        still_open = [each.id for each in found if each.status == "pending" and each.id != payment.id]
        return Written(status, still_open)

    async def _end(
        self, connection: Connection, booking: Booking, reason: CancelReason, status: PaymentStatus
    ) -> Sequence[UUID]:
        """It ends with its places taken; whoever paid a part of it has it back. Answers those payments."""
        await refund_store.supersede(connection, booking.id, self._clock())
        unwanted = await store.unwant_all(connection, booking.id, self._clock())
        await self._bookings.cancel(connection, booking, reason, status)
        return unwanted

    async def _note(self, connection: Connection, case: Case) -> Booking:
        """What became of the money, as far as the table lets it be told; the booking as it is then."""
        payment, booking, intent = case.payment, case.booking, case.money
        stands, back = status_of(payment, intent), went_back(intent)
        status = stands if way_to(payment.status, stands) else payment.status
        await store.set_status(connection, payment.id, status, self._clock(), refunded=back)
        if payment.unwanted:  # not known to be owed yet: until it is, somebody looks at it
            await store.check_now(connection, [payment.id], self._clock())
        await self._tell_of_money(connection, case, status)
        if back < payment.refunded:
            _log.error("refund_came_back", payment=str(payment.id), refunded=payment.refunded, now=back)
            await refund_store.came_back(connection, payment.id, self._clock())
        shown = payment.accepted or booking.confirmed_by is None
        is_told = shown and payment.refunded != back
        return await self._speak(connection, payment, booking, status, is_told=is_told)

    async def _speak(
        self,
        connection: Connection,
        payment: Payment,
        booking: Booking,
        status: PaymentStatus,
        *,
        is_told: bool = False,
    ) -> Booking:
        """The booking's payment status follows, as far as this payment speaks for it.

        `is_told`: an amount changed that the booking's people see.
        """
        others = await self._others(connection, payment, booking)
        means = shown_status(payment, booking, status, others)
        changed = booking
        if means is not None:
            changed = await self._bookings.set_payment_status(connection, booking, means)
        if changed is booking and is_told:
            await self._bookings.touch(connection, booking)
        elif changed is booking:
            await self._tell_of_share(connection, payment, booking)
        return changed

    async def _others(self, connection: Connection, payment: Payment, booking: Booking) -> Sequence[Payment]:
        """The other payments that have a say in what the booking shows.

        None have, and none are read, while it is pending, or where this payment confirmed it alone.
        """
        alone = booking.confirmed_by is not None and payment.amount == booking.total
        if alone or booking.status == "pending":
            return ()
        found = await store.of_booking(connection, booking.id)
        return [each for each in found if each.id != payment.id]

    async def _tell_of_share(self, connection: Connection, payment: Payment, booking: Booking) -> None:
        if payment.share is not None or booking.status == "pending":
            await self._bookings.touch(connection, booking)

    async def _came_too_late(self, payment: Payment) -> None:
        """Its money goes back, unless another process found the places free since, and confirmed by it."""
        async with self._database.transaction() as connection:
            booking = await self._bookings.lock(connection, payment.booking)
            known = await store.lock(connection, payment.id)
            if booking.may_revive() and not known.accepted:
                await store.set_unwanted(connection, payment.id, self._clock())

    async def _take_again(self, connection: Connection, case: Case) -> PaymentStatus:
        locked = await self._locked(connection, case)
        if not locked.bears_out(case):
            raise Superseded
        payment, status = locked.payment, status_of(locked.payment, locked.money)
        if not await self._bookings.retake(connection, case.booking.id, payment.id, status):
            raise _Taken
        await store.set_status(connection, payment.id, status, self._clock(), accepted=True)
        await self._tell_of_money(connection, locked, status)
        return status

    async def _tell_of_money(self, connection: Connection, case: Case, status: PaymentStatus) -> None:
        for kind, key, amount in news_of_money(case, status):
            await tell(connection, kind, case.booking, key=key, amount=amount)


class _Taken(Exception):
    """Somebody has the places: roll back."""


def _why_lost(case: Case) -> CancelReason:
    dispute = case.money.dispute
    by_dispute = dispute == "open" or (dispute == "lost" and case.policy != "keep")
    return "disputed" if by_dispute else "refunded"


def _why_refunded(payment: Payment, booking: Booking) -> str:
    if payment.accepted:
        return "booking_cancelled"
    if booking.confirmed_by is not None:
        return "paid_twice"
    if payment.flag:
        return payment.flag
    if booking.approval is not None:
        return "paid_twice" if booking.status == "pending" else "booking_cancelled"
    return "share_not_met" if payment.amount < booking.total else OVERSOLD
