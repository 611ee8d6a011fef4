"""Bookings as values, and the table of what may follow what. Pure: time is an argument, in milliseconds."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from server.accounts.rules import Caller
from server.holds.rules import Cart, HeldItem, Hold
from server.inventory.rules import RefundTier

BookingStatus = Literal["pending", "confirmed", "cancelled", "completed"]
PaymentStatus = Literal[
    "pending", "authorized", "paid", "failed", "refunded", "partially_refunded", "disputed"
]
LineState = Literal["pending", "confirmed", "released"]
# awaited: all of its money is there, its places are taken for good, and its owner has not spoken · granted:
# the owner wants it; it is confirmed once the money says so · declined · lapsed: nobody answered in time ·
# withdrawn: its buyer, or its money, was gone before the owner spoke.
Approval = Literal["awaited", "granted", "declined", "lapsed", "withdrawn"]
# Resource → the tiers of its policy; None: it has no policy.
RefundPolicies = dict[str, tuple[RefundTier, ...] | None]
# expired: the deadline came · returned: cancelled, the holds went back to the cart · released: cancelled,
# the holds were given up · hold_expired: a hold had ended before it was begun · refunded: cancelled after
# it was confirmed · payment_failed: confirmed, and then the authorised money could not be taken · disputed:
# the buyer's bank asked for the money back, and the resource's policy gives the places up for that ·
# by_buyer, by_owner: cancelled when its places were taken for good · declined, unanswered: its owner did not
# approve it · changed: a change that was made, and so has become the booking that it changed.
CancelReason = Literal[
    "expired",
    "returned",
    "released",
    "hold_expired",
    "refunded",
    "payment_failed",
    "disputed",
    "by_buyer",
    "by_owner",
    "declined",
    "unanswered",
    "changed",
]

# A late payment may confirm a booking that was cancelled because it expired: see may_revive.
BOOKING_MOVES: Final[Mapping[BookingStatus, frozenset[BookingStatus]]] = {
    "pending": frozenset({"confirmed", "cancelled"}),
    "confirmed": frozenset({"cancelled", "completed"}),
    "cancelled": frozenset(),
    "completed": frozenset(),
}

# `failed` is where an attempt ends that took nothing, until it turns out that it did; a dispute that is won
# leaves the payment as it was.
PAYMENT_MOVES: Final[Mapping[PaymentStatus, frozenset[PaymentStatus]]] = {
    "pending": frozenset({"authorized", "paid", "failed"}),
    "authorized": frozenset({"paid", "failed"}),
    "failed": frozenset({"authorized", "paid"}),
    "paid": frozenset({"refunded", "partially_refunded", "disputed"}),
    "partially_refunded": frozenset({"refunded", "disputed"}),
    "disputed": frozenset({"paid", "refunded", "partially_refunded"}),
    "refunded": frozenset(),
}

# None: nobody has asked an owner, or nobody will.
APPROVAL_MOVES: Final[Mapping[Approval | None, frozenset[Approval]]] = {
    None: frozenset({"awaited"}),
    "awaited": frozenset({"granted", "declined", "lapsed", "withdrawn"}),
    "granted": frozenset(),
    "declined": frozenset(),
    "lapsed": frozenset(),
    "withdrawn": frozenset(),
}

LINE_MOVES: Final[Mapping[LineState, frozenset[LineState]]] = {
    "pending": frozenset({"confirmed", "released"}),
    "confirmed": frozenset({"released"}),
    "released": frozenset({"confirmed"}),  # by may_revive alone
}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A quantity of one slot that is booked. Prices are of one, in minor units."""

    position: int
    resource: str
    index: int
    slot: str
    label: str
    quantity: int
    price: int
    """What one cost when it was held, or what it was quoted at."""

    hold: str
    range: tuple[str, str] | None = None
    """The range of time that its hold took, of which the slot is a step."""

    state: LineState = "pending"
    applied: LineState | None = None
    """The state that Redis was last told of; None: nothing yet, or nobody knows how far that came."""

    base_price: int | None = None
    """What one cost when it was held, where it was quoted in another currency."""

    @property
    def held_at(self) -> int:
        """The price of one when it was held, in the currency of its cart."""
        return self.price if self.base_price is None else self.base_price


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """A booking with its lines. Times in milliseconds, amounts in minor units."""

    id: UUID
    reference: str
    session: str
    user: str | None
    owner: str
    status: BookingStatus
    payment_status: PaymentStatus
    currency: str
    total: int
    customer: dict[str, Any]
    created_at: int
    expires_at: int
    """When it ends unless it is paid; while its owner's approval is awaited, when silence declines it."""

    lines: tuple[Line, ...]
    attendees: tuple[dict[str, Any], ...] = ()
    special_requests: str = ""
    driver_location: dict[str, Any] | None = None
    confirmed_at: int | None = None
    confirmed_by: UUID | None = None
    """The payment that completed what it was confirmed by."""

    cancelled_at: int | None = None
    cancel_reason: CancelReason | None = None
    approval: Approval | None = None
    starts_at: int | None = None
    """When the first of it begins; None: nothing says so."""

    ends_at: int | None = None
    """When all of it is over; None: nothing says so."""

    refund_policies: RefundPolicies | None = None
    """Its resources' as they were when it was booked; None: from before they were kept."""

    refund_start: int | None = None
    """The earliest beginning that it had before it was moved: moving it gains no time for a refund."""

    change: UUID | None = None
    """The change of it that is under way (changes.py)."""

    change_of: UUID | None = None
    """The booking that this one is a change of."""

    payment: UUID | None = None
    """Its latest attempt to be paid: its own, where it has any, else a share's."""

    secured: int = 0
    """What is promised or taken for it, by payments that are wanted."""

    refunded: int = 0
    """What went back of the money that it was confirmed by, or that came for it if it never was."""

    extend_until: int = 0
    """How far late declines may move `expires_at`."""

    base_currency: str | None = None
    """Its cart's currency, where it was quoted in another one."""

    rate: Decimal | None = None
    """The rate of that quote; None where every price was an owner's own."""

    quoted_at: int | None = None
    """When it was quoted so."""

    version: int = 1
    """Raised by each change that its people and Redis are to hear of."""

    applied_version: int = 0
    """The version that Redis and the listeners were last told of."""

    @property
    def resources(self) -> list[str]:
        """The ids of its resources, sorted: the order in which they are locked."""
        return sorted({line.resource for line in self.lines})

    @property
    def is_open(self) -> bool:
        """Whether it is still to be paid: pending, and its owner was not asked yet."""
        return self.status == "pending" and self.approval is None

    @property
    def is_awaited(self) -> bool:
        """Whether all waits for its owner's word: pending, with its places taken for good."""
        return self.status == "pending" and self.approval == "awaited"

    @property
    def standing(self) -> str:
        """Its status in words that say what it waits for."""
        return "paid, and its owner's word is awaited" if self.is_awaited else self.status

    @property
    def cart_currency(self) -> str:
        """The currency of the cart it was made from, and of its holds."""
        return self.base_currency or self.currency

    @property
    def owed(self) -> int:
        """What is still to be secured before the booking can be confirmed."""
        return max(self.total - self.secured, 0) if self.status == "pending" else 0

    def is_of(self, caller: Caller) -> bool:
        """Whether it is the caller's: by the session while it is no user's, else as the user."""
        return is_buyer(caller, self.session, self.user)

    def is_seen_by(self, caller: Caller) -> bool:
        """Whether the caller may read it: its buyer, and the owner of what was booked."""
        return self.is_of(caller) or (caller.user is not None and caller.user == self.owner)

    def has_begun(self, now: int) -> bool:
        """Whether the first of it begins now or did so before; False where nothing says when."""
        return self.starts_at is not None and self.starts_at <= now

    def may_revive(self) -> bool:
        """The one way back: a late payment may confirm what was cancelled because it expired.

        Unless it has begun: for its buyer too it is too late then.
        """
        expired = self.status == "cancelled" and self.cancel_reason == "expired"
        return expired and self.confirmed_by is None and self.change_of is None


