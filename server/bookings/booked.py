"""What PostgreSQL knows of one resource, read whole for a rebuild of its live state."""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import uuid4

from server.bookings import store
from server.bookings.rules import Booking, holds_of
from server.database.pool import Database
from server.errors import UnknownResource
from server.holds.rules import Hold
from server.holds.sources import Booked
from server.times import Clock, now_milliseconds

# More than Redis keeps: the chunks of two days before today's first, which began a day or so ago at most.
PAST_MS: Final = 5 * 86_400_000
# A Redis that lost the end of its file is as it was moments ago: what it had heard since is told it again.
ROLLED_BACK_MS: Final = 600_000


async def _nothing() -> None:
    """Nothing is required."""


class PostgresBooked:
    """The BookedSource of server.holds."""

    def __init__(self, database: Database, clock: Clock = now_milliseconds) -> None:
        self._database = database
        self._clock = clock

    async def bump_epoch_and_read(
        self, resource_id: str, require: Callable[[], Awaitable[None]] = _nothing
    ) -> Booked:
        """A new epoch and what stands under it, in one transaction.

        The resource's row is had alone: every change of a booking's lines holds a share of it, so each is
        either in this reading or is applied to Redis after it. Once it is had, `require` may refuse to go on.
        Lines that are read are marked as applied, but those of a booking that somebody is applying just now,
        and those whose holds go back to their cart: that Redis can't be built with.
        Of a grid nothing is read that is over since PAST_MS: however long it was booked, it is read fast.
        """
        epoch = uuid4().hex
        async with self._database.transaction() as connection:
            bumped = await store.bump_epoch(connection, resource_id, epoch, self._clock() - PAST_MS)
            if bumped is None:
                raise UnknownResource
            await require()
            layout, first = bumped
            confirmed = await store.confirmed_counts(connection, resource_id, first)
            bookings = await store.pending_bookings(connection, resource_id)
            lately = self._clock() - ROLLED_BACK_MS
            unheard = await store.unheard_holds(connection, resource_id, lately, first)
            given_up = await store.given_up_holds(connection, resource_id)
            returned = await store.returned_holds(connection, resource_id)
            await store.mark_resource_lines(connection, resource_id)
        pending = [hold for booking in bookings for hold in _pending(booking, resource_id)]
        return Booked(epoch, layout, confirmed, pending, unheard, given_up, returned)


def _pending(booking: Booking, resource_id: str) -> list[Hold]:
    lines = (line for line in booking.lines if line.resource == resource_id and line.state == "pending")
    return holds_of(booking, tuple(lines))
