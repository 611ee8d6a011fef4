"""What can be booked: resources and their slots. Pure; store.py and service.py do the I/O.

The rule of layouts: an index never moves and is never reused. A new slot is appended, one that is removed
stays where it is, blocked, and takes its place again when it comes back. `layout` rises whenever a slot
changes in anything that a client sees.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from server.errors import Conflict
from server.inventory.grid.rules import GridRules

Kind = Literal["seats", "sessions", "grid"]

MAX_SLOTS = 200_000
MAX_CAPACITY = 1_000_000

_NAMED_AT_MOST = 10


class Money(msgspec.Struct, frozen=True):
    """An amount in the currency's minor units, and its ISO 4217 code in lower case."""

    amount: int
    currency: str


# What becomes of a booking whose buyer's bank asks for the money back: it stands · it is cancelled once the
# bank has won · it is cancelled as soon as the bank asks.
DisputePolicy = Literal["keep", "release_when_lost", "release_at_once"]


class RefundTier(msgspec.Struct, frozen=True, kw_only=True):
    """Who cancels at least so many hours before it begins gets this much back, in percent."""

    hours: int
    percent: int


class HoldPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A resource's own settings; None takes the process's (disputes: release_when_lost). Seconds.

    `refund` is what a buyer who cancels gets back: the tier with the most hours that are left; None is all of
    it until it begins. An owner who cancels gives all of it back. With `approval_seconds` the owner decides
    on each booking within that time of its payment; silence declines. None: nobody has to approve.
    """

    hold_seconds: int | None = None
    hold_max_seconds: int | None = None
    payment_seconds: int | None = None
    disconnect_grace_seconds: int | None = None
    max_hold_items: int | None = None
    dispute: DisputePolicy | None = None
    refund: tuple[RefundTier, ...] | None = None
    approval_seconds: int | None = None


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
    price_per_hour: Money | None = None


class PriceList(msgspec.Struct, frozen=True, kw_only=True):
    """A currency's own prices in minor units: of a category's places, of an hour of them, of single slots."""

    categories: dict[str, int] = {}
    per_hour: dict[str, int] = {}
    slots: dict[str, int] = {}


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A concert, a course session, a tour, a driveway. `layout` rises whenever slots change.

    `starts_at` and `ends_at` are of the thing as a whole; a tour with many start times has them on its slots.
    """

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
    starts_at: str | None = None
    ends_at: str | None = None
    price_lists: dict[str, PriceList] = {}
    address: str = ""
    grid: GridRules | None = None


class SlotDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A slot as somebody wants it, before it has an index. `price` is in minor units of its resource."""

    id: str
    label: str
    capacity: int = 1
    price: int
    category: str = ""
    section: str = ""
    row: str = ""
    starts_at: str | None = None
    ends_at: str | None = None
    x: float | None = None
    y: float | None = None
    accessible: bool = False
    blocked: bool = False


class ResourceDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as a file or a request describes it, checked in every field."""

    id: str
    kind: Kind
    title: str
    owner: str
    time_zone: str
    currency: str
    policy: HoldPolicy = HoldPolicy()
    categories: tuple[Category, ...] = ()
    plan: dict[str, object] = {}
    description: str = ""
    starts_at: str | None = None
    ends_at: str | None = None
    price_lists: dict[str, PriceList] = {}
    address: str = ""
    grid: GridRules | None = None
    slots: tuple[SlotDraft, ...] = ()


def lay_out(old: Sequence[Slot], drafts: Sequence[SlotDraft], *, currency: str) -> tuple[Slot, ...]:
    """The slots after `drafts` replaced them all: known ids keep their index, missing ones stay, blocked."""
    wanted = {draft.id for draft in drafts}
    return block(put_in(old, drafts, currency=currency), [slot.id for slot in old if slot.id not in wanted])


def put_in(old: Sequence[Slot], drafts: Sequence[SlotDraft], *, currency: str) -> tuple[Slot, ...]:
    """The slots after `drafts` were changed or appended; all others stay as they are."""
    slots = list(old)
    index_of = {slot.id: slot.index for slot in old}
    for draft in drafts:
        index = index_of.setdefault(draft.id, len(slots))
        placed = _place(draft, index, currency)
        if index < len(slots):
            slots[index] = placed
        else:
            slots.append(placed)
    return tuple(slots)


def block(slots: Sequence[Slot], ids: Sequence[str]) -> tuple[Slot, ...]:
    """The slots after those of `ids` were taken off sale."""
    gone = frozenset(ids)
    return tuple(
        msgspec.structs.replace(slot, blocked=True) if slot.id in gone and not slot.blocked else slot
        for slot in slots
    )


def changed_slots(old: Sequence[Slot], new: Sequence[Slot]) -> list[Slot]:
    """The slots of `new` that are not in `old` just so, by index."""
    return [slot for slot in new if slot.index >= len(old) or old[slot.index] != slot]


def refuse_below_taken(slots: Sequence[Slot], taken: Mapping[int, int]) -> None:
    """Raise Conflict if a slot gets smaller than what is booked of it; `taken` is index → places."""
    small = [slot for slot in slots if slot.capacity < taken.get(slot.index, 0)]
    if not small:
        return
    named = [f"{slot.id} ({taken[slot.index]} of {slot.capacity})" for slot in small[:_NAMED_AT_MOST]]
    more = f" and {len(small) - len(named)} more" if len(small) > len(named) else ""
    raise Conflict(f"More is booked than the new capacity holds: {', '.join(named)}{more}")


def _place(draft: SlotDraft, index: int, currency: str) -> Slot:
    return Slot(
        index=index,
        id=draft.id,
        label=draft.label,
        capacity=draft.capacity,
        price=Money(draft.price, currency),
        category=draft.category,
        section=draft.section,
        row=draft.row,
        starts_at=draft.starts_at,
        ends_at=draft.ends_at,
        x=draft.x,
        y=draft.y,
        accessible=draft.accessible,
        blocked=draft.blocked,
    )
