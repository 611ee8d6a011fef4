"""Holds, carts and refusals as the socket's messages. Pure."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from channels import protocol
from server.errors import HoldfastError
from server.holds.requests import shown_items
from server.holds.rules import Cart, Hold, cart_of
from server.holds.sources import Loaded


def ref_of(ref: str | int | None) -> Any:
    """A message's `ref` as its answer has it."""
    return UNSET if ref is None else ref


def hold_view(hold: Hold, loaded: Loaded) -> protocol.HoldView:
    """A hold with its slots' ids and one price for all of it; `loaded` is its resource."""
    return protocol.HoldView(
        id=hold.id,
        resource=hold.resource,
        items=tuple(shown_items(loaded, hold.items)),
        range=hold.range,
        price=protocol.Money(hold.total, hold.currency),
        status=hold.status,
        expires_at=hold.expires_at,
    )


def hold_changed(view: protocol.HoldView, reason: str) -> protocol.HoldChanged:
    """The message that tells of it, and why."""
    return protocol.HoldChanged(
        id=view.id,
        resource=view.resource,
        items=view.items,
        range=view.range,
        price=view.price,
        status=view.status,
        expires_at=view.expires_at,
        reason=reason,
    )


def cart_view(cart: Cart) -> protocol.CartView:
    """A cart in short."""
    return protocol.CartView(
        reference=cart.reference,
        expires_at=cart.expires_at,
        total=protocol.Money(cart.total, cart.currency),
    )


NO_CART = protocol.CartChanged(reference=None, expires_at=None, total=None, holds=())


def cart_changed(holds: Sequence[Hold], views: Sequence[protocol.HoldView]) -> protocol.CartChanged:
    """The cart that these `held` holds make up, as a message; NO_CART without any. `views` are theirs."""
    cart = cart_of(holds, owner="")
    if cart is None:
        return NO_CART
    short = cart_view(cart)
    return protocol.CartChanged(
        reference=short.reference, expires_at=short.expires_at, total=short.total, holds=tuple(views)
    )


def error_message(error: HoldfastError, ref: str | int | None) -> protocol.Error:
    """A refusal as the answer to the message with this `ref`."""
    return protocol.Error(
        ref=ref_of(ref),
        code=error.code,
        message=error.detail,
        retry=error.retry,
        retry_after=UNSET if error.retry_after is None else error.retry_after,
        slots=UNSET if error.slots is None else tuple(error.slots),
    )
