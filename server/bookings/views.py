"""A booking as others read it: the same fields over HTTP and on the socket, times in each one's way. Pure."""

from collections.abc import Callable
from typing import Any

from server.bookings.rules import Booking, Line
from server.http.times import rfc3339

Time = Callable[[int], Any]


def booking_view(booking: Booking, time: Time = rfc3339) -> dict[str, Any]:
    """CONTRACT's `{booking}`; on the socket `time` is `int`: there times are integer milliseconds."""

    def when(moment: int | None) -> Any:
        return None if moment is None else time(moment)

    return {
        "id": str(booking.id),
        "reference": booking.reference,
        "status": booking.status,
        "payment_status": booking.payment_status,
        "items": [item_view(line, booking.currency) for line in booking.lines],
        "total": {"amount": booking.total, "currency": booking.currency},
        "owed": {"amount": booking.owed, "currency": booking.currency},
        "refunded": {"amount": booking.refunded, "currency": booking.currency},
        "quote": _quote(booking, when),
        "customer": booking.customer,
        "attendees": booking.attendees,
        "special_requests": booking.special_requests,
        "driver_location": booking.driver_location,
        "created_at": time(booking.created_at),
        "expires_at": time(booking.expires_at),
        "confirmed_at": when(booking.confirmed_at),
        "cancelled_at": when(booking.cancelled_at),
        "cancel_reason": booking.cancel_reason,
        "payment": None if booking.payment is None else str(booking.payment),
    }


def _quote(booking: Booking, when: Callable[[int | None], Any]) -> dict[str, Any] | None:
    """By what its prices came about, where it was quoted in another currency than its cart's."""
    if booking.base_currency is None:
        return None
    rate = None if booking.rate is None else str(booking.rate)
    return {"base": booking.base_currency, "rate": rate, "quoted_at": when(booking.quoted_at)}


def item_view(line: Line, currency: str) -> dict[str, Any]:
    """One line; `price` is of one of its slot."""
    return {
        "resource": line.resource,
        "slot": line.slot,
        "label": line.label,
        "quantity": line.quantity,
        "price": {"amount": line.price, "currency": currency},
        "hold": line.hold,
        "range": line.range,
    }
