"""The providers by name, and how a payment's calls to its own are made: with its keys, each written down."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from server.bookings.worker import Clock
from server.database.pool import Database
from server.errors import Unavailable
from server.payments import store
from server.payments.provider import Intent, Order, Provider, ProviderUnavailable, Refund
from server.payments.rules import Payment


class Providers:
    """Raises Unavailable in place of ProviderUnavailable; ProviderRefused is the caller's to understand."""

    def __init__(
        self, database: Database, by_name: Mapping[str, Provider], default: str, clock: Clock
    ) -> None:
        self._database = database
        self._by_name = by_name
        self._default = default
        self._clock = clock

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._by_name.values())

    def name_for(self, amount: int) -> str:
        """Who takes such an amount; nothing to pay is nobody's business but ours."""
        if amount and self._default not in self._by_name:
            raise Unavailable(f"payments by {self._default} are not served here")
        return self._default if amount else "free"

    async def create(self, payment: Payment, reference: str) -> Intent | None:
        """The payment's intent, made at its provider and written down; None if the attempt is over."""
        async with self._database.connection() as connection:
            if not await store.mark_requested(connection, payment.id, self._clock()):
                return None
        return await self.learn(payment, reference)

    async def learn(self, payment: Payment, reference: str) -> Intent:
        """The intent that the provider made or would make of it: the key is the same, so it is one."""
        order = Order(
            payment=str(payment.id),
            booking=str(payment.booking),
            reference=reference,
            amount=payment.amount,
            currency=payment.currency,
        )
        with _reachable():
            intent = await self._of(payment).create(order, f"create:{payment.id}")
        async with self._database.connection() as connection:
            await store.set_intent(connection, payment.id, intent)
        return intent

    async def fetch(self, payment: Payment) -> Intent:
        """Its intent as it is now."""
        with _reachable():
            return await self._of(payment).fetch(_intent(payment))

    async def capture(self, payment: Payment) -> Intent:
        """Take what was authorised."""
        with _reachable():
            return await self._of(payment).capture(_intent(payment), payment.amount, f"capture:{payment.id}")

    async def cancel(self, payment: Payment) -> Intent:
        """Make it impossible to pay, or learn that it was paid."""
        with _reachable():
            return await self._of(payment).cancel(_intent(payment), f"cancel:{payment.id}")

    async def refund(self, refund: store.OwedRefund) -> Refund:
        """Give it back."""
        key = f"refund:{refund.payment}:{refund.purpose}"
        with _reachable():
            return await self._by_name[refund.provider].refund(refund.intent, refund.amount, key)

    async def fetch_unknown(self, provider: str, intent_id: str) -> Intent:
        """An intent that no payment of ours is known to have."""
        with _reachable():
            return await self._by_name[provider].fetch(intent_id)

    async def recent(self, provider: Provider, since: int) -> list[Intent]:
        """What changed at a provider since then."""
        with _reachable():
            return await provider.recent(since)

    def _of(self, payment: Payment) -> Provider:
        return self._by_name[payment.provider]


def _intent(payment: Payment) -> str:
    assert payment.intent is not None, "the provider has made it"
    return payment.intent


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except ProviderUnavailable as error:
        raise Unavailable("the payment provider cannot be reached", retry_after=2) from error
