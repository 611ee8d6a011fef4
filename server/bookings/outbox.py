"""What is to be told of a booking, written down in the transaction in which it happens.

server.notices takes it from there: whoever writes here needs to know nobody who listens.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, get_args
from uuid import UUID, uuid5

import msgspec

from server.bookings.rules import Booking, Line
from server.database.pool import Connection
from server.database.queries import load

NoticeKind = Literal[
    "booking_created",
    "booking_confirmed",
    "booking_cancelled",
    "booking_changed",
    "booking_disputed",
    "payment_succeeded",
    "payment_failed",
    "payment_refunded",
    "hold_expired",
]
KINDS: Final[tuple[NoticeKind, ...]] = get_args(NoticeKind)
OF_MONEY: Final[frozenset[NoticeKind]] = frozenset(
    {"payment_succeeded", "payment_failed", "payment_refunded"}
)
FOR_A_CHANGE: Final = "It was for a change of the booking."
THINGS_AT_MOST: Final = 10
_NAMESPACE: Final = UUID("6f0a8a5c-5f0e-5d0c-9d0b-3f1c2b7a4e11")

_queries = load(__file__, "sql/outbox.sql")


class Thing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something booked, as far as it is told of: places of one slot, or a range of time (RFC 3339)."""

    resource: str
    label: str = ""
    quantity: int = 1
    range: tuple[str, str] | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is told, as it was when it happened. `total` in minor units; `more`: things that are not listed.

    `data` is what the kind has besides. Where a driver is stands nowhere here, nor does any secret.
    """

    owner: str
    user: str | None = None
    reference: str
    customer: dict[str, Any] = {}
    total: int
    currency: str
    things: tuple[Thing, ...] = ()
    more: int = 0
    data: dict[str, Any] = {}


async def tell(
    connection: Connection, kind: NoticeKind, booking: Booking, *, key: str = "", **data: Any
) -> None:
    """Have the booking's people told, if this transaction commits; `booking` as it is after the change.

    Once for each `key`: without one, for each kind and version of the booking, so that telling twice in one
    transaction is once. What `data` may have: `amount` (minor units: of what was paid, failed or went back),
    `actions` (what its owner may do: "confirm", "cancel") and `respond_by` (until when, ms), `by` (the side
    that acted: "buyer", "owner", "time"), `was` (what a change replaced: a list of labels), `note` (a
    sentence), `was_user` or `was_email` (who had it before a transfer, and is told too).
    """
    told = event_of(kind, booking, key=key, **data)
    if told is not None:
        event, _, facts = told
        await connection.execute(_queries.tell, event, kind, told_as(booking), facts)


def event_of(
    kind: NoticeKind, booking: Booking, *, key: str = "", **data: Any
) -> tuple[UUID, NoticeKind, Facts] | None:
    """What `tell` would write, for whoever writes it along with something else; None: nobody is told.

    A change is told of once it is made; but whenever money moves for it, its booking's people hear of that.
    """
    if booking.change_of is not None:
        if kind not in OF_MONEY:
            return None
        data = {"note": FOR_A_CHANGE} | data
    return event_id(kind, str(told_as(booking)), key or str(booking.version)), kind, facts_of(booking, data)


def told_as(booking: Booking) -> UUID:
    """The id of the booking that people know: of a change, the one that is changed."""
    return booking.change_of or booking.id


async def tell_each(
    connection: Connection, kind: NoticeKind, bookings: Sequence[Booking], **data: Any
) -> None:
    """The same of several bookings."""
    told = [(told_as(booking), event_of(kind, booking, **data)) for booking in bookings]
    await _write(connection, [(each[0], kind, name, each[2]) for name, each in told if each is not None])


async def tell_of_carts(connection: Connection, carts: Sequence[tuple[str, Facts]]) -> int:
    """Have signed-in buyers told that their carts ended; once for each name. Answers how many were new."""
    kind: NoticeKind = "hold_expired"
    return await _write(connection, [(event_id(kind, name), kind, None, facts) for name, facts in carts])


def event_id(*words: str) -> UUID:
    """The same for the same happening, wherever and however often it is asked for."""
    return uuid5(_NAMESPACE, "\n".join(words))


def facts_of(booking: Booking, data: dict[str, Any]) -> Facts:
    """What is told of a booking. Pure."""
    things = _things(booking.lines)
    return Facts(
        owner=booking.owner,
        user=booking.user,
        reference=booking.reference.partition(".")[0],  # behind it is what only a change's has
        customer={name: booking.customer.get(name) for name in ("name", "email", "phone")},
        total=booking.total,
        currency=booking.currency,
        things=tuple(things[:THINGS_AT_MOST]),
        more=max(len(things) - THINGS_AT_MOST, 0),
        data=data,
    )


def _things(lines: Sequence[Line]) -> list[Thing]:
    """A range of time is one thing, of however many steps."""
    found: dict[object, Thing] = {}
    for line in lines:
        key = line.hold if line.range else line.position
        if key not in found:
            quantity = 1 if line.range else line.quantity
            found[key] = Thing(resource=line.resource, label=line.label, quantity=quantity, range=line.range)
    return list(found.values())


async def _write(connection: Connection, rows: Sequence[tuple[UUID, NoticeKind, UUID | None, Facts]]) -> int:
    written = await connection.fetch(
        _queries.tell_all,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [row[3] for row in rows],
    )
    return len(written)
