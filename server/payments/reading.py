"""Reading payments: what many look at in the same moment is read in one round trip."""

from collections.abc import Sequence
from uuid import UUID

from server.bookings.rules import Booking
from server.database.pool import Database
from server.database.together import Together
from server.errors import NotFound
from server.payments import store
from server.payments.rules import Payment


class Reading:
    """Payments as they are now, each with its booking as of the same moment; NotFound for what is none."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._whole = Together(self._read_all)
        self._by_intent = Together(self._find_all)

    async def whole(self, payment_id: UUID) -> tuple[Payment, Booking]:
        """A payment and its booking."""
        found = await self._whole(payment_id)
        if found is None:
            raise NotFound
        return found

    async def payment(self, payment_id: UUID) -> Payment:
        """A payment alone."""
        return (await self.whole(payment_id))[0]

    async def by_intent(self, provider: str, intent: str) -> UUID | None:
        """The payment that a provider's object belongs to."""
        return await self._by_intent((provider, intent))

    async def _read_all(self, payments: list[UUID]) -> Sequence[tuple[Payment, Booking] | None]:
        async with self._database.connection() as connection:
            return await store.read_with_bookings(connection, payments)

    async def _find_all(self, asked: list[tuple[str, str]]) -> Sequence[UUID | None]:
        async with self._database.connection() as connection:
            return await store.by_intents(connection, asked)
