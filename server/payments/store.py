"""Payments in PostgreSQL; the queries stand in sql/queries.sql."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from server.bookings.rules import Booking, PaymentStatus
from server.bookings.store import booking_of, moment
from server.database.pool import Connection
from server.database.queries import load
from server.payments.provider import Intent
from server.payments.rules import LOOK_MS, Payment, look_after
from server.times import milliseconds

_queries = load(__file__, "sql/queries.sql")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a provider's object that belongs to a payment."""

    payment: UUID
    status: PaymentStatus
    refunded: int


async def insert(connection: Connection, payment: Payment) -> bool:
    """A new attempt, its number the booking's next; False if its share has a live one or it is known."""
    found = await connection.fetchval(
        _queries.insert_payment,
        payment.id,
        payment.booking,
        payment.extra,
        payment.share,
        payment.provider,
        payment.intent,
        payment.amount,
        payment.currency,
        _optional(payment.requested_at),
        moment(payment.created_at),
        moment(payment.created_at + LOOK_MS),
    )
    return found is not None


async def insert_first(connection: Connection, payments: Sequence[Payment]) -> None:
    """The first attempts of bookings that are made in the same transaction."""
    await connection.execute(
        _queries.insert_first,
        [payment.id for payment in payments],
        [payment.booking for payment in payments],
        [payment.provider for payment in payments],
        [payment.amount for payment in payments],
        [payment.currency for payment in payments],
        [_optional(payment.requested_at) for payment in payments],
        [moment(payment.created_at) for payment in payments],
        [_optional(payment.check_at) for payment in payments],
    )


async def read(connection: Connection, payment_id: UUID) -> Payment | None:
    """One payment, None if there is none."""
    row = await connection.fetchrow(_queries.payment, payment_id)
    return None if row is None else _payment(row)


async def read_with_bookings(
    connection: Connection, payments: Sequence[UUID]
) -> list[tuple[Payment, Booking] | None]:
    """Each with its booking, in their order; None for one there is none of."""
    rows = await connection.fetch(_queries.payments_with_bookings, list(set(payments)))
    found = {row["p_id"]: (_payment(row, "p_"), booking_of(row)) for row in rows}
    return [found.get(name) for name in payments]


async def read_with_buyers(
    connection: Connection, payments: Sequence[UUID]
) -> list[tuple[Payment, str, str | None] | None]:
    """Each with the session and the user that booked, in their order; None for one there is none of."""
    rows = await connection.fetch(_queries.payments_with_buyers, list(set(payments)))
    found = {row["id"]: (_payment(row), row["buyers_session"], row["buyers_user"]) for row in rows}
    return [found.get(name) for name in payments]


async def lock(connection: Connection, payment_id: UUID) -> Payment:
    """One payment for this transaction alone; its booking is locked before it."""
    row = await connection.fetchrow(_queries.lock_payment, payment_id)
    assert row is not None, "payments are never deleted"
    return _payment(row)


async def lock_with_bookings(
    connection: Connection, payments: Sequence[UUID]
) -> dict[UUID, tuple[Payment, Booking, Mapping[str, str]]]:
    """Payments with their bookings and those resources' epochs, for this transaction alone.

    A payment is left out where another transaction has its booking locked, or a resource of that alone.
    """
    rows = await connection.fetch(_queries.lock_payments, list(set(payments)))
    return {row["p_id"]: (_payment(row, "p_"), booking_of(row), row["epochs"] or {}) for row in rows}


async def by_intent(connection: Connection, provider: str, intent: str) -> UUID | None:
    """The payment that a provider's object belongs to."""
    found: UUID | None = await connection.fetchval(_queries.payment_by_intent, provider, intent)
    return found


async def by_intents(
    connection: Connection, asked: Sequence[tuple[str, str]]
) -> list[tuple[Payment, Booking] | None]:
    """The payments that some (provider, object) belong to, each with its booking, in their order."""
    rows = await connection.fetch(
        _queries.payments_by_intents, [each[0] for each in asked], [each[1] for each in asked]
    )
    found = {row["place"]: (_payment(row, "p_"), booking_of(row)) for row in rows}
    return [found.get(place) for place in range(1, len(asked) + 1)]


