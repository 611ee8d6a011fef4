"""The only places where a booking changes state; each checks the tables first. Pure."""

from typing import Final
from uuid import UUID

import msgspec

from server.bookings.rules import (
    APPROVAL_MOVES,
    BOOKING_MOVES,
    LINE_MOVES,
    PAYMENT_MOVES,
    Approval,
    Booking,
    BookingStatus,
    CancelReason,
    Line,
    LineState,
    PaymentStatus,
)

_LINES: Final[dict[BookingStatus, LineState]] = {
    "confirmed": "confirmed",
    "cancelled": "released",
    "completed": "confirmed",
}
# How the owner's answer ends with a booking that was given up while it was awaited.
_UNAPPROVED: Final[dict[CancelReason, Approval]] = {"declined": "declined", "unanswered": "lapsed"}


class IllegalMove(Exception):
    """A state was asked to go where the tables do not let it: a mistake of ours, never of a client."""

    def __init__(self, what: str, old: str | None, new: str) -> None:
        super().__init__(f"a {what} cannot go from {old} to {new}")


def next_payment_status(old: PaymentStatus, new: PaymentStatus) -> PaymentStatus:
    """`new`, if it may follow `old` or is the same."""
    if new != old and new not in PAYMENT_MOVES[old]:
        raise IllegalMove("payment", old, new)
    return new


def way_to(old: PaymentStatus, new: PaymentStatus) -> list[PaymentStatus]:
    """The moves from `old` to `new`; none where the table has no way, or where it is there already."""
    if new in PAYMENT_MOVES[old]:
        return [new]
    if "paid" in PAYMENT_MOVES[old] and new in PAYMENT_MOVES["paid"]:
        return ["paid", new]
    return []


def confirmed(booking: Booking, payment: UUID, status: PaymentStatus, now: int) -> Booking:
    """The booking confirmed by a payment: from pending, or back from expiry by a late one.

    One whose owner was asked is confirmed only if it was granted.
    """
    if booking.approval not in {None, "granted"}:
        raise IllegalMove("booking", booking.approval, "confirmed")
    if not booking.may_revive():
        _require(booking, "confirmed")
    return msgspec.structs.replace(
        booking,
        status="confirmed",
        payment_status=next_payment_status(booking.payment_status, status),
        confirmed_at=now,
        confirmed_by=payment,
        cancelled_at=None,
        cancel_reason=None,
        lines=_lines(booking, "confirmed"),
    )


def cancelled(booking: Booking, reason: CancelReason, status: PaymentStatus, now: int) -> Booking:
    """The booking cancelled, its lines released; an owner who was asked need not answer any more."""
    _require(booking, "cancelled")
    awaited = booking.approval == "awaited"
    return msgspec.structs.replace(
        booking,
        status="cancelled",
        payment_status=next_payment_status(booking.payment_status, status),
        cancelled_at=now,
        cancel_reason=reason,
        approval=_UNAPPROVED.get(reason, "withdrawn") if awaited else booking.approval,
        lines=_lines(booking, "released"),
    )


def awaited(booking: Booking, status: PaymentStatus, until: int) -> Booking:
    """The booking with all its money there and its lines taken for good: its owner has time until `until`."""
    _require(booking, "confirmed")
    return msgspec.structs.replace(
        booking,
        approval=_next_approval(booking, "awaited"),
        payment_status=next_payment_status(booking.payment_status, status),
        expires_at=until,
        lines=_lines(booking, "confirmed"),
    )


def granted(booking: Booking) -> Booking:
    """The booking that its owner wants; it is confirmed once its money says so too."""
    return msgspec.structs.replace(booking, approval=_next_approval(booking, "granted"))


def completed(booking: Booking) -> Booking:
    """The booking that has taken place."""
    _require(booking, "completed")
    return msgspec.structs.replace(booking, status="completed", driver_location=None)


def paid(booking: Booking, status: PaymentStatus) -> Booking:
    """The booking with another payment status and nothing else changed."""
    return msgspec.structs.replace(
        booking, payment_status=next_payment_status(booking.payment_status, status)
    )


def _require(booking: Booking, status: BookingStatus) -> None:
    """IllegalMove unless the tables let the booking, and each of its lines with it, go there.

    Lines that are confirmed already may stay so in a booking that its owner granted, or that is over.
    """
    if status not in BOOKING_MOVES[booking.status]:
        raise IllegalMove("booking", booking.status, status)
    wanted = _LINES[status]
    has_them = booking.approval == "granted" or status == "completed"
    stays: LineState | None = "confirmed" if has_them else None
    for line in booking.lines:
        if wanted not in LINE_MOVES[line.state] and not wanted == line.state == stays:
            raise IllegalMove("line", line.state, wanted)


def _next_approval(booking: Booking, new: Approval) -> Approval:
    if booking.status != "pending" or new not in APPROVAL_MOVES[booking.approval]:
        raise IllegalMove("approval", booking.approval, new)
    return new


def _lines(booking: Booking, state: LineState) -> tuple[Line, ...]:
    return tuple(msgspec.structs.replace(line, state=state) for line in booking.lines)
