"""Holds and carts as HTTP shows them: slot ids, Money, RFC 3339 times. Pure."""

from collections.abc import Mapping
from typing import Any

from server.holds.requests import shown_items
from server.holds.rules import Cart, Hold
from server.holds.sources import Loaded
from server.times import rfc3339


def hold_view(hold: Hold, loaded: Loaded) -> dict[str, Any]:
    """The fields of a `{hold}`; `price` is of all its items, `loaded` its resource."""
    return {
        "id": hold.id,
        "resource": hold.resource,
        "reference": hold.reference,
        "items": [list(item) for item in shown_items(loaded, hold.items)],
        "range": None if hold.range is None else list(hold.range),
        "price": {"amount": hold.total, "currency": hold.currency},
        "status": hold.status,
        "created_at": rfc3339(hold.created_at),
        "expires_at": rfc3339(hold.expires_at),
    }


def cart_view(cart: Cart | None, resources: Mapping[str, Loaded]) -> dict[str, Any] | None:
    """The fields of a `{cart}`, None for none; `resources` has those of its holds, by id."""
    if cart is None:
        return None
    return {
        "reference": cart.reference,
        "expires_at": rfc3339(cart.expires_at),
        "total": {"amount": cart.total, "currency": cart.currency},
        "holds": [hold_view(hold, resources[hold.resource]) for hold in cart.holds],
    }


def ended_view(hold: Hold) -> dict[str, Any]:
    """A hold that a sweep gave back, in short."""
    return {"id": hold.id, "resource": hold.resource, "reference": hold.reference, "status": hold.status}
