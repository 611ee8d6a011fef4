"""Bookings and their lines in PostgreSQL; the queries stand in sql/queries.sql."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.accounts.rules import Caller
from server.bookings.listing import Wanted
from server.bookings.rules import Booking, Line, LineState, RefundPolicies
from server.database.plans import planned_by_arguments
from server.database.pool import Connection
from server.database.queries import load
from server.times import milliseconds

_queries = load(__file__, "sql/queries.sql")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# So long many wait for one of them: a transaction takes some milliseconds, unless its process was stopped.
PATIENCE_MS: Final = 200

Pair = tuple[str, int]
Told = tuple[UUID, str, Any]
"""An event of the outbox: its id, its kind, its facts."""


@dataclass(frozen=True, slots=True)
class SlotRow:
    """A slot as PostgreSQL has it; `taken` counts pending and confirmed lines."""

    resource: str
    index: int
    id: str
    label: str
    capacity: int
    taken: int
    blocked: bool

    def has_room(self, quantity: int) -> bool:
        """Whether so much more of it can be sold."""
        return not self.blocked and self.taken + quantity <= self.capacity


def moment(time: int) -> datetime:
    """Milliseconds since the Unix epoch as PostgreSQL takes them."""
    return _EPOCH + timedelta(milliseconds=time)


async def lock_resources(connection: Connection, resources: Sequence[str]) -> dict[str, str]:
    """Keep Redis from being rebuilt meanwhile; answers their epochs."""
    return {row["id"]: row["epoch"] for row in await connection.fetch(_queries.lock_resources, resources)}


async def epochs(connection: Connection, resources: Sequence[str]) -> dict[str, str]:
    """The epochs just now of those resources that were not deleted."""
    return {row["id"]: row["epoch"] for row in await connection.fetch(_queries.epochs, resources)}


async def slots(connection: Connection, pairs: Iterable[Pair], *, lock: bool) -> dict[Pair, SlotRow]:
    """The slots of (resource, index) pairs, locked in order if asked."""
    wanted = sorted(set(pairs))
    query = _queries.lock_slots if lock else _queries.read_slots
    rows = await connection.fetch(query, [pair[0] for pair in wanted], [pair[1] for pair in wanted])
    return _slots(rows)


async def add_to_taken(connection: Connection, lines: Sequence[Line], sign: int) -> None:
    """Count the lines into their slots (sign 1) or out of them (-1)."""
    await connection.execute(
        _queries.add_to_taken,
        [line.resource for line in lines],
        [line.index for line in lines],
        [sign * line.quantity for line in lines],
    )


async def open_with_places(connection: Connection, booking: Booking) -> dict[Pair, SlotRow]:
    """A new pending booking with its lines and what they take; answers its slots as they were.

    Where one has no room nothing of it stands but the booking's own row, and the caller rolls back. Raises
    asyncpg's UniqueViolationError if its cart has one.
    """
    rows = await connection.fetch(
        _queries.open_booking, *_columns(booking), booking.resources, *_line_columns(booking.lines)
    )
    return _slots(rows)


async def open_all_with_places(
    connection: Connection, bookings: Sequence[Booking]
) -> tuple[dict[UUID, dict[Pair, SlotRow]], bool]:
    """What `open_with_places` does, of several: each one's slots as they were, and whether all had room.

    A booking is left out where another transaction has one of its resources for itself: the others do not
    wait on its account. For the rest of the transaction no lock is waited for longer than PATIENCE_MS: then
    asyncpg raises LockNotAvailableError.
    """
    new = msgspec.json.encode([_new(booking) for booking in bookings]).decode()
    found: dict[UUID, dict[Pair, SlotRow]] = {}
    is_room = True
    for booking, room, *slot in await connection.fetch(_queries.open_bookings, new, str(PATIENCE_MS)):
        row = SlotRow(*slot)
        found.setdefault(booking, {})[row.resource, row.index] = row
        is_room = room
    return found, is_room


async def insert(connection: Connection, booking: Booking) -> None:
    """A new pending booking, without its lines; asyncpg's UniqueViolationError if its cart has one."""
    await connection.execute(_queries.insert_booking, *_columns(booking))


async def insert_lines(connection: Connection, booking: Booking) -> None:
    """The booking's lines, pending."""
    await connection.execute(_queries.insert_lines, booking.id, *_line_columns(booking.lines))


async def read(connection: Connection, booking_id: UUID) -> Booking | None:
    """One booking, None if there is none."""
    found = await read_all(connection, [booking_id])
    return found[0] if found else None


