"""The only places where a booking changes state; each checks the tables first. Pure."""

from typing import Final
from uuid import UUID

import msgspec

from server.bookings.rules import (
    BOOKING_MOVES,
    LINE_MOVES,
    PAYMENT_MOVES,
    Booking,
    BookingStatus,
    CancelReason,
    Line,
    LineState,
    PaymentStatus,
)

_LINES: Final[dict[BookingStatus, LineState]] = {"confirmed": "confirmed", "cancelled": "released"}


class IllegalMove(Exception):
    """A state was asked to go where the tables do not let it: a mistake of ours, never of a client."""

    def __init__(self, what: str, old: str, new: str) -> None:
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
    """The booking confirmed by a payment: from pending, or back from expiry by a late one."""
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
    """The booking cancelled, its lines released."""
    _require(booking, "cancelled")
    return msgspec.structs.replace(
        booking,
        status="cancelled",
        payment_status=next_payment_status(booking.payment_status, status),
        cancelled_at=now,
        cancel_reason=reason,
        lines=_lines(booking, "released"),
    )


def paid(booking: Booking, status: PaymentStatus) -> Booking:
    """The booking with another payment status and nothing else changed."""
    return msgspec.structs.replace(
        booking, payment_status=next_payment_status(booking.payment_status, status)
    )


def _require(booking: Booking, status: BookingStatus) -> None:
    if status not in BOOKING_MOVES[booking.status]:
        raise IllegalMove("booking", booking.status, status)
    for line in booking.lines:
        if _LINES[status] not in LINE_MOVES[line.state]:
            raise IllegalMove("line", line.state, _LINES[status])


def _lines(booking: Booking, state: LineState) -> tuple[Line, ...]:
    return tuple(msgspec.structs.replace(line, state=state) for line in booking.lines)
