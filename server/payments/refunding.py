"""What an owner gives back of a confirmed booking, in full or in part."""

from collections.abc import Sequence
from math import lcm
from typing import Final
from uuid import UUID, uuid4

from server.bookings.rules import Booking
from server.bookings.service import Bookings
from server.database.pool import Connection, Database
from server.errors import Conflict, FieldError, InvalidFields
from server.payments import refund_store, shares, store
from server.payments.providers import Providers
from server.payments.refund_store import RefundRow, Sums
from server.payments.rules import Payment
from server.times import Clock

BY_OWNER: Final = "by_owner"


class Refunding:
    """`refund_all` ends the booking, `owe_part` does not. Conflict in both while a dispute is open."""

    def __init__(self, database: Database, bookings: Bookings, providers: Providers, clock: Clock) -> None:
        self._database = database
        self._bookings = bookings
        self._providers = providers
        self._clock = clock

    async def refund_all(self, booking: Booking) -> list[UUID]:
        """Cancel a confirmed booking; answers the payments whose money goes back, to be settled now.

        The money is unwanted from the same moment on that the places are free. Parts that are owed and were
        not given back yet are in it. Twice is once.
        """
        async with self._database.transaction() as connection:
            locked = await self._bookings.lock(connection, booking.id)
            if locked.status != "confirmed":
                return []
            refuse_disputed(locked)
            await self._bookings.cancel(connection, locked, "refunded", locked.payment_status)
            await refund_store.supersede(connection, booking.id, self._clock())
            unwanted = await store.unwant_all(connection, booking.id, self._clock())
        await self._bookings.apply(booking.id)
        return unwanted

    async def owe_part(self, booking: Booking, amount: int, note: str, *, key: str | None = None) -> bool:
        """Owe each payer a part in proportion; False, with nothing owed, where the amount is all there is.

        What is owed under this `key` already is owed once, whatever became of it and of the booking since.
        InvalidFields if it is more than is left or its provider has no such amount, Conflict while the money
        is not all taken.
        """
        async with self._database.transaction() as connection:
            locked = await self._bookings.lock(connection, booking.id)
            if key is not None and await _is_repeated(connection, locked, key, (amount, note)):
                return True
            refuse_disputed(locked)
            payments = await self._accepted(connection, locked)
            left = await left_of_each(connection, locked.id, payments)
            if not 0 < amount <= sum(left):
                raise _wrong(f"is {amount}; it is at least 1 and at most what is left, {sum(left)}")
            if amount == sum(left) and amount == locked.total and locked.status == "confirmed":
                return False
            step = lcm(*(self._providers.step(payment) for payment in payments))
            if amount % step:
                raise _wrong(f"is {amount}; {locked.currency} is given back in steps of {step} minor units")
            parts = shares.spread(amount, left, step)
            now = self._clock()
            await owe_each(connection, payments, parts, reason=BY_OWNER, note=note, now=now, key=key)
        return True

    async def of_booking(self, booking: Booking) -> list[RefundRow]:
        """All its refunds, oldest first."""
        async with self._database.connection() as connection:
            return await refund_store.of_booking(connection, booking.id)

    async def _accepted(self, connection: Connection, booking: Booking) -> list[Payment]:
        if booking.status not in {"confirmed", "completed"}:
            raise Conflict(f"the booking is {booking.status}")
        payments = [each for each in await store.of_booking(connection, booking.id) if each.accepted]
        if any(payment.is_live for payment in payments):
            raise Conflict("the money is being taken just now", retry_after=2)
        return payments


async def owe_each(
    connection: Connection,
    payments: Sequence[Payment],
    parts: Sequence[int],
    *,
    reason: str,
    now: int,
    note: str = "",
    key: str | None = None,
) -> None:
    """From here on a part of each payment is owed to whoever paid it; under the same `key` once."""
    purpose = _purpose(key or str(uuid4()))
    for payment, part in zip(payments, parts, strict=True):
        if part:
            await refund_store.owe(connection, payment.id, purpose, part, reason=reason, note=note, now=now)


async def left_of_each(connection: Connection, booking: UUID, payments: Sequence[Payment]) -> list[int]:
    """What can still be given back of each payment, as it was read just before.

    A provider's count of what went back has our refunds in it once they are made, ended or not; and one may
    have been made that the provider has not told of yet. It is the same money: the more of the two counts.
    What no provider was asked for is in neither, and goes back besides.
    """
    sums = await refund_store.sums(connection, booking)
    return [_left(each, sums.get(each.id, Sums())) for each in payments]


def _left(payment: Payment, ours: Sums) -> int:
    begun = ours.given + ours.under_way - ours.unasked
    return max(payment.amount - ours.unasked - max(payment.refunded, begun), 0)


def refuse_disputed(booking: Booking) -> None:
    """Conflict while the buyer's bank asks for the money."""
    if booking.payment_status == "disputed":
        raise Conflict("a dispute is open: the bank decides about the money first")


async def _is_repeated(connection: Connection, booking: Booking, key: str, asked: tuple[int, str]) -> bool:
    """Whether an (amount, note) is owed under this key; InvalidFields if that is another one."""
    owed = await refund_store.owed_for(connection, booking.id, _purpose(key))
    if owed not in {None, asked}:
        said = FieldError("Idempotency-Key", "came with another amount or reason before")
        raise InvalidFields("the Idempotency-Key belongs to another refund", errors=[said])
    return owed is not None


def _purpose(key: str) -> str:
    return f"part:{key}"


def _wrong(message: str) -> InvalidFields:
    return InvalidFields("so much can't be given back", errors=[FieldError("amount", message)])
