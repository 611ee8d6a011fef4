"""A booking that waits for its owner: written inside a caller's transaction, with the booking locked.

Its places are taken for good meanwhile, although it is pending: nobody has them while the owner thinks.
"""

from typing import Final

from server.bookings import moves, store
from server.bookings.outbox import tell
from server.bookings.rules import Booking, PaymentStatus
from server.database.pool import Connection

# What the owner may do about it.
ACTIONS: Final = ("confirm", "cancel")


async def ask(
    connection: Connection, booking: Booking, status: PaymentStatus, *, until: int, now: int
) -> None:
    """All money of an open booking is there: take its places for good and ask its owner.

    There is time until `until` (ms), and never longer than until it begins.
    """
    ends = until if booking.starts_at is None else max(now, min(until, booking.starts_at))
    asked = moves.awaited(booking, status, ends)
    await store.update(connection, asked, now)
    await store.set_deadline(connection, booking.id, asked.expires_at)
    await store.update_lines(connection, booking.id, "confirmed")
    await tell(
        connection, "booking_created", asked, key="approval", actions=ACTIONS, respond_by=asked.expires_at
    )


async def grant(connection: Connection, booking: Booking, *, look_again: int, now: int) -> None:
    """Write down that its owner wants it. Whoever is to confirm it by its money then may die.

    From `look_again` (ms) on the loop of deadlines finds it and sees to that.
    """
    await store.update(connection, moves.granted(booking), now)
    await store.postpone_release(connection, booking.id, look_again)
