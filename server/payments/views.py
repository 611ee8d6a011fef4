"""A payment as others read it. The client secret and the way to pay are for its buyer alone. Pure."""

from typing import Any

from server.http.times import rfc3339
from server.payments.rules import Payment


def payment_view(payment: Payment, *, to_buyer: bool) -> dict[str, Any]:
    """CONTRACT's `{payment}`."""
    view: dict[str, Any] = {
        "id": str(payment.id),
        "booking": str(payment.booking),
        "provider": payment.provider,
        "status": payment.status,
        "attempt": payment.attempt,
        "amount": {"amount": payment.amount, "currency": payment.currency},
        "created_at": rfc3339(payment.created_at),
    }
    if to_buyer:
        ways = {"client_secret": payment.client_secret, "redirect_url": payment.redirect_url}
        view |= {name: value for name, value in ways.items() if value is not None}
    return view
