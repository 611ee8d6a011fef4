"""What tests order."""

from typing import Any, Final

from stripe import RequestOptions

BY_HAND: Final = {"card": {"capture_method": "manual"}}


def order(amount: int = 5000, currency: str = "eur", **more: Any) -> Any:
    """An intent as Holdfast makes them: authorised first where the way to pay has that."""
    return {
        "amount": amount,
        "currency": currency,
        "automatic_payment_methods": {"enabled": True},
        "payment_method_options": BY_HAND,
        "metadata": {"payment": "p1"},
        **more,
    }


def at_once(amount: int = 5000, currency: str = "eur") -> Any:
    """An intent whose money is taken when it is paid."""
    return {"amount": amount, "currency": currency, "automatic_payment_methods": {"enabled": True}}


def page(expires_at: int, **more: Any) -> Any:
    """A Checkout Session over one line."""
    line = {"currency": "eur", "unit_amount": 5000, "product_data": {"name": "Stalls A-1"}}
    return {
        "mode": "payment",
        "line_items": [{"price_data": line, "quantity": 1}],
        "success_url": "http://127.0.0.1:1/back?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:1/cart",
        "expires_at": expires_at,
        "payment_method_options": BY_HAND,
        "payment_intent_data": {"metadata": {"payment": "p1"}},
        "metadata": {"payment": "p1"},
        **more,
    }


def key(name: str) -> RequestOptions:
    """An idempotency key of our own."""
    return {"idempotency_key": name}
