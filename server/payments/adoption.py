"""Finds the payment that a provider's object belongs to, also where nobody has written that down.

The reply to our call was lost, a page was sent twice, or the event names what stands inside a checkout page.
"""

from typing import Final
from uuid import UUID, uuid4

import structlog

from server.bookings.rules import Booking
from server.bookings.service import Bookings
from server.database.pool import Database
from server.payments import store
from server.payments.provider import Intent
from server.payments.providers import Providers
from server.payments.reading import Reading
from server.payments.rules import Payment
from server.payments.stripe.objects import CHECKOUT, VIA
from server.times import Clock

# Two ways into one account: an event of the one may be about the other's.
_FAMILY: Final = frozenset({"stripe", "stripe_checkout"})
_PAGES: Final = "cs_"

_log = structlog.get_logger(__name__)


class Adoption:
    """`known(provider, object_id)`, else `adopted`; an object of nobody's is logged and left alone."""

    def __init__(
        self,
        database: Database,
        bookings: Bookings,
        providers: Providers,
        *,
        reading: Reading,
        clock: Clock,
    ) -> None:
        self._database = database
        self._reading = reading
        self._bookings = bookings
        self._providers = providers
        self._clock = clock

    async def known(self, provider: str, object_id: str) -> tuple[Payment, Booking] | None:
        """The payment that is known to be the object's, and its booking."""
        return await self._reading.by_intent(_who(provider, object_id), object_id)

    async def adopted(self, provider: str, object_id: str) -> UUID | None:
        """The payment of what is not known, made now for money that came twice; None if it is none of ours.

        Raises Unavailable where the provider is away, ProviderRefused where it knows no such object.
        """
        provider = _who(provider, object_id)
        intent = await self._providers.fetch_unknown(provider, object_id)
        parent = await self._parent(provider, intent)
        if parent is None:
            _log.warning("event_of_no_payment", provider=provider, intent=object_id)
            return None
        if parent.intent is None:
            parent = await self._relearn(parent)
        if _stands_in_a_page(intent) or object_id in {parent.intent, parent.inner}:
            return parent.id
        return await self._extra(parent, provider, intent)

    async def _parent(self, provider: str, intent: Intent) -> Payment | None:
        """The payment that the object says it is for, if that says the same."""
        try:
            name = UUID(intent.metadata.get("payment", ""))
        except ValueError:
            return None
        async with self._database.connection() as connection:
            payment = await store.read(connection, name)
        if payment is None or intent.metadata.get("booking") != str(payment.change or payment.booking):
            return None
        related = payment.provider == provider or {payment.provider, provider} <= _FAMILY
        return payment if related else None

    async def _relearn(self, payment: Payment) -> Payment:
        await self._providers.learn(payment, await self._bookings.get(payment.booking))
        async with self._database.connection() as connection:
            known = await store.read(connection, payment.id)
        assert known is not None, "payments are never deleted"
        return known

    async def _extra(self, parent: Payment, provider: str, intent: Intent) -> UUID | None:
        now = self._clock()
        extra = Payment(
            id=uuid4(),
            booking=parent.booking,
            attempt=0,
            extra=True,
            share=parent.share,
            provider=provider,
            status="pending",
            amount=parent.amount,
            currency=parent.currency,
            created_at=now,
            updated_at=now,
            intent=intent.id,
            requested_at=now,
        )
        async with self._database.transaction() as connection:
            await self._bookings.lock(connection, parent.booking)
            await store.insert(connection, extra)
            return await store.by_intent(connection, provider, intent.id)


def _stands_in_a_page(intent: Intent) -> bool:
    """Whether it is the payment within its parent's checkout page, even if that page does not name it yet."""
    return intent.metadata.get(VIA) == CHECKOUT


def _who(provider: str, object_id: str) -> str:
    """A page's events and those of the payment within it come by one way."""
    if provider not in _FAMILY:
        return provider
    return "stripe_checkout" if object_id.startswith(_PAGES) else "stripe"
