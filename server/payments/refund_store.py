"""Refunds in PostgreSQL; the queries stand in sql/refunds.sql."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

from server.bookings.store import moment
from server.database.pool import Connection
from server.database.queries import load
from server.times import milliseconds

RefundState = Literal["requested", "pending", "succeeded", "failed", "dropped"]

_queries = load(__file__, "sql/refunds.sql")


@dataclass(frozen=True, slots=True)
class OwedRefund:
    """A refund to be made now, or asked after where it has its provider's `made` id.

    `attempts` counts this one too. `intent` is the provider's id of the payment.
    """

    id: UUID
    payment: UUID
    booking: UUID
    purpose: str
    amount: int
    reason: str
    note: str
    status: RefundState
    attempts: int
    made: str | None
    provider: str
    intent: str


@dataclass(frozen=True, slots=True)
class RefundRow:
    """A refund as a booking's people read it."""

    id: UUID
    payment: UUID
    amount: int
    reason: str
    note: str
    status: RefundState
    created_at: int
    done_at: int | None
    currency: str


@dataclass(frozen=True, slots=True)
class Sums:
    """Of one payment's refunds: those that succeeded, those that have not ended, and of the latter `unasked`,
    for which no provider was ever asked.
    """

    given: int = 0
    under_way: int = 0
    unasked: int = 0


async def owe(
    connection: Connection,
    payment: UUID,
    purpose: str,
    amount: int,
    *,
    reason: str,
    now: int,
    note: str = "",
    due_at: int | None = None,
    attempts: int = 0,
) -> None:
    """From here on the buyer is owed this; the same purpose is owed once."""
    due = now if due_at is None else due_at
    await connection.execute(
        _queries.owe, uuid4(), payment, purpose, amount, reason, note, attempts, moment(due), moment(now)
    )


async def owed_for(connection: Connection, booking: UUID, purpose: str) -> tuple[int, str] | None:
    """What all payers of a booking together were owed for this purpose, and its note; None if nothing was."""
    row = await connection.fetchrow(_queries.owed_for, booking, purpose)
    return None if row is None else (row["amount"], row["note"])


async def count(connection: Connection, payment: UUID) -> int:
    """How many refunds a payment had, whatever became of them."""
    return int(await connection.fetchval(_queries.count, payment))


async def take(connection: Connection, now: int, until: int, limit: int) -> list[OwedRefund]:
    """Refunds that are due, given to nobody else before `until`."""
    rows = await connection.fetch(_queries.take, moment(now), moment(until), limit)
    return [OwedRefund(*row.values()) for row in rows]


async def under_way(connection: Connection, refund: UUID, made: str, again: int) -> None:
    """The provider has begun it; it is asked after at `again`."""
    await connection.execute(_queries.under_way, refund, made, moment(again))


async def postpone(connection: Connection, refund: UUID, again: int, error: str) -> None:
    """It is tried again at `again`."""
    await connection.execute(_queries.postpone, refund, moment(again), error)


async def finish(
    connection: Connection,
    refund: UUID,
    status: Literal["succeeded", "failed", "dropped"],
    *,
    made: str | None,
    now: int,
    error: str | None = None,
) -> bool:
    """It has ended; False if that was known."""
    row = await connection.fetchval(_queries.finish, refund, status, made, moment(now), error)
    return row is not None


async def supersede(connection: Connection, booking: UUID, now: int) -> None:
    """All of a booking's money goes back: parts that the provider has not begun are in that."""
    await connection.execute(_queries.supersede, booking, moment(now))


async def came_back(connection: Connection, payment: UUID, now: int) -> None:
    """The provider says that less has gone back than it said before: ask after each refund that it has begun.

    Even after those that had succeeded: a bank may have sent one back.
    """
    await connection.execute(_queries.came_back, payment, moment(now))


async def of_booking(connection: Connection, booking: UUID) -> list[RefundRow]:
    """All of a booking's refunds, oldest first."""
    return [
        RefundRow(
            id=row["id"],
            payment=row["payment_id"],
            amount=row["amount"],
            reason=row["reason"],
            note=row["note"],
            status=row["status"],
            created_at=milliseconds(row["created_at"]),
            done_at=_since(row["done_at"]),
            currency=row["currency"],
        )
        for row in await connection.fetch(_queries.of_booking, booking)
    ]


async def sums(connection: Connection, booking: UUID) -> dict[UUID, Sums]:
    """Payment → what our refunds give back of it, of a booking's payments that have any."""
    return {
        row["payment_id"]: Sums(row["given"], row["under_way"], row["unasked"])
        for row in await connection.fetch(_queries.sums, booking)
    }


def _since(value: datetime | None) -> int | None:
    return None if value is None else milliseconds(value)