async def adopt(connection: Connection, session: str, user: str, now: int) -> list[UUID]:
    """What a session booked as nobody is the user's; answers its ids, newest first.

    One after the other, each by itself: nobody who has several bookings locked is waited for in a circle.
    """
    found = await connection.fetch(_queries.nobodys_of_session, session, user)
    done = [await connection.fetchval(_queries.adopt, row["id"], session, user, moment(now)) for row in found]
    return [booking_id for booking_id in done if booking_id is not None]


async def read_all(connection: Connection, ids: Sequence[UUID]) -> list[Booking]:
    """Bookings with their lines, newest first."""
    return [booking_of(row) for row in await connection.fetch(_queries.bookings, ids)] if ids else []


async def lock(connection: Connection, booking_id: UUID) -> Booking | None:
    """One booking for this transaction alone, as it is once the lock is had."""
    row = await connection.fetchrow(_queries.lock_booking, booking_id)
    return None if row is None else booking_of(row)


async def lock_with_resources(connection: Connection, booking_id: UUID) -> Booking | None:
    """What `lock` does, for a change of lines: the booking's resources are locked before it, as sharers."""
    row = await connection.fetchrow(_queries.lock_booking_with_resources, booking_id)
    return None if row is None else booking_of(row)


async def lock_to_apply(
    connection: Connection, ids: Sequence[UUID], *, wait: bool
) -> list[tuple[Booking, dict[str, str]]]:
    """Bookings for this transaction alone, each with its resources' epochs just then.

    With `wait` it is the first alone, and its lock is waited for; else those that another transaction has
    locked are left out, so that no two transactions wait for each other.
    """
    rows = await (
        connection.fetch(_queries.lock_booking, ids[0])
        if wait
        else connection.fetch(_queries.lock_bookings, ids)
    )
    return [(booking_of(row), row["epochs"] or {}) for row in rows]


async def live_by_reference(connection: Connection, reference: str) -> UUID | None:
    """The booking of a cart that is not cancelled."""
    found: UUID | None = await connection.fetchval(_queries.live_by_reference, reference)
    return found


async def pending_of(connection: Connection, caller: Caller) -> UUID | None:
    """The latest pending booking of the caller's session that is no other user's."""
    found: UUID | None = await connection.fetchval(_queries.pending_of_session, caller.session, caller.user)
    return found


async def user_of_session(connection: Connection, session: str) -> str | None:
    """The user whose session it is, as far as its bookings say so."""
    found: str | None = await connection.fetchval(_queries.user_of_session, session)
    return found


async def page(connection: Connection, caller: Caller, wanted: Wanted) -> list[tuple[UUID, int]]:
    """(id, position) of the caller's bookings and of those on the caller's resources, newest first.

    One more than the page has, if there is one.
    """
    buys, owns = wanted.role != "owner", wanted.role != "buyer"
    async with planned_by_arguments(connection):
        rows = await connection.fetch(
            _queries.page,
            caller.session if buys else "",
            caller.user if buys else None,
            caller.user if owns else None,
            wanted.below,
            wanted.limit + 1,
            wanted.statuses,
            wanted.payment_statuses,
            wanted.approvals,
            wanted.resource,
            _optional(wanted.since),
            _optional(wanted.until),
            wanted.text,
        )
    return [(row["id"], row["position"]) for row in rows]


async def write_details(connection: Connection, booking: Booking, now: int) -> None:
    """What its buyer says of a locked booking; raises its version."""
    await connection.execute(
        _queries.write_details,
        booking.id,
        booking.attendees,
        booking.special_requests,
        booking.driver_location,
        moment(now),
    )


async def update(connection: Connection, booking: Booking, now: int) -> None:
    """Write a booking's changed states; raises its version."""
    await connection.execute(_queries.update_booking, *_changes(booking, now))


async def confirm(connection: Connection, booking: Booking, now: int, told: Told | None) -> None:
    """Write a booking that is confirmed, its lines with it, and what its people are told."""
    event, kind, facts = told or (None, None, None)
    await connection.execute(_queries.confirm_booking, *_changes(booking, now), event, kind, facts)


async def write_paid(
    connection: Connection,
    bookings: Sequence[Booking],
    told: Sequence[tuple[UUID, Told]],
    known: Sequence[UUID],
    now: int,
) -> None:
    """Write the money of locked bookings that were confirmed, or are confirmed by this.

    `told` are events, each with its booking's id; `known` the ids of bookings that are applied already.
    """
    await connection.execute(
        _queries.write_paid,
        [booking.id for booking in bookings],
        [booking.payment_status for booking in bookings],
        [_optional(booking.confirmed_at) for booking in bookings],
        [booking.confirmed_by for booking in bookings],
        moment(now),
        [event for _, (event, _, _) in told],
        [kind for _, (_, kind, _) in told],
        [name for name, _ in told],
        [facts for _, (_, _, facts) in told],
        known,
    )


