"""Attempts to pay, the booking's own and those of shares: one is closed before the next opens."""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID, uuid4, uuid5

import msgspec

from server.bookings.rules import Booking
from server.bookings.service import Bookings
from server.database.pool import Connection, Database
from server.errors import Conflict, FieldError, InvalidFields
from server.payments import shares, store
from server.payments.closing import Closing, PaidMeanwhile
from server.payments.provider import Intent
from server.payments.providers import Providers, Via, made
from server.payments.rules import LOOK_MS, Payment
from server.payments.settle import Settle
from server.times import Clock

# How often a money question that met a change is asked anew.
TRIES: Final = 3


class Attempts:
    """The booking's rows are changed with the booking locked; what is at a provider is closed there first."""

    def __init__(
        self,
        database: Database,
        bookings: Bookings,
        providers: Providers,
        closing: Closing,
        *,
        settle: Settle,
        clock: Clock,
    ) -> None:
        self._database = database
        self._bookings = bookings
        self._providers = providers
        self._closing = closing
        self._settle = settle
        self._clock = clock

    def of(self, booking: Booking) -> Payment:
        """The attempt a booking begins with; InvalidFields if its provider can't take such an amount.

        It says from the start that its provider was asked. Not so where nothing is to be paid, for there to
        ask is to pay, and Redis has to have the booking's places before.
        """
        new = self.unasked(booking)
        return new if new.provider == "free" else msgspec.structs.replace(new, requested_at=new.created_at)

    def unasked(self, booking: Booking) -> Payment:
        """The same, but its provider is asked only later, by `own`: when Redis has the booking's places."""
        provider = self._provider_for(booking.total, booking.currency, None)
        new = self._new(booking, booking.total, provider)
        return msgspec.structs.replace(new, attempt=1, check_at=new.created_at + LOOK_MS)

    async def write(self, connection: Connection, made: Sequence[Payment]) -> None:
        """The attempts of bookings that are made in this transaction."""
        await store.insert_first(connection, made)

    async def own(self, booking: Booking, via: Via | None = None) -> Payment:
        """The attempt by which the buyer pays all that is still open: the live one, or a new one.

        Answers what has paid it, if anything has; Conflict if all of it is shared out, or the booking ended.
        """
        for _ in range(TRIES):
            attempts = await self.all(booking)
            own = shares.of_share(attempts, booking.id)
            paid = shares.secured(own) or await self._usable(booking, attempts, via)
            if paid is not None:
                return paid
            still_open = booking.total - shares.reserved(attempts, besides=booking.id)
            if not still_open:
                return self._newest(attempts)
            provider = self._provider_for(still_open, booking.currency, via)
            self._require_another(attempts, booking, booking.id)
            paid = await self._close(own, booking)
            if paid is not None:
                return paid
            await self._insert(booking, self._new(booking, still_open, provider))
        raise Conflict("the booking is being changed", retry_after=1)

    async def share(
        self, booking: Booking, amount: int, via: Via | None = None, *, key: str | None = None
    ) -> Payment:
        """A new share of this amount, which anybody may pay; under the same `key` one.

        The buyer's own attempt, which stands for all that is open, is closed for it: Conflict if that was
        paid. InvalidFields if so much is not open, or the amount or the rest of it could not be paid.
        """
        made = uuid4() if key is None else _share_of(booking, key)
        for _ in range(TRIES):
            attempts = await self.all(booking)
            if shares.of_share(attempts, made):
                return await self.of_share(booking, made, via)
            self._require_open(booking, attempts, amount, via)
            own = shares.of_share(attempts, booking.id)
            if shares.secured(own) is None and await self._close(own, booking) is not None:
                raise Conflict("the booking was paid meanwhile")
            provider = self._provider_for(amount, booking.currency, via)
            new = self._new(booking, amount, provider, id=made, share=made)
            if await self._insert(booking, new):
                return await self._ready(new, booking) or await self.read(new.id)
        raise Conflict("the booking is being changed", retry_after=1)

    async def repeated(
        self, booking: Booking, amount: int | None, via: Via | None, *, key: str
    ) -> Payment | None:
        """What became of the share that was made under this key before, as of_share has it; None if none was.

        InvalidFields if it was made for another amount.
        """
        made = _share_of(booking, key)
        tried = shares.of_share(await self.all(booking), made)
        if not tried:
            return None
        if tried[0].amount != amount:
            said = FieldError("Idempotency-Key", "came with another amount before")
            raise InvalidFields("the Idempotency-Key belongs to another share", errors=[said])
        return await self.of_share(booking, made, via)

    async def of_share(self, booking: Booking, share: UUID, via: Via | None = None) -> Payment:
        """The attempt by which a share is to be paid, a new one after a decline; else what became of it.

        Conflict where it was brought over to another booking since this one was read.
        """
        for _ in range(TRIES):
            attempts = shares.of_share(await self.all(booking), share)
            newest = self._newest(attempts)
            found = shares.secured(attempts) or shares.live(attempts)
            over = not booking.is_open or booking.expires_at <= self._clock()
            if found is not None and (found.is_secured or over):
                return found
            if over or newest.withdrawn:
                return newest
            provider = newest.provider if via is None else self._providers.name_for(newest.amount, via)
            if found is not None and found.provider == provider:
                ready = await self._ready(found, booking)
                if ready is not None:
                    return ready
                continue
            self._require_another(attempts, booking, share)
            paid = await self._close(attempts, booking)
            if paid is not None:
                return paid
            await self._insert(booking, self._new(booking, newest.amount, provider, share=share))
        raise Conflict("the booking is being changed", retry_after=1)

    async def open_for(self, booking: Booking) -> int:
        """What the buyer would pay now: all that no share stands for."""
        attempts = await self.all(booking)
        own = shares.secured(shares.of_share(attempts, booking.id))
        return booking.total - shares.reserved(attempts, besides=None if own else booking.id)

    async def withdraw(self, booking: Booking, share: UUID) -> None:
        """Take a share back, so that its amount is open again; Conflict if it is paid."""
        attempts = shares.of_share(await self.all(booking), share)
        if shares.secured(attempts) or await self._close(attempts, booking) is not None:
            raise Conflict("the share is paid; to give it back, cancel the booking")
        async with self._database.transaction() as connection:
            current = await self._pending(connection, booking)
            standing = shares.of_share(await store.of_booking(connection, booking.id), share)
            if shares.secured(standing) is not None:
                raise Conflict("the share is paid; to give it back, cancel the booking")
            await store.withdraw(connection, booking.id, share, self._clock())
            await self._bookings.touch(connection, current)
        await self._bookings.apply(booking.id)
        for payment in standing:
            if not payment.closed:
                await self._settle(payment.id)

    async def all(self, booking: Booking) -> list[Payment]:
        """Every attempt, oldest first."""
        async with self._database.connection() as connection:
            return await store.of_booking(connection, booking.id)

    async def read(self, payment_id: UUID) -> Payment:
        """One that is known to be there, as it is now."""
        async with self._database.connection() as connection:
            payment = await store.read(connection, payment_id)
        assert payment is not None, "payments are never deleted"
        return payment

    async def first(self, payment: Payment, booking: Booking) -> Payment:
        """Have a new booking's first attempt made at its provider, too; answers the attempt as it is then.

        Redis has the booking's places. Conflict if its provider does not want to be paid by it.
        """
        if payment.requested_at is None:
            return await self._ready(payment, booking) or await self.read(payment.id)
        intent = await self._providers.learn(payment, booking)
        await self._require_made(payment, intent)
        return made(payment, intent)

    async def _usable(self, booking: Booking, attempts: list[Payment], via: Via | None) -> Payment | None:
        """The booking's live attempt, if it is for just what is open and paid where the buyer wants."""
        found = shares.live(shares.of_share(attempts, booking.id))
        still_open = booking.total - shares.reserved(attempts, besides=booking.id)
        if found is None or found.amount != still_open:
            return None
        if via is not None and found.provider != self._providers.name_for(found.amount, via):
            return None
        return await self._ready(found, booking)

    async def _ready(self, payment: Payment, booking: Booking) -> Payment | None:
        """The live attempt with what its buyer needs to pay by it; None if it is over by now."""
        if payment.intent is not None:
            return payment
        intent = await self._providers.create(payment, booking)
        if intent is None:
            return None
        await self._require_made(payment, intent)
        return await self.read(payment.id)

    async def _require_made(self, payment: Payment, intent: Intent) -> None:
        """Conflict if its provider does not want to be paid by it; what is nothing is paid by that."""
        if payment.provider == "free" or not intent.id:
            await self._settle(payment.id)
        if not intent.id:
            raise Conflict(f"the payment provider does not take this payment: {intent.failure}")

    async def _close(self, attempts: Iterable[Payment], booking: Booking) -> Payment | None:
        """Make each impossible to pay; answers the one that was paid after all."""
        for payment in attempts:
            if payment.unwanted or payment.closed:
                continue
            try:
                await self._closing.stop(payment, booking)
            except PaidMeanwhile:
                return await self.read(payment.id)
            if payment.status == "pending":
                await self._end(payment, booking)
        return None

    async def _end(self, payment: Payment, booking: Booking) -> None:
        """It was closed to make room: that is no failure which the booking would show."""
        async with self._database.transaction() as connection:
            await self._bookings.lock(connection, booking.id)
            locked = await store.lock(connection, payment.id)
            if locked.status == "pending":
                await store.set_status(connection, payment.id, "failed", self._clock())

    async def _insert(self, booking: Booking, payment: Payment) -> bool:
        """False if that much is not open any more, or another tab makes one this moment."""
        async with self._database.transaction() as connection:
            current = await self._pending(connection, booking)
            attempts = await store.of_booking(connection, booking.id)
            shares.require_few(attempts, payment)
            taken = shares.reserved(attempts, besides=payment.share_key)
            if taken + payment.amount > booking.total:
                return False
            inserted = await store.insert(connection, payment)
            if inserted and payment.share is not None:
                await self._bookings.touch(connection, current)
        if payment.share is not None:
            await self._bookings.apply(booking.id)
        return inserted

    def _require_another(self, attempts: list[Payment], booking: Booking, share_key: UUID) -> None:
        """Before anything is closed for it, so that what stands can still be paid.

        LimitExceeded where a share was tried too often, Conflict where the last try was just now.
        """
        shares.require_room(attempts, booking.id, share_key)
        wait = shares.pause_before_another(attempts, share_key, self._clock())
        if wait:
            raise Conflict("this was tried only just now; wait a moment", retry_after=wait / 1000)

    async def _pending(self, connection: Connection, booking: Booking) -> Booking:
        current = await self._bookings.lock(connection, booking.id)
        if not current.is_open or current.expires_at <= self._clock():
            raise Conflict(f"the booking is {current.standing}")
        return current

    def _require_open(self, booking: Booking, attempts: list[Payment], amount: int, via: Via | None) -> None:
        own = shares.of_share(attempts, booking.id)
        besides = None if shares.secured(own) else booking.id
        still_open = booking.total - shares.reserved(attempts, besides=besides)
        if not 0 < amount <= still_open:
            raise _wrong(f"is {amount}; a share is at least 1 and at most what is open, {still_open}")
        rest = still_open - amount
        if rest:
            problem = self._providers.refuses(self._providers.name_for(rest, via), rest, booking.currency)
            if problem is not None:
                raise _wrong(f"leaves {rest} to be paid by another: {problem}")

    def _provider_for(self, amount: int, currency: str, via: Via | None) -> str:
        name = self._providers.name_for(amount, via)
        problem = self._providers.refuses(name, amount, currency)
        if problem is not None:
            raise _wrong(problem)
        return name

    def _newest(self, attempts: list[Payment]) -> Payment:
        if not attempts:
            raise Conflict("the booking is being changed", retry_after=1)
        return attempts[-1]

    def _new(
        self,
        booking: Booking,
        amount: int,
        provider: str,
        *,
        id: UUID | None = None,  # noqa: A002  # the field's name
        share: UUID | None = None,
    ) -> Payment:
        now = self._clock()
        return Payment(
            id=id or uuid4(),
            booking=booking.id,
            attempt=0,  # the database counts
            provider=provider,
            status="pending",
            amount=amount,
            currency=booking.currency,
            created_at=now,
            updated_at=now,
            share=share,
        )


def _share_of(booking: Booking, key: str) -> UUID:
    return uuid5(booking.id, key)


def _wrong(message: str) -> InvalidFields:
    return InvalidFields("this can't be paid so", errors=[FieldError("amount", message)])
