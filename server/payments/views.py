"""A payment as others read it. The client secret and the way to pay are for its payer alone. Pure."""

from typing import Any, Final

from server.bookings.rules import Booking
from server.bookings.views import booking_view
from server.payments.links import PayLinks
from server.payments.refund_store import RefundRow
from server.payments.rules import Payment
from server.times import rfc3339

_PAYERS_SEE: Final = frozenset(
    {"id", "reference", "status", "payment_status", "items", "total", "owed", "refunded", "expires_at"}
)


def payment_view(payment: Payment, *, to_buyer: bool, links: PayLinks | None = None) -> dict[str, Any]:
    """The fields of a `{payment}`; with `links` a share's address, for the buyer to hand on."""
    view: dict[str, Any] = {
        "id": str(payment.id),
        "booking": str(payment.booking),
        "provider": payment.provider,
        "status": payment.status,
        "attempt": payment.attempt,
        "amount": {"amount": payment.amount, "currency": payment.currency},
        "refunded": {"amount": payment.refunded, "currency": payment.currency},
        "share": None if payment.share is None else str(payment.share),
        "accepted": payment.accepted,
        "withdrawn": payment.withdrawn,
        "created_at": rfc3339(payment.created_at),
    }
    if to_buyer and payment.status == "pending":
        ways = {"client_secret": payment.client_secret, "redirect_url": payment.redirect_url}
        view |= {name: value for name, value in ways.items() if value is not None}
    if to_buyer and links is not None and payment.share is not None:
        view["pay_url"] = links.url(payment.share)
    return view


def payers_booking_view(booking: Booking, title: str) -> dict[str, Any]:
    """What somebody may know of a booking who pays a share of it: what it is, and nothing of its people."""
    view = booking_view(booking)
    kept = {name: view[name] for name in _PAYERS_SEE}
    return kept | {"title": title, "currency": booking.currency}


def refund_view(refund: RefundRow) -> dict[str, Any]:
    """A refund; `status`: requested, pending (at the provider), succeeded, failed (made anew) or dropped."""
    return {
        "id": str(refund.id),
        "payment": str(refund.payment),
        "amount": {"amount": refund.amount, "currency": refund.currency},
        "reason": refund.reason,
        "note": refund.note,
        "status": refund.status,
        "created_at": rfc3339(refund.created_at),
        "done_at": None if refund.done_at is None else rfc3339(refund.done_at),
    }