async def touch(connection: Connection, booking_id: UUID, now: int) -> None:
    """Raise its version: it is to be applied and told anew."""
    await connection.execute(_queries.touch_booking, booking_id, moment(now))


async def extend(connection: Connection, booking_id: UUID, until: int, now: int) -> None:
    """Move a locked booking's deadline; Redis and the listeners are to be told."""
    await connection.execute(_queries.extend, booking_id, moment(until), moment(now))


async def set_deadline(connection: Connection, booking_id: UUID, until: int) -> None:
    """Give a locked booking another deadline; nobody's hold moves with it."""
    await connection.execute(_queries.set_deadline, booking_id, moment(until))


async def update_lines(connection: Connection, booking_id: UUID, state: LineState) -> None:
    """Bring all its lines to one state."""
    await connection.execute(_queries.update_lines, booking_id, state)


async def forget_applied(connection: Connection, booking_id: UUID) -> None:
    """From here on nobody can say what Redis has of it."""
    await connection.execute(_queries.forget_applied, booking_id)


async def mark_applied(connection: Connection, done: Sequence[tuple[Booking, Sequence[Line]]]) -> None:
    """Redis and the listeners know these versions, and Redis has these of their lines as they are."""
    lines = [(booking.id, line) for booking, behind in done for line in behind]
    await connection.execute(
        _queries.mark_applied,
        [booking.id for booking, _ in done],
        [booking.version for booking, _ in done],
        [name for name, _ in lines],
        [line.position for _, line in lines],
        [line.state for _, line in lines],
    )


async def unapplied(
    connection: Connection, touched_before: int, limit: int, passed_over: int = 0
) -> list[UUID]:
    """Bookings whose last change is from before `touched_before` and was not applied, the oldest first.

    The first `passed_over` of them are left out.
    """
    rows = await connection.fetch(_queries.unapplied, moment(touched_before), passed_over + limit)
    return [row["id"] for row in rows[passed_over:]]


async def take_due(connection: Connection, now: int, until: int, limit: int) -> list[UUID]:
    """Pending bookings whose release is due; nobody else is given them before `until`."""
    rows = await connection.fetch(_queries.due, moment(now), moment(until), limit)
    return [row["id"] for row in rows]


async def ended(connection: Connection, now: int, limit: int, passed_over: int = 0) -> list[Booking]:
    """Confirmed bookings that are over and whose money is there, without the `passed_over` oldest."""
    rows = await connection.fetch(_queries.ended, moment(now), passed_over + limit)
    return await read_all(connection, [row["id"] for row in rows[passed_over:]])


async def update_times(
    connection: Connection, booking_id: UUID, starts_at: int | None, ends_at: int | None
) -> None:
    """Write down when a locked booking takes place."""
    await connection.execute(_queries.update_times, booking_id, _optional(starts_at), _optional(ends_at))


async def next_due(connection: Connection) -> int | None:
    """When the next release is due."""
    found = await connection.fetchval(_queries.next_due)
    return None if found is None else milliseconds(found)


async def postpone_release(connection: Connection, booking_id: UUID, until: int) -> None:
    """Try its release again at `until`."""
    await connection.execute(_queries.postpone_release, booking_id, moment(until))


async def bump_epoch(connection: Connection, resource: str, epoch: str, since: int) -> tuple[int, int] | None:
    """Give the resource a new epoch, alone with it until the transaction ends.

    Answers its layout, and the first index that matters: a grid's step at `since` (ms), else 0.
    """
    if await connection.fetchval(_queries.lock_resource_alone, resource) is None:
        return None
    row = await connection.fetchrow(_queries.bump_epoch, resource, epoch, moment(since))
    assert row is not None, "the row is locked"
    return row["layout"], row["first"]


async def confirmed_counts(connection: Connection, resource: str, first: int) -> dict[int, int]:
    """How much of each slot from `first` on is confirmed; slots with nothing are left out."""
    rows = await connection.fetch(_queries.confirmed_counts, resource, first)
    return {row["index"]: row["quantity"] for row in rows}


async def pending_bookings(connection: Connection, resource: str) -> list[Booking]:
    """The bookings with pending lines in the resource."""
    rows = await connection.fetch(_queries.pending_bookings, resource)
    return await read_all(connection, [row["id"] for row in rows])


async def unheard_holds(connection: Connection, resource: str, since: int, first: int) -> list[str]:
    """Confirmed holds that Redis was not told of; from the index `first` on also those touched since then."""
    rows = await connection.fetch(_queries.unheard_holds, resource, moment(since), first)
    return [row["hold_id"] for row in rows]


