"""What can be booked: resources and their slots. Pure; store.py and service.py do the I/O."""

from typing import Literal

import msgspec

Kind = Literal["seats", "sessions", "grid"]


class Money(msgspec.Struct, frozen=True):
    """An amount in the currency's minor units, and its ISO 4217 code in lower case."""

    amount: int
    currency: str


class HoldPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A resource's own hold settings; None takes the process's setting. Durations in seconds."""

    hold_seconds: int | None = None
    hold_max_seconds: int | None = None
    payment_seconds: int | None = None
    disconnect_grace_seconds: int | None = None
    max_hold_items: int | None = None


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be held. `index` never changes and is never reused; a removed slot is `blocked`."""

    index: int
    id: str
    label: str
    capacity: int = 1
    price: Money
    category: str = ""
    section: str = ""
    row: str = ""
    starts_at: str | None = None
    ends_at: str | None = None
    x: float | None = None
    y: float | None = None
    accessible: bool = False
    blocked: bool = False


class Category(msgspec.Struct, frozen=True, kw_only=True):
    """A price category of a seating plan; `colour` is a hint for the map, never the only sign."""

    name: str
    colour: str = ""
    price: Money | None = None


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A concert, a course session, a tour, a driveway. `layout` rises whenever slots change."""

    id: str
    kind: Kind
    title: str
    owner: str
    time_zone: str
    currency: str
    layout: int
    epoch: str
    policy: HoldPolicy = HoldPolicy()
    categories: tuple[Category, ...] = ()
    plan: dict[str, object] = {}
    description: str = ""
