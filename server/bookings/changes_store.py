"""Changes in PostgreSQL; the queries stand in sql/changes.sql."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from server.bookings import range_store
from server.bookings.changes import Change
from server.bookings.rules import Booking, Line
from server.bookings.store import moment
from server.database.pool import Connection
from server.database.queries import load
from server.times import milliseconds

_queries = load(__file__, "sql/changes.sql")


async def insert(connection: Connection, change: Change) -> None:
    """A new change, whose own booking was just written; asyncpg's UniqueViolationError beside another."""
    await connection.execute(
        _queries.insert,
        change.id,
        change.booking,
        msgspec.to_builtins(change.before),
        msgspec.to_builtins(change.after),
        change.refund,
        _optional(change.starts_at),
        _optional(change.ends_at),
    )


async def find(connection: Connection, change: UUID) -> Change:
    """What a change is to bring."""
    row = await connection.fetchrow(_queries.find, change)
    assert row is not None, "it was written with its booking"
    return Change(
        id=row["id"],
        booking=row["booking_id"],
        before=msgspec.convert(row["before"], tuple[Line, ...]),
        after=msgspec.convert(row["after"], tuple[Line, ...]),
        refund=row["refund"],
        starts_at=None if row["starts_at"] is None else milliseconds(row["starts_at"]),
        ends_at=None if row["ends_at"] is None else milliseconds(row["ends_at"]),
    )


async def confirmed(connection: Connection, limit: int) -> list[UUID]:
    """Changes that are confirmed and not made yet."""
    return [row["id"] for row in await connection.fetch(_queries.confirmed, limit)]


async def exchange(connection: Connection, change: Change) -> None:
    """The booking has what it is to have, its change what was given up; both are locked, and Redis has both.

    No slot is counted anew: together they have what they had.
    """
    both = [change.booking, change.id]
    await connection.execute(_queries.clear_lines, both)
    await connection.execute(_queries.clear_ranges, both)
    await _insert_lines(connection, change.booking, change.after)
    await _insert_lines(connection, change.id, change.given_up)
    await range_store.insert(connection, change.booking, change.after)


async def write(connection: Connection, booking: Booking, now: int) -> None:
    """A locked booking's other total, payment status and times."""
    await connection.execute(
        _queries.write,
        booking.id,
        booking.total,
        booking.payment_status,
        _optional(booking.starts_at),
        _optional(booking.ends_at),
        moment(now),
    )


async def _insert_lines(connection: Connection, booking: UUID, lines: Sequence[Line]) -> None:
    await connection.execute(
        _queries.insert_lines,
        booking,
        [line.position for line in lines],
        [line.resource for line in lines],
        [line.index for line in lines],
        [line.slot for line in lines],
        [line.label for line in lines],
        [line.quantity for line in lines],
        [line.price for line in lines],
        [line.hold for line in lines],
        [line.range[0] if line.range else None for line in lines],
        [line.range[1] if line.range else None for line in lines],
    )


def _optional(time: int | None) -> datetime | None:
    return None if time is None else moment(time)
