"""The only one in this room that talks to PostgreSQL; its queries stand in sql/queries.sql."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg

from server.bookings.moves import next_payment_status
from server.bookings.rules import PaymentStatus
from server.bookings.store import moment
from server.database.pool import Connection
from server.database.queries import load
from server.http.times import milliseconds
from server.payments.provider import Event, Intent
from server.payments.rules import LIVE, LOOK_MS, Payment

_queries = load(__file__, "sql/queries.sql")


@dataclass(frozen=True, slots=True)
class OwedRefund:
    """A refund to be made now. `attempts` counts this one too."""

    id: UUID
    payment: UUID
    purpose: str
    amount: int
    attempts: int
    provider: str
    intent: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event to be worked off now. `attempts` counts this one too."""

    provider: str
    id: str
    kind: str
    object_id: str
    attempts: int


async def insert(connection: Connection, payment: Payment) -> bool:
    """A new attempt, its number the booking's next; False if the booking has a live one or it is known."""
    found = await connection.fetchval(
        _queries.insert_payment,
        payment.id,
        payment.booking,
        payment.extra,
        payment.provider,
        payment.intent,
        payment.amount,
        payment.currency,
        None if payment.requested_at is None else moment(payment.requested_at),
        moment(payment.created_at),
        moment(payment.created_at + LOOK_MS),
    )
    return found is not None


async def read(connection: Connection, payment_id: UUID) -> Payment | None:
    """One payment, None if there is none."""
    row = await connection.fetchrow(_queries.payment, payment_id)
    return None if row is None else _payment(row)


async def lock(connection: Connection, payment_id: UUID) -> Payment:
    """One payment for this transaction alone; its booking is locked before it."""
    row = await connection.fetchrow(_queries.lock_payment, payment_id)
    assert row is not None, "payments are never deleted"
    return _payment(row)


async def by_intent(connection: Connection, provider: str, intent: str) -> UUID | None:
    """The payment that a provider's object belongs to."""
    found: UUID | None = await connection.fetchval(_queries.payment_by_intent, provider, intent)
    return found


async def known_intents(connection: Connection, provider: str, intents: list[str]) -> set[str]:
    """Those of the provider's ids that belong to payments."""
    rows = await connection.fetch(_queries.known_intents, provider, intents)
    return {row["provider_id"] for row in rows}


async def of_booking(connection: Connection, booking: UUID) -> list[Payment]:
    """All attempts, oldest first."""
    return [_payment(row) for row in await connection.fetch(_queries.payments_of_booking, booking)]


async def mark_requested(connection: Connection, payment_id: UUID, now: int) -> bool:
    """Write down that the provider is about to be asked; False: the attempt is over."""
    return await connection.fetchval(_queries.mark_requested, payment_id, moment(now)) is not None


async def set_intent(connection: Connection, payment_id: UUID, intent: Intent) -> None:
    """Write down what the provider made of it."""
    await connection.execute(
        _queries.set_intent, payment_id, intent.id, intent.client_secret, intent.redirect_url
    )


async def set_status(connection: Connection, payment: Payment, status: PaymentStatus, now: int) -> None:
    """Move a locked payment; IllegalMove where the table does not allow it."""
    next_payment_status(payment.status, status)
    look = now + LOOK_MS if status in LIVE or status == "failed" else None
    await connection.execute(_queries.set_status, payment.id, status, moment(now), _optional(look))


async def set_flag(connection: Connection, payment_id: UUID, flag: str, now: int) -> None:
    """Ask for a person's eye."""
    await connection.execute(_queries.set_flag, payment_id, flag, moment(now))


async def set_unwanted(connection: Connection, payment_id: UUID, now: int) -> None:
    """Decide for good that this money goes back."""
    await connection.execute(_queries.set_unwanted, payment_id, moment(now))


async def check_later(connection: Connection, payment_id: UUID, when: int | None) -> None:
    """When the reconciler looks at it next."""
    await connection.execute(_queries.check_later, payment_id, _optional(when))


async def take_unchecked(connection: Connection, now: int, until: int, limit: int) -> list[UUID]:
    """Payments to look at, given to nobody else before `until`."""
    rows = await connection.fetch(_queries.take_unchecked, moment(now), moment(until), limit)
    return [row["id"] for row in rows]


async def owe_refund(
    connection: Connection, payment: UUID, purpose: str, amount: int, *, reason: str, now: int
) -> None:
    """From here on the buyer is owed this; the same purpose is owed once."""
    await connection.execute(_queries.owe_refund, uuid4(), payment, purpose, amount, reason, moment(now))


async def take_refunds(connection: Connection, now: int, until: int, limit: int) -> list[OwedRefund]:
    """Refunds that are due, given to nobody else before `until`."""
    rows = await connection.fetch(_queries.take_refunds, moment(now), moment(until), limit)
    return [OwedRefund(*row.values()) for row in rows]


async def refund_failed(connection: Connection, refund: UUID, again: int, error: str) -> None:
    """It is tried again at `again`."""
    await connection.execute(_queries.refund_failed, refund, moment(again), error)


async def refund_done(connection: Connection, refund: UUID, provider_id: str, now: int) -> None:
    """The provider has given it back."""
    await connection.execute(_queries.refund_done, refund, provider_id, moment(now))


async def owed_refunds(connection: Connection, payment: UUID) -> int:
    """How many of its refunds are still to be made."""
    return int(await connection.fetchval(_queries.owed_refunds, payment))


async def store_event(connection: Connection, provider: str, event: Event, now: int) -> bool:
    """Keep an event; False if it is here already."""
    found = await connection.fetchval(
        _queries.store_event, provider, event.id, event.kind, event.object_id, event.body, moment(now)
    )
    return found is not None


async def take_events(connection: Connection, now: int, until: int, limit: int) -> list[StoredEvent]:
    """Events to work off, given to nobody else before `until`."""
    rows = await connection.fetch(_queries.take_events, moment(now), moment(until), limit)
    return [StoredEvent(*row.values()) for row in rows]


async def event_done(connection: Connection, event: StoredEvent, now: int) -> None:
    """It is worked off."""
    await connection.execute(_queries.event_done, event.provider, event.id, moment(now))


async def event_failed(
    connection: Connection, event: StoredEvent, error: str, again: int, dead_at: int | None
) -> None:
    """It is tried again at `again`, or kept as a dead letter."""
    await connection.execute(
        _queries.event_failed, event.provider, event.id, error, moment(again), _optional(dead_at)
    )


def _optional(time: int | None) -> datetime | None:
    return None if time is None else moment(time)


def _payment(row: asyncpg.Record) -> Payment:
    requested_at = row["requested_at"]
    return Payment(
        id=row["id"],
        booking=row["booking_id"],
        attempt=row["attempt"],
        provider=row["provider"],
        status=row["status"],
        amount=row["amount"],
        currency=row["currency"],
        created_at=milliseconds(row["created_at"]),
        updated_at=milliseconds(row["updated_at"]),
        extra=row["extra"],
        unwanted=row["unwanted"],
        flag=row["flag"],
        intent=row["provider_id"],
        client_secret=row["client_secret"],
        redirect_url=row["redirect_url"],
        requested_at=None if requested_at is None else milliseconds(requested_at),
    )