async def known_intents(connection: Connection, provider: str, intents: list[str]) -> dict[str, Known]:
    """Those of the provider's ids that belong to payments."""
    rows = await connection.fetch(_queries.known_intents, provider, intents)
    return {
        name: Known(row["id"], row["status"], row["refunded"])
        for row in rows
        for name in (row["provider_id"], row["inner_id"])
        if name is not None
    }


async def of_booking(connection: Connection, booking: UUID) -> list[Payment]:
    """All attempts, oldest first; without what only a payment read alone has (outstanding, rivalled)."""
    return [_payment(row) for row in await connection.fetch(_queries.payments_of_booking, booking)]


async def mark_requested(connection: Connection, payments: Sequence[UUID], now: int) -> dict[UUID, bool]:
    """Write down, of attempts that are not over, that their provider is about to be asked.

    Answers of each whether it was not over; without those that another transaction has locked.
    """
    rows = await connection.fetch(_queries.mark_requested, list(set(payments)), moment(now))
    return {row["id"]: row["is_live"] for row in rows}


async def mark_one_requested(connection: Connection, payment_id: UUID, now: int) -> bool:
    """The same of one that is waited for."""
    return await connection.fetchval(_queries.mark_one_requested, payment_id, moment(now)) is not None


async def set_intents(connection: Connection, made: Sequence[tuple[UUID, Intent]]) -> set[UUID]:
    """Write down what the provider made of payments; of one that is there twice, the latest.

    Answers those that nobody else has.
    """
    latest = [_made(*each) for each in dict(made).items()]
    columns = [list(column) for column in zip(*latest, strict=True)]
    return {row["id"] for row in await connection.fetch(_queries.set_intents, *columns)}


async def set_intent(connection: Connection, payment_id: UUID, intent: Intent) -> None:
    """The same of one that is waited for."""
    await connection.execute(_queries.set_intent, *_made(payment_id, intent))


async def set_inner(connection: Connection, payment_id: UUID, inner: str) -> None:
    """Write down the payment's own id at its provider, unless another row has it."""
    await connection.execute(_queries.set_inner, payment_id, inner)


async def set_status(
    connection: Connection,
    payment_id: UUID,
    status: PaymentStatus,
    now: int,
    *,
    accepted: bool = False,
    refunded: int | None = None,
) -> None:
    """Move a locked payment to where it may go; `refunded` is what went back by now."""
    look = look_after(status, now)
    await connection.execute(
        _queries.set_status, payment_id, status, moment(now), _optional(look), accepted, refunded
    )


async def set_statuses(connection: Connection, payments: Sequence[Payment], now: int) -> None:
    """Write down how locked payments stand, accepted or not, and when each is looked at next."""
    await connection.execute(
        _queries.set_statuses,
        [payment.id for payment in payments],
        [payment.status for payment in payments],
        moment(now),
        [_optional(payment.check_at) for payment in payments],
        [payment.accepted for payment in payments],
    )


async def accept_secured(connection: Connection, booking: UUID, now: int) -> dict[UUID, PaymentStatus]:
    """A booking is confirmed by all its payments whose money is there; answers them."""
    rows = await connection.fetch(_queries.accept_secured, booking, moment(now))
    return {row["id"]: row["status"] for row in rows}


async def unwant_all(connection: Connection, booking: UUID, now: int) -> list[UUID]:
    """All of a booking's money goes back; answers the payments that have any."""
    return [row["id"] for row in await connection.fetch(_queries.unwant_all, booking, moment(now))]


async def bring_over(connection: Connection, change: UUID, booking: UUID) -> None:
    """What a change was confirmed by is its booking's from now on; both are locked."""
    await connection.execute(_queries.bring_over, change, booking)


async def fail_pending(connection: Connection, booking: UUID, now: int) -> None:
    """Nobody can pay by any of a booking's attempts any more."""
    await connection.execute(_queries.fail_pending, booking, moment(now), moment(now + LOOK_MS))


