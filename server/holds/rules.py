"""Holds and carts as values. Pure: time is an argument, in milliseconds since the Unix epoch."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from server.inventory.rules import HoldPolicy
from server.settings import Settings

HoldStatus = Literal["held", "paying", "confirmed", "released", "expired", "lost"]
EndReason = Literal["released", "left", "deadline", "cancelled", "confirmed", "lost"]


class HeldItem(msgspec.Struct, frozen=True, array_like=True):
    """A slot by index, how many of it, and the price of one in minor units when it was taken."""

    index: int
    quantity: int
    price: int


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a resource's capacity until `expires_at` (ms). `reference` is its cart's `BK-…`.

    `first_hold_at` (ms) is when that cart's first hold was made; 0 means `created_at`.
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
        return sum([item.quantity * item.price for item in self.items])


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
        return sum([hold.total for hold in self.holds])


class Best(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for the best places instead of naming them."""

    quantity: int
    category: str | None = None
    adjacent: bool = True


class HoldRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a buyer wants of one resource: exactly one of `items` (slot id, quantity), `range` and `best`."""

    resource: str
    items: tuple[tuple[str, int], ...] | None = None
    range: tuple[str, str] | None = None
    best: Best | None = None


class HoldEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A change of one hold, as every process hears it; `reason` is "" unless the hold ended or moved back.

    `epoch` and `version` are its resource's.
    """

    hold: Hold
    reason: str
    version: int
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms holds are given: durations in ms; `max_items` 0 is no limit."""

    hold_ms: int
    max_ms: int
    grace_ms: int
    max_items: int


def terms_of(policy: HoldPolicy, settings: Settings) -> Terms:
    """A resource's own terms, and the process's where it has none."""

    def chosen(own: int | None, setting: int) -> int:
        return setting if own is None else own

    return Terms(
        hold_ms=1000 * chosen(policy.hold_seconds, settings.hold_seconds),
        max_ms=1000 * chosen(policy.hold_max_seconds, settings.hold_max_seconds),
        grace_ms=1000 * chosen(policy.disconnect_grace_seconds, settings.disconnect_grace_seconds),
        max_items=chosen(policy.max_hold_items, settings.max_hold_items),
    )


def is_live(hold: Hold, now: int) -> bool:
    """A hold past its deadline has ended, swept or not; one that is being paid ends by its booking alone."""
    return hold.status == "paying" or (hold.status == "held" and hold.expires_at > now)


def cart_of(holds: Sequence[Hold], *, owner: str) -> Cart | None:
    """The cart that `held` holds make up, None without any."""
    if not holds:
        return None
    ordered = holds if len(holds) == 1 else sorted(holds, key=lambda hold: (hold.created_at, hold.id))
    return Cart(
        reference=ordered[0].reference,
        session=ordered[0].session,
        owner=owner,
        currency=ordered[0].currency,
        first_hold_at=opened_at(ordered),
        expires_at=min([hold.expires_at for hold in ordered]),
        holds=tuple(ordered),
    )


def opened_at(holds: Sequence[Hold]) -> int:
    """When the first hold of these holds' cart was made (ms)."""
    return min([hold.first_hold_at or hold.created_at for hold in holds])


class _Random:
    """Bytes that nobody can guess, asked of the system for many at once: asking costs more than the rest."""

    KEPT = 4096

    def __init__(self) -> None:
        self._bytes = b""
        self._next = 0

    def take(self, count: int) -> bytes:
        """So many bytes, each given once."""
        if self._next + count > len(self._bytes):
            self._bytes, self._next = secrets.token_bytes(self.KEPT), 0
        self._next += count
        return self._bytes[self._next - count : self._next]


_random = _Random()
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that is misread
_PAIRS: Final = [one + other for one in _ALPHABET for other in _ALPHABET]


def new_reference() -> str:
    """A cart's reference, to be read aloud: 50 random bits."""
    bits = int.from_bytes(_random.take(7), "big")
    return "BK-" + "".join([_PAIRS[bits >> shift & 1023] for shift in (40, 30, 20, 10, 0)])


def hold_id(session: str, op: str | None) -> str:
    """A hold's id. The same op of a session always makes the same one, so a repeat finds what it made."""
    if op is None:
        return _random.take(16).hex()
    return hashlib.sha256(f"{session}\0{op}".encode()).hexdigest()[:32]
