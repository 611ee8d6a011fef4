"""The providers by name, and how a payment's calls to its own are made: with its keys, each written down."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal
from uuid import UUID

import msgspec
import structlog

from server.bookings.rules import Booking
from server.database.coalescing import Coalescer
from server.database.pool import Database
from server.errors import FieldError, InvalidFields, Unavailable
from server.payments import refund_store, store
from server.payments.provider import Intent, Order, Provider, ProviderRefused, ProviderUnavailable, Refund
from server.payments.rules import Payment
from server.times import Clock

# Where a buyer pays: on a page of ours, or on the provider's.
Via = Literal["element", "checkout"]

_VIA: Final[Mapping[Via, str]] = {"element": "stripe", "checkout": "stripe_checkout"}
TITLE_LENGTH: Final = 200

_log = structlog.get_logger(__name__)


class Providers:
    """Raises Unavailable in place of ProviderUnavailable; ProviderRefused is the caller's to understand."""

    def __init__(
        self,
        database: Database,
        by_name: Mapping[str, Provider],
        default: str,
        clock: Clock,
        *,
        offered: Collection[str] | None = None,
    ) -> None:
        self._database = database
        self._by_name = by_name
        self._default = default
        self._offered = by_name if offered is None else offered
        self._clock = clock
        self._request = Coalescer(self._request_all)
        self._made = Coalescer(self._made_all)

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._by_name.values())

    def name_for(self, amount: int, via: Via | None = None) -> str:
        """The name of the provider that takes such an amount, in the way asked for; of nothing it is "free".

        Unavailable where payments are not served, InvalidFields where they are not served in this way.
        """
        if not amount:
            return "free"
        if via is not None and _VIA[via] not in self._offered:
            wrong = FieldError("via", f"is {via}, which is not served here; leave it out")
            raise InvalidFields("there is no paying in this way", errors=[wrong])
        if self._default not in self._by_name:
            raise Unavailable(f"payments by {self._default} are not served here")
        return self._default if via is None else _VIA[via]

    def refuses(self, name: str, amount: int, currency: str) -> str | None:
        """Why a provider could not take such an amount, None if it could."""
        return self._by_name[name].refuses(amount, currency)

    def step(self, payment: Payment) -> int:
        """Its provider takes and gives back multiples of so many minor units."""
        return self._of(payment).step(payment.currency)

    async def create(self, payment: Payment, booking: Booking) -> Intent | None:
        """The payment's intent, made at its provider and written down; None if the attempt is over."""
        is_live = await self._request(payment.id)
        if is_live is None:
            async with self._database.connection() as connection:
                is_live = await store.mark_one_requested(connection, payment.id, self._clock())
        return await self.learn(payment, booking) if is_live else None

    async def learn(self, payment: Payment, booking: Booking) -> Intent:
        """The intent that the provider made or would make of it: the key is the same, so it is one.

        What it refuses to make is an intent without an id, cancelled from the beginning.
        """
        try:
            with _reachable():
                intent = await self._of(payment).create(order_of(payment, booking), f"create:{payment.id}")
        except ProviderRefused as refused:
            _log.error("order_refused", payment=str(payment.id), reason=str(refused))
            return _never_made(payment, str(refused))
        if not await self._made((payment.id, intent)):
            async with self._database.connection() as connection:
                await store.set_intent(connection, payment.id, intent)
        return intent

    async def fetch(self, payment: Payment) -> Intent:
        """Its intent as it is now; an id within that was not known is written down.

        Unavailable also where the provider knows no such intent: keys of another account say nothing of it.
        """
        try:
            with _reachable():
                intent = await self._of(payment).fetch(_intent(payment))
        except ProviderRefused as refused:
            _log.error("intent_unknown", payment=str(payment.id), reason=str(refused))
            raise Unavailable("the payment provider does not know this payment", retry_after=60) from refused
        if intent.inner is not None and intent.inner != payment.inner:
            async with self._database.connection() as connection:
                await store.set_inner(connection, payment.id, intent.inner)
        return intent

    async def capture(self, payment: Payment) -> Intent:
        """Take what was authorised."""
        with _reachable():
            return await self._of(payment).capture(_intent(payment), payment.amount, f"capture:{payment.id}")

    async def cancel(self, payment: Payment) -> Intent:
        """Make it impossible to pay, or learn that it was paid."""
        with _reachable():
            return await self._of(payment).cancel(_intent(payment), f"cancel:{payment.id}")

    async def refund(self, refund: refund_store.OwedRefund) -> Refund:
        """Give it back, or ask what became of it where the provider has begun."""
        provider = self._named(refund.provider)
        with _reachable():
            if refund.made is not None:
                return await provider.fetch_refund(refund.made)
            key = f"refund:{refund.payment}:{refund.purpose}"
            return await provider.refund(refund.intent, refund.amount, key)

    async def fetch_unknown(self, provider: str, intent_id: str) -> Intent:
        """An intent that no payment of ours is known to have."""
        if provider not in self._by_name:
            raise ProviderRefused(f"payments by {provider} are not served here")
        with _reachable():
            return await self._by_name[provider].fetch(intent_id)

    async def recent(self, provider: Provider, since: int) -> list[Intent]:
        """What changed at a provider since then."""
        with _reachable():
            return await provider.recent(since)

    async def _request_all(self, payments: list[UUID]) -> list[bool | None]:
        """None for those that somebody else has: nobody waits on their account."""
        async with self._database.connection() as connection:
            found = await store.mark_requested(connection, payments, self._clock())
        return [found.get(name) for name in payments]

    async def _made_all(self, made: list[tuple[UUID, Intent]]) -> list[bool]:
        """False for those that somebody else has."""
        async with self._database.connection() as connection:
            found = await store.set_intents(connection, made)
        return [name in found for name, _ in made]

    def _of(self, payment: Payment) -> Provider:
        return self._named(payment.provider)

    def _named(self, name: str) -> Provider:
        """One that was served when a payment began may not be any more."""
        found = self._by_name.get(name)
        if found is None:
            raise Unavailable(f"payments by {name} are not served here")
        return found


def order_of(payment: Payment, booking: Booking) -> Order:
    """What is to be paid, out of what never changes: a key goes with its parameters."""
    labels = ", ".join(line.label for line in booking.lines)
    own = payment.share is None
    return Order(
        payment=str(payment.id),
        booking=str(booking.id),
        reference=booking.reference,
        amount=payment.amount,
        currency=payment.currency,
        title=f"{booking.reference}: {labels}"[:TITLE_LENGTH],
        email=booking.customer.get("email") if own else None,
        return_path=f"/bookings/{booking.id}" if own else f"/pay/{payment.share}",
        created_at=payment.created_at,
    )


def made(payment: Payment, intent: Intent) -> Payment:
    """An attempt that its provider has just made, as is written. Pure."""
    return msgspec.structs.replace(
        payment,
        intent=intent.id,
        inner=intent.inner or payment.inner,
        client_secret=intent.client_secret,
        redirect_url=intent.redirect_url,
    )


def _never_made(payment: Payment, why: str) -> Intent:
    return Intent(
        id="", status="cancelled", amount=payment.amount, currency=payment.currency, failure=why, final=True
    )


def _intent(payment: Payment) -> str:
    assert payment.intent is not None, "the provider has made it"
    return payment.intent


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except ProviderUnavailable as error:
        raise Unavailable("the payment provider cannot be reached", retry_after=2) from error
