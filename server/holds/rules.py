"""Holds and carts as values. Pure: time is an argument, in milliseconds since the Unix epoch."""

from typing import Literal

import msgspec

HoldStatus = Literal["held", "paying", "confirmed", "released", "expired", "lost"]
EndReason = Literal["released", "left", "deadline", "cancelled", "confirmed", "lost"]


class HeldItem(msgspec.Struct, frozen=True, array_like=True):
    """A slot by index, how many of it, and the price of one in minor units when it was taken."""

    index: int
    quantity: int
    price: int


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a resource's capacity until `expires_at` (ms). `reference` is its cart's `BK-…`.

    `first_hold_at` (ms) is when that cart's first hold was made; 0 says as much as `created_at`.
    """

    id: str
    session: str
    resource: str
    reference: str
    items: tuple[HeldItem, ...]
    currency: str
    status: HoldStatus
    created_at: int
    expires_at: int
    first_hold_at: int = 0
    booking: str | None = None
    range: tuple[str, str] | None = None

    @property
    def total(self) -> int:
        """The price of all its items, in minor units."""
        return sum(item.quantity * item.price for item in self.items)


class Cart(msgspec.Struct, frozen=True, kw_only=True):
    """A session's live `held` holds under one reference. `expires_at` (ms) is the earliest of its holds'."""

    reference: str
    session: str
    owner: str
    currency: str
    first_hold_at: int
    expires_at: int
    holds: tuple[Hold, ...]

    @property
    def total(self) -> int:
        """The price of all its holds, in minor units."""
        return sum(hold.total for hold in self.holds)


class Best(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for the best places instead of naming them."""

    quantity: int
    category: str | None = None
    adjacent: bool = True


class HoldRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a buyer wants of one resource: exactly one of `items` (slot id, quantity), `range` and `best`."""

    resource: str
    items: tuple[tuple[str, int], ...] | None = None
    range: tuple[str, str] | None = None
    best: Best | None = None


class HoldEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A change of one hold, as every process hears it; `reason` is "" unless the hold ended or moved back."""

    hold: Hold
    reason: str
    version: int
