"""What PostgreSQL and the test Stripe say at the end, as plain rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from server.database.pool import Database
from tests.fake_stripe.ledger import Ledger as StripeLedger

STANDING: Final = frozenset({"confirmed", "completed"})


@dataclass(frozen=True, slots=True)
class Line:
    """What a booking has, or had (`state` is `released` then)."""

    resource: str
    slot: str
    quantity: int
    state: str
    hold: str = ""


@dataclass(frozen=True, slots=True)
class Booking:
    """One booking. `expires_at` in ms since the Unix epoch; `session` is whose it is."""

    id: str
    reference: str
    session: str
    status: str
    payment_status: str
    total: int
    currency: str
    expires_at: int
    lines: Sequence[Line] = ()
    reason: str | None = None
    worth: int | None = None
    """What its lines cost, where that is known: less than `total` once it was changed for less."""

    @property
    def stands(self) -> bool:
        """Whether somebody may come and use it."""
        return self.status in STANDING

    @property
    def price(self) -> int:
        """What has to be there for what it has."""
        return self.total if self.worth is None else self.worth


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt; `share` is who pays by it: the booking's id, or that share's first attempt.

    `change` is what it was made for, where it came to its booking by a change.
    """

    id: str
    booking: str
    share: str
    intent: str | None
    status: str
    amount: int
    currency: str
    kept: int = 0
    change: str = ""


@dataclass(frozen=True, slots=True)
class Ledger:
    """All of PostgreSQL's rows that matter; `now` (ms) is when they were read."""

    now: int = 0
    bookings: Mapping[str, Booking] = field(default_factory=dict)
    payments: Sequence[Payment] = ()
    capacities: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Intent:
    """One intent of the test Stripe and where its money is: tests/fake_stripe/ledger.py says what each is."""

    id: str
    booking: str
    payment: str
    currency: str
    amount: int
    status: str
    held: int = 0
    captured: int = 0
    refunded: int = 0
    reversed: int = 0


async def read_ledger(database: Database) -> Ledger:
    """From PostgreSQL, at one moment."""
    async with database.connection() as connection, connection.transaction(isolation="repeatable_read"):
        now = await connection.fetchval("select (extract(epoch from now()) * 1000)::bigint")
        bookings = await connection.fetch(
            """select id::text, reference, session, status, payment_status, total, currency,
                cancel_reason as reason,
                (extract(epoch from expires_at) * 1000)::bigint as expires_at,
                (select sum(unit_price * quantity)::bigint from booking_line l
                    where l.booking_id = booking.id and l.state = 'confirmed') as worth
                from booking"""
        )
        lines = await connection.fetch(
            """select booking_id::text, resource_id, slot_id, quantity, state, hold_id
                from booking_line order by booking_id, position"""
        )
        payments = await connection.fetch(
            """select id::text, booking_id::text as booking,
                coalesce(share, change, booking_id)::text as share,
                coalesce(inner_id, provider_id) as intent, status, amount, currency, kept,
                coalesce(change::text, '') as change from payment"""
        )
        slots = await connection.fetch("select resource_id, id, capacity from slot")
    by_booking: dict[str, list[Line]] = {}
    for row in lines:
        line = Line(row["resource_id"], row["slot_id"], row["quantity"], row["state"], row["hold_id"])
        by_booking.setdefault(row["booking_id"], []).append(line)
    return Ledger(
        now,
        {row["id"]: Booking(**dict(row), lines=by_booking.get(row["id"], ())) for row in bookings},
        [Payment(**dict(row)) for row in payments],
        {(row["resource_id"], row["id"]): row["capacity"] for row in slots},
    )


def read_stripe(ledger: StripeLedger) -> list[Intent]:
    """From the test Stripe in this process."""
    found = []
    for name in ledger:
        entry = ledger[name]
        found.append(
            Intent(
                name,
                entry.metadata.get("booking", ""),
                entry.metadata.get("payment", ""),
                entry.currency,
                entry.amount,
                entry.status,
                held=entry.held,
                captured=entry.captured,
                refunded=entry.refunded,
                reversed=entry.reversed,
            )
        )
    return found