async def withdraw(connection: Connection, booking: UUID, share: UUID, now: int) -> None:
    """Nobody may pay a share any more."""
    await connection.execute(_queries.withdraw, booking, share, moment(now))


async def stopping(connection: Connection, payment_id: UUID, until: int) -> None:
    """Say that it is being stopped at its provider, so long at most."""
    await connection.execute(_queries.stopping, payment_id, moment(until))


async def stopped(connection: Connection, payment_id: UUID, until: int, cancelled_at: int | None) -> None:
    """Its provider has answered whoever said `until`; once it is cancelled, what was heard before is void."""
    await connection.execute(_queries.stopped, payment_id, moment(until), _optional(cancelled_at))


async def close(connection: Connection, payment_id: UUID) -> None:
    """Write down that its provider will never be paid by it."""
    await connection.execute(_queries.close, payment_id)


async def set_flag(connection: Connection, payment_id: UUID, flag: str, now: int) -> None:
    """Ask for a person's eye."""
    await connection.execute(_queries.set_flag, payment_id, flag, moment(now))


async def set_unwanted(connection: Connection, payment_id: UUID, now: int) -> None:
    """Decide for good that this money goes back."""
    await connection.execute(_queries.set_unwanted, payment_id, moment(now))


async def keep(connection: Connection, payment_id: UUID, amount: int) -> None:
    """So much of it stays, whatever else goes back."""
    await connection.execute(_queries.keep, payment_id, amount)


async def check_later(connection: Connection, payment: Payment, when: int | None) -> None:
    """When the reconciler looks at it next, unless it changed since it was read."""
    await connection.execute(
        _queries.check_later, payment.id, _optional(when), payment.status, payment.unwanted
    )


async def check_now(connection: Connection, payments: list[UUID], now: int) -> None:
    """Have the reconciler look at these at once, however long it takes until one does."""
    await connection.execute(_queries.check_now, payments, moment(now))


async def take_unchecked(connection: Connection, now: int, until: int, limit: int) -> list[UUID]:
    """Payments to look at, given to nobody else before `until`."""
    rows = await connection.fetch(_queries.take_unchecked, moment(now), moment(until), limit)
    return [row["id"] for row in rows]


def _made(payment_id: UUID, intent: Intent) -> tuple[Any, ...]:
    return payment_id, intent.id, intent.client_secret, intent.redirect_url, intent.inner


def _optional(time: int | None) -> datetime | None:
    return None if time is None else moment(time)


def _since(value: datetime | None) -> int | None:
    return None if value is None else milliseconds(value)


def _payment(row: asyncpg.Record, prefix: str = "") -> Payment:
    requested_at, stopping_until, check_at = (
        row[f"{prefix}requested_at"],
        row[f"{prefix}stopping_until"],
        row[f"{prefix}check_at"],
    )
    return Payment(
        id=row[f"{prefix}id"],
        booking=row[f"{prefix}booking_id"],
        attempt=row[f"{prefix}attempt"],
        provider=row[f"{prefix}provider"],
        status=row[f"{prefix}status"],
        amount=row[f"{prefix}amount"],
        currency=row[f"{prefix}currency"],
        created_at=milliseconds(row[f"{prefix}created_at"]),
        updated_at=milliseconds(row[f"{prefix}updated_at"]),
        share=row[f"{prefix}share"],
        extra=row[f"{prefix}extra"],
        accepted=row[f"{prefix}accepted"],
        unwanted=row[f"{prefix}unwanted"],
        withdrawn=row[f"{prefix}withdrawn"],
        flag=row[f"{prefix}flag"],
        intent=row[f"{prefix}provider_id"],
        inner=row[f"{prefix}inner_id"],
        client_secret=row[f"{prefix}client_secret"],
        redirect_url=row[f"{prefix}redirect_url"],
        requested_at=_since(requested_at),
        refunded=row[f"{prefix}refunded"],
        outstanding=row[f"{prefix}outstanding"],
        rivalled=row[f"{prefix}rivalled"],
        closed=row[f"{prefix}closed"],
        kept=row[f"{prefix}kept"],
        change=row[f"{prefix}change"],
        check_at=_since(check_at),
        stopping_until=_since(stopping_until),
    )
