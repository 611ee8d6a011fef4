"""The owner's word on a booking whose money is there: yes, no, or silence until the deadline.

While it is awaited nothing of the money is accepted: whoever ends it, all of it goes back. A yes is written
down first; then settle confirms the booking by what its provider says of the money at that moment.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final
from uuid import UUID

import structlog

from server.accounts.rules import Caller
from server.bookings import approvals
from server.bookings.moves import way_to
from server.bookings.rules import Booking, CancelReason, PaymentStatus
from server.bookings.service import Bookings
from server.database.pool import Database
from server.errors import Conflict, Forbidden, Unavailable
from server.payments import store
from server.times import Clock

# What was granted and is not confirmed yet is looked at again after this.
LOOK_AGAIN_MS: Final = 15_000

_log = structlog.get_logger(__name__)


class Approving:
    """`confirm` and `cancel` for people, `due` for deadlines; each as often as one likes."""

    def __init__(
        self,
        database: Database,
        bookings: Bookings,
        settle: Callable[[UUID], Awaitable[object]],
        clock: Clock,
    ) -> None:
        self._database = database
        self._bookings = bookings
        self._settle = settle
        self._clock = clock

    async def confirm(self, caller: Caller, booking_id: str) -> Booking:
        """The owner's yes: the booking is confirmed and the money taken, if it is still there. Twice is once.

        NotFound for who may not see it, Forbidden for its buyer; Conflict unless it is awaited, and once its
        deadline has come.
        """
        booking = await self._bookings.find(caller, booking_id)
        if not _decides(caller, booking):
            raise Forbidden("the owner approves of a booking")
        await self._grant(booking)
        await self._confirm_granted(booking)
        return await self._bookings.get(booking.id)

    async def cancel(self, caller: Caller, booking: Booking) -> None:
        """Its buyer gives it up, or its owner declines; Conflict if it was granted meanwhile."""
        if await self._end(booking, "declined" if _decides(caller, booking) else "by_buyer"):
            return
        if (await self._bookings.get(booking.id)).status != "cancelled":
            raise Conflict("the owner has just approved of it", retry_after=1)

    async def due(self, booking: Booking) -> None:
        """Its deadline has come: silence declines; what was granted is confirmed by whoever is left."""
        if booking.is_awaited:
            await self._end(booking, "unanswered")
            return
        await self._bookings.postpone_release(booking.id, self._clock() + LOOK_AGAIN_MS)
        await self._confirm_granted(booking)

    async def _grant(self, booking: Booking) -> None:
        now = self._clock()
        async with self._database.transaction() as connection:
            locked = await self._bookings.lock(connection, booking.id)
            if locked.status == "confirmed" or (locked.status, locked.approval) == ("pending", "granted"):
                return
            if not locked.is_awaited:
                raise Conflict(f"the booking is {_why_not(locked)}")
            if locked.expires_at <= now:
                raise Conflict("the time to approve of it is over")
            await approvals.grant(connection, locked, look_again=now + LOOK_AGAIN_MS, now=now)

    async def _confirm_granted(self, booking: Booking) -> None:
        """By what the provider says of the money just now; where it cannot be asked, later."""
        async with self._database.connection() as connection:
            payments = await store.of_booking(connection, booking.id)
        await self._settle_all(each.id for each in payments if each.is_secured)
        await self._bookings.apply(booking.id)

    async def _end(self, booking: Booking, reason: CancelReason) -> bool:
        """Give an awaited booking and its money up in one transaction; False: it is awaited no more."""
        now = self._clock()
        async with self._database.transaction() as connection:
            locked = await self._bookings.lock(connection, booking.id)
            early = reason == "unanswered" and locked.expires_at > now
            if not locked.is_awaited or early:
                return False
            await self._bookings.cancel(connection, locked, reason, _given_up(locked.payment_status))
            await store.fail_pending(connection, booking.id, now)
            unwanted = await store.unwant_all(connection, booking.id, now)
        await self._bookings.apply(booking.id)
        await self._settle_all(unwanted)
        return True

    async def _settle_all(self, payments: Iterable[UUID]) -> None:
        """What cannot be asked now, the reconciler asks."""
        for payment in payments:
            try:
                await self._settle(payment)
            except Unavailable as error:
                _log.info("settled_later", payment=str(payment), reason=error.detail)


def _decides(caller: Caller, booking: Booking) -> bool:
    return caller.user is not None and caller.user == booking.owner


def _given_up(status: PaymentStatus) -> PaymentStatus:
    """What was only promised is not taken; what was taken is on its way back."""
    return "failed" if way_to(status, "failed") else status


def _why_not(booking: Booking) -> str:
    if booking.is_open:
        return "not paid yet"
    return booking.status if booking.cancel_reason is None else f"cancelled: {booking.cancel_reason}"
