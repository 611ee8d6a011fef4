"""Payments: begun with a booking, brought to their end by settle, given back where nobody may keep them."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec
import structlog

from server.accounts.rules import Caller
from server.bookings.details import BookingRequest
from server.bookings.refund_policy import CancellationRefund
from server.bookings.rules import Booking
from server.bookings.service import Bookings
from server.database.pool import Database
from server.errors import Conflict, Forbidden, NotFound, Unavailable
from server.payments.adoption import Adoption
from server.payments.approving import Approving
from server.payments.attempts import Attempts
from server.payments.breaker import Circuit
from server.payments.cancelling import Cancelling
from server.payments.changing import Changing
from server.payments.closing import Closing, PaidMeanwhile
from server.payments.figures import PaymentFigures
from server.payments.free import Free
from server.payments.inbox import Inbox
from server.payments.ledger import Ledger
from server.payments.links import PayLinks
from server.payments.provider import Event, Provider, ProviderRefused, ProviderUnavailable
from server.payments.providers import Providers, Via
from server.payments.reading import Reading
from server.payments.reconcile import Reconciler
from server.payments.refund_store import RefundRow
from server.payments.refunding import Refunding
from server.payments.refunds import Refunds
from server.payments.rules import Case, Payment, Step, went_back
from server.payments.sandbox import NAME as SANDBOX
from server.payments.sandbox import Outcome, Sandbox
from server.payments.settle import Settle
from server.times import Clock, now_milliseconds
from server.worker import Worker

# A page may ask again and again; the provider is asked this seldom for one payment, by each process.
CHECK_SECONDS: Final = 1.0
_CHECKED_AT_MOST: Final = 10_000

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
        links: PayLinks | None = None,
        figures: PaymentFigures | None = None,
        offered: Collection[str] | None = None,
        circuit: Circuit | None = None,
        most_items: int = 50,
        clock: Clock = now_milliseconds,
    ) -> None:
        self._database = database
        self._bookings = bookings
        self.links = links or PayLinks(secret_key="", public_url="")
        self.figures = figures or PaymentFigures()
        self._circuit = circuit
        self.inbox = Inbox(database, self.heard, clock, self.figures)
        self.sandbox: Sandbox | None = None
        by_name: dict[str, Provider] = {"free": Free(), **(providers or {})}
        if default == SANDBOX and SANDBOX not in by_name:
            self.sandbox = by_name[SANDBOX] = Sandbox(database, self._deliver, clock)
        self._providers = Providers(database, by_name, default, clock, offered=offered)
        ledger = Ledger(database, bookings, clock, self.figures)
        self._reading = Reading(database)
        self._settle_one = Settle(
            database, bookings, self._providers, ledger, reading=self._reading, clock=clock
        )
        self._settle_one.on_written = self._wake
        self.approving = Approving(database, bookings, self.settle, clock)
        self.closing = Closing(
            database, bookings, self._providers, self._settle_one, self.approving, clock=clock
        )
        self.attempts = Attempts(
            database, bookings, self._providers, self.closing, settle=self._settle_one, clock=clock
        )
        bookings.make_with(self.attempts)
        self._adoption = Adoption(database, bookings, self._providers, reading=self._reading, clock=clock)
        self._refunding = Refunding(database, bookings, self._providers, clock)
        self._cancelling = Cancelling(database, bookings, self._providers, clock)
        self.changes = Changing(
            database,
            bookings,
            providers=self._providers,
            attempts=self.attempts,
            closing=self.closing,
            settle=self.settle,
            refunding=self._refunding,
            most_items=most_items,
            clock=clock,
        )
        self.refunds = Refunds(database, self._providers, self.settle, clock, self.figures)
        self.reconciler = Reconciler(database, self._providers, self.settle, self.heard, clock)
        self._checked: dict[UUID, float] = {}

    def workers(self) -> list[Worker]:
        """The loops to be run beside the server."""
        reconciler = self.reconciler
        workers = [self.closing.worker, self.inbox.worker, self.refunds.worker]
        workers += [reconciler.lister, reconciler.worker, self.changes.worker]
        return [*workers, self.sandbox.worker] if self.sandbox else workers

    @property
    def provider_available(self) -> bool:
        """False while it is known that nobody can begin to pay just now."""
        return self._circuit is None or self._circuit.state != "open"

    async def begin(self, caller: Caller, request: BookingRequest, *, key: str | None = None) -> Begun:
        """The caller's cart as a pending booking with an attempt to pay it.

        Called again it answers the same booking with its live attempt, after a decline with a new one; under
        the same `key` also one that is paid.
        Raises what Bookings.open raises, InvalidFields if nobody takes such an amount, and Unavailable where
        the provider is away: the booking stands then, and the next call goes on from there.
        """
        booking, first = await self._bookings.open(caller, request, key=key)
        if first is None:
            payment = await self.attempts.own(booking)
            return Begun(await self._bookings.get(booking.id), payment, new=False)
        payment = await self.attempts.first(first, booking)
        if payment.status != "pending":  # there was nothing to pay
            payment, booking = await self._reading.whole(payment.id)
        return Begun(msgspec.structs.replace(booking, payment=payment.id), payment, new=True)

    async def attempt(
        self,
        caller: Caller,
        booking_id: str,
        amount: int | None = None,
        *,
        as_share: bool = False,
        via: Via | None = None,
        key: str | None = None,
    ) -> Payment:
        """A further attempt to pay one's pending booking, or the live one; with less than is open a share.

        A share is made once under the same `key`, and what became of it is the answer. Conflict if the
        booking is not pending, or nothing is open.
        """
        booking = await self._bookings.find_own(caller, booking_id)
        share = None if key is None else await self.attempts.repeated(booking, amount, via, key=key)
        if share is not None:
            return share
        if not booking.is_open:
            raise Conflict(f"the booking is {booking.standing}")
        whole = amount is None or (amount == await self.attempts.open_for(booking) and not as_share)
        if amount is None or whole:
            await self._require_had_if_free(booking)
            return await self.attempts.own(booking, via)
        return await self.attempts.share(booking, amount, via, key=key)

    async def withdraw(self, caller: Caller, payment_id: str) -> Payment:
        """Take a share back that nobody has paid; its amount is open again."""
        payment = await self._read(_uuid(payment_id))
        booking = await self._bookings.find_own(caller, str(payment.booking))
        if payment.share is None:
            raise Conflict("this is no share; cancel the booking, or pay it")
        if not booking.is_open:
            raise Conflict(f"the booking is {booking.standing}")
        await self.attempts.withdraw(booking, payment.share)
        return await self._read(payment.id)

    async def find(self, caller: Caller, payment_id: str) -> tuple[Payment, Booking]:
        """A payment of a booking that the caller may read, and that booking; NotFound for every other."""
        payment, booking = await self._reading.whole(_uuid(payment_id))
        if not booking.is_seen_by(caller):
            raise NotFound
        return payment, booking

    async def of_booking(self, caller: Caller, booking_id: str) -> tuple[list[Payment], Booking]:
        """All payments of a booking that the caller may read, oldest first."""
        booking = await self._bookings.find(caller, booking_id)
        return await self.attempts.all(booking), booking

    async def open(
        self, payment_id: str, secret: str, via: Via | None = None
    ) -> tuple[Payment, Booking, str]:
        """For whoever comes by a pay link: the attempt to pay the share by, its booking and that's title.

        NotFound unless the secret is the share's; Unavailable where the provider is away.
        """
        payment = await self._of_link(payment_id, secret)
        assert payment.share is not None, "links are of shares"
        booking = await self._bookings.get(payment.booking)
        attempt = await self.attempts.of_share(booking, payment.share, via)
        now = await self._bookings.get(booking.id)
        return attempt, now, ", ".join(await self._bookings.titles(now))

    async def check(self, caller: Caller, payment_id: str, secret: str | None) -> tuple[Payment, bool]:
        """Settle a payment now: its buyer came back from paying. Answers it, and whether it is the buyer's.

        The provider is asked at most once in CHECK_SECONDS; NotFound for who may not see it.
        """
        if secret is not None:
            payment, is_buyer = await self._of_link(payment_id, secret), True
        else:
            payment, booking = await self.find(caller, payment_id)
            is_buyer = booking.is_of(caller)
        if self._may_check(payment.id):
            await self.settle(payment.id)
        return await self._read(payment.id), is_buyer

    async def cancel(self, caller: Caller, booking_id: str, *, release: bool) -> Booking:
        """Cancel a booking: a pending one once nobody can pay it, a confirmed one with what its policy gives
        back, or with all of it where its owner cancels.

        The holds of a pending one go back to the cart, or with `release` to everybody. While its owner's word
        is awaited either side may end it, and all of the money goes back. Conflict if it was paid or approved
        meanwhile, is completed or disputed; Unavailable if nobody can ask the provider. Twice is once.
        """
        booking = await self._bookings.find(caller, booking_id)
        if booking.approval is not None and booking.status in {"pending", "cancelled"}:
            await self.approving.cancel(caller, booking)
        elif booking.status == "pending":
            await self._cancel_pending(caller, booking, release=release)
        else:
            await self._cancel_confirmed(caller, booking)
        return await self._bookings.get(booking.id)

    async def cancellation(self, caller: Caller, booking_id: str) -> tuple[CancellationRefund, Booking]:
        """What would go back if the caller cancelled now; Conflict where that is not possible (any more)."""
        booking = await self._bookings.find(caller, booking_id)
        if booking.is_open and not booking.is_of(caller):
            raise Conflict("the booking is still being paid")
        return await self._cancelling.refund_now(caller, booking), booking

    async def refund(
        self, caller: Caller, booking_id: str, amount: int | None, note: str, *, key: str | None = None
    ) -> tuple[Booking, list[RefundRow]]:
        """Give back what was paid, by the owner or an operator: all of it (the booking ends) or an amount.

        The same amount under the same `key` is given back once. Conflict unless it is confirmed and its money
        is taken, and while a dispute is open.
        """
        booking = await self._refundable(caller, booking_id)
        is_part_owed = amount is not None and await self._refunding.owe_part(booking, amount, note, key=key)
        if is_part_owed:
            self.refunds.worker.wake()
        elif booking.status != "confirmed":
            raise Conflict(f"the booking is {booking.status}")
        else:
            await self._settle_all(booking, await self._refunding.refund_all(booking))
        return await self._bookings.get(booking.id), await self._refunding.of_booking(booking)

    async def refunds_of(self, caller: Caller, booking_id: str) -> list[RefundRow]:
        """What went back of a booking that the caller may read."""
        return await self._refunding.of_booking(await self._bookings.find(caller, booking_id))

    async def act(
        self,
        caller: Caller,
        payment_id: str,
        outcome: Outcome,
        *,
        delay_ms: int,
        twice: bool,
        secret: str | None = None,
    ) -> Payment:
        """What the sandbox's page does for its buyer; Conflict where the payment can't have that outcome.

        Answers the payment as we know it: what became of it we hear from its provider, as of any other.
        """
        if secret is not None:
            payment = await self._of_link(payment_id, secret)
        else:
            payment = await self._reading.of_buyer(caller, _uuid(payment_id))
        if self.sandbox is None or payment.provider != SANDBOX or payment.intent is None:
            raise NotFound
        try:
            await self.sandbox.act(payment.intent, outcome, delay_ms=delay_ms, twice=twice)
        except ProviderRefused as refused:
            raise Conflict(str(refused)) from refused
        except ProviderUnavailable as away:
            raise Unavailable("the payment provider cannot be reached", retry_after=2) from away
        return payment

    async def settle(self, payment_id: UUID) -> None:
        """Bring a payment as far as it can be brought; the refund it may owe is made at once."""
        await self._settle_one(payment_id)
        self.refunds.worker.wake()
        self.changes.worker.wake()

    async def heard(self, provider: str, object_id: str) -> None:
        """Something happened to a provider's object: settle the payment it belongs to."""
        known = await self._adoption.known(provider, object_id)
        payment = known[0].id if known else await self._adoption.adopted(provider, object_id)
        if payment is not None:
            await self._settle_one(payment, known)

    # Inside.

    async def _deliver(self, event: Event) -> None:
        """The sandbox's deliveries, by the way every provider's go."""
        await self.inbox.receive(SANDBOX, event)

    async def _of_link(self, payment_id: str, secret: str) -> Payment:
        payment = await self._read(_uuid(payment_id))
        if payment.share is None or not self.links.opens(payment.share, secret):
            raise NotFound
        return payment

    def _may_check(self, payment: UUID) -> bool:
        now = time.monotonic()
        if now - self._checked.get(payment, -CHECK_SECONDS) < CHECK_SECONDS:
            return False
        if len(self._checked) >= _CHECKED_AT_MOST:
            self._checked = {key: at for key, at in self._checked.items() if now - at < CHECK_SECONDS}
        self._checked[payment] = now
        return True

    async def _require_had_if_free(self, booking: Booking) -> None:
        """Conflict where a booking that costs nothing is cancelled, since Redis does not have its places.

        To begin a payment of nothing is to pay it: so Redis has to have the places before.
        """
        known = booking.total or booking.applied_version >= booking.version
        if not known and not await self._bookings.is_had(booking):
            raise Conflict("the booking is cancelled")

    async def _cancel_pending(self, caller: Caller, booking: Booking, *, release: bool) -> None:
        if not booking.is_of(caller):
            raise Forbidden("the booking is still being paid: only its buyer can give it up")
        release = release or booking.change_of is not None  # what a change adds was in nobody's cart
        if not release:
            await self._bookings.require_room_in_cart(booking)
        try:
            await self.closing.close(booking, "released" if release else "returned")
        except PaidMeanwhile:
            raise Conflict("the booking was paid meanwhile") from None
        now = await self._bookings.get(booking.id)
        if now.status == "confirmed" or now.is_awaited:
            raise Conflict("the booking was paid meanwhile")

    async def _cancel_confirmed(self, caller: Caller, booking: Booking) -> None:
        """Also for what is cancelled already, which stays so, and what is completed, which is refused."""
        is_confirmed = booking.status == "confirmed"
        if is_confirmed and booking.change_of is not None:
            raise Conflict("the booking is being changed", retry_after=1)
        if is_confirmed and booking.change is not None:
            await self._cancelling.require_possible(caller, booking)  # where that is not, its change goes on
        await self.changes.abandon(booking)
        await self._settle_all(booking, await self._cancelling.cancel(caller, booking))

    async def _settle_all(self, booking: Booking, payments: list[UUID]) -> None:
        for payment in payments:
            try:
                await self.settle(payment)
            except Unavailable as error:
                _log.info("refund_later", booking=str(booking.id), reason=error.detail)

    async def _refundable(self, caller: Caller, booking_id: str) -> Booking:
        booking = await self._bookings.get(_uuid(booking_id))
        is_owner = caller.user is not None and caller.user == booking.owner
        if is_owner or (caller.user is not None and "operator" in caller.roles):
            return booking
        if booking.is_of(caller):
            raise Forbidden("only the owner gives money back; cancel the booking instead")
        raise NotFound

    async def _read(self, payment_id: UUID) -> Payment:
        return await self._reading.payment(payment_id)

    def _wake(self, case: Case) -> None:
        """What a written step leaves to the loops is done at once."""
        back = case.intent is not None and went_back(case.intent) != case.payment.refunded
        if case.step is not Step.CONFIRM and (case.step is not Step.NOTE or back):
            self.refunds.worker.wake()
        if case.booking.change_of is not None or case.payment.change is not None:
            self.changes.worker.wake()


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None
