"""Giving a confirmed booking up: its buyer by the policy of what was booked, its owner with all of the money.

What stays by the policy is written beside each payment in the transaction that frees the places; settle then
gives back whatever is more than that, however its refunds fare.
"""

from math import lcm
from uuid import UUID

from server.accounts.rules import Caller
from server.bookings.refund_policy import ALL, CancellationRefund, Terms, buyer_refund, full_refund
from server.bookings.rules import Booking, CancelReason
from server.bookings.service import Bookings
from server.database.pool import Connection, Database
from server.errors import Conflict, NotFound
from server.payments import refund_store, shares, store
from server.payments.providers import Providers
from server.payments.refunding import left_of_each, refuse_disputed
from server.payments.rules import Payment
from server.times import Clock


class Cancelling:
    """`refund_now` says what would go back, `cancel` does it; both as the booking stands at that moment."""

    def __init__(self, database: Database, bookings: Bookings, providers: Providers, clock: Clock) -> None:
        self._database = database
        self._bookings = bookings
        self._providers = providers
        self._clock = clock

    async def refund_now(self, caller: Caller, booking: Booking) -> CancellationRefund:
        """What goes back if the caller cancels now; Conflict where it can't be cancelled."""
        if booking.status == "pending":
            return full_refund(booking.secured)
        if booking.status != "confirmed":
            raise Conflict(f"the booking is {booking.status}")
        refuse_disputed(booking)
        policies = await self._policies(caller, booking)
        async with self._database.connection() as connection:
            payments, left = await self._money(connection, booking)
        return self._refund(policies, payments, left)

    async def require_possible(self, caller: Caller, booking: Booking) -> None:
        """Conflict where `cancel` would refuse a confirmed booking, before anything is given up for it."""
        refuse_disputed(booking)
        policies = await self._policies(caller, booking)
        async with self._database.connection() as connection:
            payments, left = await self._money(connection, booking)
        if policies is not None and self._refund(policies, payments, left).percent < ALL:
            _require_taken(payments)

    async def cancel(self, caller: Caller, booking: Booking) -> list[UUID]:
        """Cancel a confirmed booking; answers the payments of which money goes back, to be settled now.

        NotFound for whoever has handed it on. Conflict while it is disputed, while money is being taken of
        which a part is to stay, and if it is changed just now. Twice is once.
        """
        policies = await self._policies(caller, booking)
        reason: CancelReason = "by_buyer" if booking.is_of(caller) else "by_owner"
        async with self._database.transaction() as connection:
            locked = await self._bookings.lock(connection, booking.id)
            if not locked.is_seen_by(caller):  # handed on meanwhile
                raise NotFound
            if locked.status != "confirmed":
                _refuse_completed(locked)
                return []
            refuse_disputed(locked)
            if _things(locked) != _things(booking) or locked.is_of(caller) != booking.is_of(caller):
                raise Conflict("the booking was changed just now", retry_after=1)
            payments, left = await self._money(connection, locked)
            refund = self._refund(policies, payments, left)
            if policies is not None and refund.percent < ALL:  # though nothing may be left of which to keep
                await self._keep(connection, payments, left, refund)
            else:
                await refund_store.supersede(connection, booking.id, self._clock())
            await self._bookings.cancel(connection, locked, reason, locked.payment_status)
            unwanted = await store.unwant_all(connection, booking.id, self._clock())
        await self._bookings.apply(booking.id)
        return unwanted

    async def _money(self, connection: Connection, booking: Booking) -> tuple[list[Payment], list[int]]:
        """The payments it was confirmed by, and what is left of each."""
        payments = [each for each in await store.of_booking(connection, booking.id) if each.accepted]
        return payments, await left_of_each(connection, booking.id, payments)

    async def _policies(self, caller: Caller, booking: Booking) -> list[Terms] | None:
        """What binds the buyer who cancels; None for the owner, who gives all of it back."""
        return await self._bookings.refund_terms(booking) if booking.is_of(caller) else None

    def _refund(
        self, policies: list[Terms] | None, payments: list[Payment], left: list[int]
    ) -> CancellationRefund:
        if policies is None:
            return full_refund(sum(left))
        return buyer_refund(policies, sum(left), self._clock(), step=self._step(payments))

    async def _keep(
        self, connection: Connection, payments: list[Payment], left: list[int], refund: CancellationRefund
    ) -> None:
        """Of each payer's money the same part stays. Refunds that are owed already go their way."""
        _require_taken(payments)
        back = shares.spread(refund.amount, left, self._step(payments))
        for payment, has, part in zip(payments, left, back, strict=True):
            await store.keep(connection, payment.id, has - part)

    def _step(self, payments: list[Payment]) -> int:
        return lcm(*(self._providers.step(payment) for payment in payments))


def _things(booking: Booking) -> list[tuple[str, int, int]]:
    return [(line.hold, line.index, line.quantity) for line in booking.lines]


def _require_taken(payments: list[Payment]) -> None:
    if any(payment.is_live for payment in payments):
        raise Conflict("the money is being taken just now", retry_after=2)


def _refuse_completed(booking: Booking) -> None:
    if booking.status == "completed":
        raise Conflict("the booking is completed")