async def given_up_holds(connection: Connection, resource: str) -> list[str]:
    """`booking:hold` of what is released here and of which Redis has not been told."""
    rows = await connection.fetch(_queries.given_up_holds, resource)
    return [f"{row['booking_id']}:{row['hold_id']}" for row in rows]


async def returned_holds(connection: Connection, resource: str) -> list[str]:
    """Holds that go back to their cart, of which Redis has not been told."""
    rows = await connection.fetch(_queries.returned_holds, resource)
    return [row["hold_id"] for row in rows]


async def mark_resource_lines(connection: Connection, resource: str) -> None:
    """Redis is about to be written from the resource's lines."""
    await connection.execute(_queries.mark_resource_lines, resource)


def _optional(time: int | None) -> datetime | None:
    return None if time is None else moment(time)


def _since(value: datetime | None) -> int | None:
    return None if value is None else milliseconds(value)


def _slots(rows: Iterable[asyncpg.Record]) -> dict[Pair, SlotRow]:
    return {(row["resource_id"], row["index"]): SlotRow(*row.values()) for row in rows}


def _columns(booking: Booking) -> tuple[Any, ...]:
    """A new booking's own, as both queries that insert one take them."""
    return (
        booking.id,
        booking.reference,
        booking.session,
        booking.user,
        booking.owner,
        booking.currency,
        booking.total,
        booking.customer,
        booking.attendees,
        booking.special_requests,
        booking.driver_location,
        moment(booking.created_at),
        moment(booking.expires_at),
        booking.base_currency,
        booking.rate,
        _optional(booking.quoted_at),
        _optional(booking.starts_at),
        _optional(booking.ends_at),
        booking.refund_policies,
    )


def _new(booking: Booking) -> dict[str, Any]:
    """A new booking as `open_bookings` reads it."""
    return {
        "id": booking.id,
        "reference": booking.reference,
        "session": booking.session,
        "user_id": booking.user,
        "owner": booking.owner,
        "currency": booking.currency,
        "total": booking.total,
        "customer": booking.customer,
        "attendees": booking.attendees,
        "special_requests": booking.special_requests,
        "driver_location": booking.driver_location,
        "created_at": moment(booking.created_at),
        "expires_at": moment(booking.expires_at),
        "base_currency": booking.base_currency,
        "rate": booking.rate,
        "quoted_at": _optional(booking.quoted_at),
        "starts_at": _optional(booking.starts_at),
        "ends_at": _optional(booking.ends_at),
        "refund_policies": booking.refund_policies,
        "lines": booking.lines,
    }


def _line_columns(lines: Sequence[Line]) -> tuple[list[Any], ...]:
    return (
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
        [line.base_price for line in lines],
    )


def _changes(booking: Booking, now: int) -> tuple[Any, ...]:
    """The whole of what changes in a booking's life."""
    return (
        booking.id,
        booking.status,
        booking.payment_status,
        _optional(booking.confirmed_at),
        booking.confirmed_by,
        _optional(booking.cancelled_at),
        booking.cancel_reason,
        moment(now),
        booking.approval,
    )


def booking_of(row: asyncpg.Record) -> Booking:
    """The booking in a row that has all columns of whole_booking."""
    return Booking(
        id=row["id"],
        reference=row["reference"],
        session=row["session"],
        user=row["user_id"],
        owner=row["owner"],
        status=row["status"],
        payment_status=row["payment_status"],
        currency=row["currency"],
        total=row["total"],
        customer=row["customer"],
        attendees=tuple(row["attendees"]),
        special_requests=row["special_requests"],
        driver_location=row["driver_location"],
        created_at=milliseconds(row["created_at"]),
        expires_at=milliseconds(row["expires_at"]),
        confirmed_at=_since(row["confirmed_at"]),
        confirmed_by=row["confirmed_by"],
        cancelled_at=_since(row["cancelled_at"]),
        cancel_reason=row["cancel_reason"],
        approval=row["approval"],
        change=row["change"],
        change_of=row["change_of"],
        payment=row["payment"],
        secured=row["secured"],
        refunded=row["refunded"],
        extend_until=milliseconds(row["extend_until"]),
        base_currency=row["base_currency"],
        rate=row["rate"],
        quoted_at=_since(row["quoted_at"]),
        starts_at=_since(row["starts_at"]),
        ends_at=_since(row["ends_at"]),
        refund_policies=msgspec.convert(row["refund_policies"], RefundPolicies | None),
        refund_start=_since(row["refund_start"]),
        version=row["version"],
        applied_version=row["applied_version"],
        lines=msgspec.convert(row["lines"] or [], tuple[Line, ...]),
    )
