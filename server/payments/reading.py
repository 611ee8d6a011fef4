"""Reading payments: what many look at in the same moment is read in one round trip."""

from collections.abc import Sequence
from uuid import UUID

from server.accounts.rules import Caller
from server.bookings.rules import Booking, is_buyer
from server.database.coalescing import Coalescer
from server.database.pool import Database
from server.errors import NotFound
from server.payments import store
from server.payments.rules import Payment


class Reading:
    """Payments as they are now, each with its booking as of the same moment; NotFound for what is none."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._whole = Coalescer(self._read_all)
        self._by_intent = Coalescer(self._find_all)
        self._with_buyer = Coalescer(self._read_buyers)

    async def whole(self, payment_id: UUID) -> tuple[Payment, Booking]:
        """A payment and its booking."""
        found = await self._whole(payment_id)
        if found is None:
            raise NotFound
        return found

    async def payment(self, payment_id: UUID) -> Payment:
        """A payment alone."""
        return (await self.whole(payment_id))[0]

    async def of_buyer(self, caller: Caller, payment_id: UUID) -> Payment:
        """A payment of the caller's own booking; NotFound for every other."""
        found = await self._with_buyer(payment_id)
        if found is None or not is_buyer(caller, found[1], found[2]):
            raise NotFound
        return found[0]

    async def by_intent(self, provider: str, intent: str) -> tuple[Payment, Booking] | None:
        """The payment that is written down as a provider's object's, and its booking."""
        return await self._by_intent((provider, intent))

    async def _read_all(self, payments: list[UUID]) -> Sequence[tuple[Payment, Booking] | None]:
        async with self._database.connection() as connection:
            return await store.read_with_bookings(connection, payments)

    async def _read_buyers(self, payments: list[UUID]) -> Sequence[tuple[Payment, str, str | None] | None]:
        async with self._database.connection() as connection:
            return await store.read_with_buyers(connection, payments)

    async def _find_all(self, asked: list[tuple[str, str]]) -> Sequence[tuple[Payment, Booking] | None]:
        async with self._database.connection() as connection:
            return await store.by_intents(connection, asked)