def is_buyer(caller: Caller, session: str, user: str | None) -> bool:
    """Whether a booking that has these is the caller's: a user's by the user alone, nobody's by its session.

    That a session is a user's is known to Redis, which may lose it.
    """
    if user is not None:
        return caller.user == user
    return bool(caller.session) and caller.session == session


def holds_of(booking: Booking, lines: tuple[Line, ...] | None = None) -> list[Hold]:
    """The booking's holds as Redis knows them, made anew from its lines."""
    grouped: dict[str, list[Line]] = {}
    for line in booking.lines if lines is None else lines:
        grouped.setdefault(line.hold, []).append(line)
    return [_hold(booking, hold_id, parts) for hold_id, parts in grouped.items()]


def _hold(booking: Booking, hold_id: str, lines: list[Line]) -> Hold:
    return Hold(
        id=hold_id,
        session=booking.session,
        resource=lines[0].resource,
        reference=booking.reference,
        items=tuple(HeldItem(line.index, line.quantity, line.held_at) for line in lines),
        currency=booking.cart_currency,
        status="paying",
        created_at=booking.created_at,
        expires_at=booking.expires_at,
        booking=str(booking.id),
        range=lines[0].range,
    )


def lines_of(holds: Sequence[Hold]) -> tuple[Line, ...]:
    """The holds' items at the prices they were held at; ids and labels are filled in later."""
    items = [(hold, item) for hold in holds for item in hold.items]
    return tuple(
        Line(
            position=position,
            resource=hold.resource,
            index=item.index,
            slot="",
            label="",
            quantity=item.quantity,
            price=item.price,
            hold=hold.id,
            range=hold.range,
        )
        for position, (hold, item) in enumerate(items)
    )


def room_of(cart: Cart) -> int:
    """For how many there is room in it; a range of time is one place."""
    return sum(1 if hold.range else sum(item.quantity for item in hold.items) for hold in cart.holds)


def room_of_lines(lines: Iterable[Line]) -> int:
    """The same of a booking's lines."""
    places = {line.hold if line.range else (line.hold, line.index): line for line in lines}
    return sum(1 if line.range else line.quantity for line in places.values())


def is_buffer(line: Line) -> bool:
    """Whether it is a step that stays free after a range; its slot's id is when it begins."""
    return line.range is not None and line.slot[:_SECONDS] >= line.range[1][:_SECONDS]


_SECONDS: Final = len("2026-11-21T09:00:00")
