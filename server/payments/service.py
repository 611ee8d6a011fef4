"""Payments: begun with a booking, brought to their end by settle, given back where nobody may keep them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID, uuid4

import structlog

from server.accounts.rules import Caller
from server.bookings.details import BookingRequest
from server.bookings.rules import Booking
from server.bookings.service import Bookings
from server.bookings.worker import Clock, Worker, wall_clock
from server.database.pool import Connection, Database
from server.errors import Conflict, NotFound, Unavailable
from server.payments import store
from server.payments.closing import Closing, PaidMeanwhile
from server.payments.free import Free
from server.payments.inbox import Inbox
from server.payments.provider import Event, Intent, Provider, ProviderRefused, ProviderUnavailable
from server.payments.providers import Providers
from server.payments.reconcile import Reconciler
from server.payments.refunds import Refunds
from server.payments.rules import Payment
from server.payments.sandbox import NAME as SANDBOX
from server.payments.sandbox import Outcome, Sandbox
from server.payments.settle import Settle

Serving = Literal["sandbox"]

# How often a money question that met a change is asked anew.
TRIES: Final = 3

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """A booking to be paid and the attempt to pay it by; `new` if this call made the booking."""

    booking: Booking
    payment: Payment
    new: bool


class Payments:
    """What routes call, and the loops that need no caller (`workers()`)."""

    def __init__(
        self,
        database: Database,
        bookings: Bookings,
        *,
        providers: Mapping[str, Provider] | None = None,
        default: str = SANDBOX,
        clock: Clock = wall_clock,
    ) -> None:
        self._database = database
        self._bookings = bookings
        self._clock = clock
        self.inbox = Inbox(database, self.heard, clock)
        self.sandbox: Sandbox | None = None
        by_name: dict[str, Provider] = {"free": Free(), **(providers or {})}
        if default == SANDBOX and SANDBOX not in by_name:
            self.sandbox = by_name[SANDBOX] = Sandbox(database, self._deliver, clock)
        self._providers = Providers(database, by_name, default, clock)
        self._settle_one = Settle(database, bookings, self._providers, clock)
        self.closing = Closing(database, bookings, self._providers, self._settle_one, clock)
        self.refunds = Refunds(database, self._providers, self.settle, clock)
        self.reconciler = Reconciler(database, self._providers, self.settle, self.heard, clock)

    def workers(self) -> list[Worker]:
        """The loops to be run beside the server."""
        workers = [self.closing.worker, self.inbox.worker, self.refunds.worker, self.reconciler.worker]
        return [*workers, self.sandbox.worker] if self.sandbox else workers

    async def begin(self, caller: Caller, request: BookingRequest) -> Begun:
        """The caller's cart as a pending booking with an attempt to pay it.

        Called again it answers the same booking with its live attempt, after a decline with a new one.
        Raises what Bookings.open raises, and Unavailable where the provider is away: the booking stands
        then, and the next call goes on from there.
        """

        async def with_attempt(connection: Connection, booking: Booking) -> None:
            await store.insert(connection, self._attempt_for(booking))

        booking, new = await self._bookings.open(caller, request, with_attempt)
        payment = await self._live_attempt(booking)
        return Begun(await self._bookings.get(booking.id), payment, new)

    async def attempt(self, caller: Caller, booking_id: str) -> Payment:
        """A further attempt to pay one's pending booking, or the live one; Conflict if it is not pending."""
        booking = await self._bookings.find_own(caller, booking_id)
        if booking.status != "pending":
            raise Conflict(f"the booking is {booking.status}")
        return await self._live_attempt(booking)

    async def find(self, caller: Caller, payment_id: str) -> tuple[Payment, Booking]:
        """A payment of a booking that the caller may read, and that booking; NotFound for every other."""
        payment = await self._read(_uuid(payment_id))
        return payment, await self._bookings.find(caller, str(payment.booking))

    async def cancel(self, caller: Caller, booking_id: str, *, release: bool) -> Booking:
        """Cancel one's booking: a pending one once nobody can pay it, a confirmed one with a full refund.

        The holds of a pending one go back to the cart, or with `release` to everybody. Conflict if it was
        paid meanwhile or is completed; Unavailable where the provider can't be asked. Twice is once.
        """
        booking = await self._bookings.find_own(caller, booking_id)
        if booking.status == "pending":
            await self._cancel_pending(booking, release=release)
        elif booking.status == "confirmed":
            await self._cancel_confirmed(booking)
        elif booking.status == "completed":
            raise Conflict("the booking is completed")
        return await self._bookings.get(booking.id)

    async def act(
        self, caller: Caller, payment_id: str, outcome: Outcome, *, delay_ms: int, twice: bool
    ) -> Payment:
        """What the sandbox's page does for its buyer; Conflict where the payment can't have that outcome."""
        payment = await self._read(_uuid(payment_id))
        await self._bookings.find_own(caller, str(payment.booking))
        if self.sandbox is None or payment.provider != SANDBOX or payment.intent is None:
            raise NotFound
        try:
            await self.sandbox.act(payment.intent, outcome, delay_ms=delay_ms, twice=twice)
        except ProviderRefused as refused:
            raise Conflict(str(refused)) from refused
        except ProviderUnavailable as away:
            raise Unavailable("the payment provider cannot be reached", retry_after=2) from away
        return await self._read(payment.id)

    async def settle(self, payment_id: UUID) -> None:
        """Bring a payment as far as it can be brought; the refund it may owe is made at once."""
        await self._settle_one(payment_id)
        self.refunds.worker.wake()

    async def heard(self, provider: str, intent_id: str) -> None:
        """Something happened to a provider's object: settle the payment it belongs to."""
        async with self._database.connection() as connection:
            payment = await store.by_intent(connection, provider, intent_id)
        payment = payment or await self._adopt(provider, intent_id)
        if payment is not None:
            await self.settle(payment)

    # Inside.

    async def _deliver(self, event: Event) -> None:
        """The sandbox's deliveries, by the way every provider's go."""
        await self.inbox.receive(SANDBOX, event)

    async def _adopt(self, provider: str, intent_id: str) -> UUID | None:
        """An intent nobody wrote down: the reply to our call was lost, or a page was sent twice."""
        intent = await self._providers.fetch_unknown(provider, intent_id)
        parent = await self._parent(provider, intent)
        if parent is None:
            _log.warning("event_of_no_payment", provider=provider, intent=intent_id)
            return None
        if parent.intent is None:
            booking = await self._bookings.get(parent.booking)
            parent = await self._relearn(parent, booking.reference)
        if parent.intent == intent_id:
            return parent.id
        extra = self._extra(parent, intent)
        async with self._database.transaction() as connection:
            await self._bookings.lock(connection, parent.booking)
            await store.insert(connection, extra)
            return await store.by_intent(connection, provider, intent_id)

    async def _parent(self, provider: str, intent: Intent) -> Payment | None:
        try:
            payment = await self._read(_uuid(intent.metadata.get("payment", "")))
        except NotFound:
            return None
        same = payment.provider == provider and intent.metadata.get("booking") == str(payment.booking)
        return payment if same else None

    async def _relearn(self, payment: Payment, reference: str) -> Payment:
        await self._providers.learn(payment, reference)
        return await self._read(payment.id)

    async def _live_attempt(self, booking: Booking) -> Payment:
        for _ in range(TRIES):
            live = await self._newest_or_new(booking)
            if live is not None and live.intent is not None:
                return live
            if live is not None and await self._providers.create(live, booking.reference):
                return await self._started(live)
        raise Conflict("the booking is being changed", retry_after=1)

    async def _started(self, payment: Payment) -> Payment:
        if payment.provider == "free":
            await self.settle(payment.id)
        return await self._read(payment.id)

    async def _newest_or_new(self, booking: Booking) -> Payment | None:
        """The attempt a buyer is to pay by; None if another tab makes one this moment."""
        async with self._database.connection() as connection:
            attempts = await store.of_booking(connection, booking.id)
        live = [payment for payment in attempts if payment.is_live and not payment.extra]
        if live:
            return live[-1]
        for payment in attempts:
            paid = await self._stopped(payment, booking)
            if paid is not None:
                return paid
        return await self._next_attempt(booking)

    async def _stopped(self, payment: Payment, booking: Booking) -> Payment | None:
        """Close a failed attempt before the next one opens; answers it if it was paid after all."""
        try:
            await self.closing.stop(payment, booking)
        except PaidMeanwhile:
            return await self._read(payment.id)
        return None

    async def _next_attempt(self, booking: Booking) -> Payment | None:
        attempt = self._attempt_for(booking)
        async with self._database.transaction() as connection:
            current = await self._bookings.lock(connection, booking.id)
            if current.status != "pending" or current.expires_at <= self._clock():
                raise Conflict(f"the booking is {current.status}")
            return attempt if await store.insert(connection, attempt) else None

    def _attempt_for(self, booking: Booking) -> Payment:
        now = self._clock()
        return Payment(
            id=uuid4(),
            booking=booking.id,
            attempt=0,  # the database counts
            provider=self._providers.name_for(booking.total),
            status="pending",
            amount=booking.total,
            currency=booking.currency,
            created_at=now,
            updated_at=now,
        )

    def _extra(self, parent: Payment, intent: Intent) -> Payment:
        now = self._clock()
        return Payment(
            id=uuid4(),
            booking=parent.booking,
            attempt=0,
            extra=True,
            provider=parent.provider,
            status="pending",
            amount=parent.amount,
            currency=parent.currency,
            created_at=now,
            updated_at=now,
            intent=intent.id,
            requested_at=now,
        )

    async def _cancel_pending(self, booking: Booking, *, release: bool) -> None:
        if not release:
            await self._bookings.require_room_in_cart(booking)
        try:
            await self.closing.close(booking, "released" if release else "returned")
        except PaidMeanwhile:
            raise Conflict("the booking was paid meanwhile") from None
        if (await self._bookings.get(booking.id)).status == "confirmed":
            raise Conflict("the booking was paid meanwhile")

    async def _cancel_confirmed(self, booking: Booking) -> None:
        """The money is unwanted from the same moment on that the places are free."""
        async with self._database.transaction() as connection:
            locked = await self._bookings.lock(connection, booking.id)
            if locked.status != "confirmed" or locked.confirmed_by is None:
                return
            await self._bookings.cancel(connection, locked, "refunded", locked.payment_status)
            await store.set_unwanted(connection, locked.confirmed_by, self._clock())
        await self._bookings.apply(booking.id)
        assert locked.confirmed_by is not None, "checked under the lock"
        try:
            await self.settle(locked.confirmed_by)
        except Unavailable as error:
            _log.info("refund_later", booking=str(booking.id), reason=error.detail)

    async def _read(self, payment_id: UUID) -> Payment:
        async with self._database.connection() as connection:
            payment = await store.read(connection, payment_id)
        if payment is None:
            raise NotFound
        return payment


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None
