"""A booking as others read it: the same fields over HTTP and on the socket, times in each one's way. Pure."""

from collections.abc import Callable, Iterable
from typing import Any

from server.bookings.rules import Booking, Line
from server.times import rfc3339

Time = Callable[[int], Any]


def booking_view(booking: Booking, time: Time = rfc3339) -> dict[str, Any]:
    """The fields of a `{booking}`; on the socket `time` is `int`: there times are integer milliseconds."""

    def when(moment: int | None) -> Any:
        return None if moment is None else time(moment)

    return {
        "id": str(booking.id),
        "reference": booking.reference,
        "status": booking.status,
        "payment_status": booking.payment_status,
        "items": item_views(booking.lines, booking.currency),
        "total": {"amount": booking.total, "currency": booking.currency},
        "owed": {"amount": booking.owed, "currency": booking.currency},
        "refunded": {"amount": booking.refunded, "currency": booking.currency},
        "quote": _quote(booking, when),
        "customer": booking.customer,
        "attendees": booking.attendees,
        "special_requests": booking.special_requests,
        "driver_location": booking.driver_location,
        "starts_at": when(booking.starts_at),
        "ends_at": when(booking.ends_at),
        "created_at": time(booking.created_at),
        "expires_at": time(booking.expires_at),
        "confirmed_at": when(booking.confirmed_at),
        "cancelled_at": when(booking.cancelled_at),
        "cancel_reason": booking.cancel_reason,
        "approval": _approval(booking, time),
        "change": None if booking.change is None else str(booking.change),
        "change_of": None if booking.change_of is None else str(booking.change_of),
        "payment": None if booking.payment is None else str(booking.payment),
    }


def _quote(booking: Booking, when: Callable[[int | None], Any]) -> dict[str, Any] | None:
    """By what its prices came about, where it was quoted in another currency than its cart's."""
    if booking.base_currency is None:
        return None
    rate = None if booking.rate is None else str(booking.rate)
    return {"base": booking.base_currency, "rate": rate, "quoted_at": when(booking.quoted_at)}


def _approval(booking: Booking, time: Time) -> dict[str, Any] | None:
    """What its owner said and until when there was time for it; None where nobody was asked."""
    if booking.approval is None:
        return None
    return {"state": booking.approval, "expires_at": time(booking.expires_at)}


def item_views(lines: Iterable[Line], currency: str) -> list[dict[str, Any]]:
    """Each line, and each range of time as one: at its whole price, without the steps after it."""
    ranges: dict[str, dict[str, Any]] = {}
    items = []
    for line in lines:
        if line.hold in ranges:
            ranges[line.hold]["price"]["amount"] += line.price
            continue
        items.append(_item_view(line, currency))
        if line.range is not None:
            ranges[line.hold] = items[-1]
    return items


def _item_view(line: Line, currency: str) -> dict[str, Any]:
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
