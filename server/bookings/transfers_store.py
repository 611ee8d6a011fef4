"""Transfers in PostgreSQL; the queries stand in sql/transfers.sql."""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import asyncpg

from server.bookings.store import moment
from server.database.pool import Connection
from server.database.queries import load
from server.times import milliseconds

TransferState = Literal["offered", "accepted", "withdrawn"]

_queries = load(__file__, "sql/transfers.sql")


@dataclass(frozen=True, slots=True)
class Transfer:
    """An offer of a booking; `to` is None where whoever has the link may take it. Times in milliseconds."""

    id: UUID
    booking: UUID
    to: str | None
    state: TransferState
    created_at: int
    expires_at: int
    accepted_by: str | None = None


async def withdraw(connection: Connection, booking: UUID, now: int) -> bool:
    """End the offer of a locked booking that stands; False if none does."""
    return await connection.fetchval(_queries.withdraw, booking, moment(now)) is not None


async def offer(connection: Connection, transfer: Transfer, secret_hash: str) -> None:
    """A new offer of a locked booking that has none."""
    await connection.execute(
        _queries.offer,
        transfer.id,
        transfer.booking,
        secret_hash,
        transfer.to,
        moment(transfer.created_at),
        moment(transfer.expires_at),
    )


async def latest(connection: Connection, booking: UUID) -> Transfer | None:
    """The offer of a booking that was made last."""
    return _optional(await connection.fetchrow(_queries.latest, booking))


async def find(connection: Connection, secret_hash: str) -> Transfer | None:
    """An offer by its secret."""
    return _optional(await connection.fetchrow(_queries.find, secret_hash))


async def find_named(connection: Connection, transfer: UUID, user: str) -> Transfer | None:
    """An offer by its id, for the user whom it names."""
    return _optional(await connection.fetchrow(_queries.find_named, transfer, user))


async def lock(connection: Connection, transfer: UUID) -> Transfer:
    """An offer for this transaction alone; its booking is locked before it."""
    row = await connection.fetchrow(_queries.lock, transfer)
    assert row is not None, "offers are never deleted"
    return _transfer(row)


async def accept(connection: Connection, transfer: UUID, user: str, now: int) -> None:
    """It was taken."""
    await connection.execute(_queries.accept, transfer, user, moment(now))


async def to_user(connection: Connection, user: str, now: int, limit: int) -> list[Transfer]:
    """What is offered to a user by name and can be accepted, the latest first."""
    rows = await connection.fetch(_queries.to_user, user, moment(now), limit)
    return [_transfer(row) for row in rows]


async def hand_over(
    connection: Connection, booking: UUID, *, session: str, user: str, customer: dict[str, Any], now: int
) -> None:
    """A locked booking is another user's; what its former people wrote about themselves is gone from it."""
    await connection.execute(_queries.hand_over, booking, session, user, customer, moment(now))


def _optional(row: asyncpg.Record | None) -> Transfer | None:
    return None if row is None else _transfer(row)


def _transfer(row: asyncpg.Record) -> Transfer:
    return Transfer(
        id=row["id"],
        booking=row["booking_id"],
        to=row["to_user"],
        state=row["state"],
        created_at=milliseconds(row["created_at"]),
        expires_at=milliseconds(row["expires_at"]),
        accepted_by=row["accepted_by"],
    )
