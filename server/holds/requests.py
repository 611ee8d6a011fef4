"""What a buyer asks for, checked against the resource: slot ids become indices, or a refusal says why not."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from server.errors import (
    BadRequest,
    FieldError,
    HoldfastError,
    InvalidFields,
    InvalidRange,
    LimitExceeded,
    UnknownSlot,
)
from server.holds.days import Laid, lay_for
from server.holds.rules import Best, HeldItem, HoldRequest
from server.holds.sources import Loaded
from server.inventory.grid.calendar import Calendar
from server.inventory.grid.ranges import RangeWanted, wanted_range
from server.inventory.rules import Slot
from server.times import milliseconds

Items = list[tuple[int, int]]

MOST_ITEMS = 1000  # in one request, whatever the limits say: a script is never busy for long
_NAMED_AT_MOST = 20


class Wanted(NamedTuple):
    """Exactly one of `items` (index, quantity; ascending), `best` and, of a grid, `range` with its chunks."""

    items: Items | None = None
    best: Best | None = None
    range: RangeWanted | None = None
    laid: Laid | None = None

    @property
    def blobs(self) -> Sequence[bytes]:
        """What the hold script takes beside its fields."""
        return () if self.laid is None else (self.laid.records,)

    def content(self) -> dict[str, Any]:
        """As the hold script's fields."""
        if self.range is not None and self.laid is not None:
            return {"items": self.range.items, "range": self.range.range, "days": self.laid.days}
        if self.best is None:
            return {"items": self.items}
        best = {
            "quantity": self.best.quantity,
            "category": self.best.category,
            "adjacent": self.best.adjacent,
        }
        return {"best": {name: value for name, value in best.items() if value is not None}}


def wanted(loaded: Loaded, request: HoldRequest, *, now: int) -> Wanted:
    """What the request wants of the resource as of `now` (ms), with all refusals that need no Redis."""
    if (request.items is None) + (request.range is None) + (request.best is None) != 2:
        raise BadRequest("A hold names exactly one of items, range and best")
    if loaded.calendar is not None:
        return _range(loaded.calendar, request, now)
    if request.range is not None:
        raise InvalidRange("This resource is booked by its slots, not by a range of time")
    if request.best is not None:
        return Wanted(best=_best(loaded, request.best))
    items = indices(loaded, request.items or ())
    slots = [loaded.slots[index] for index, _ in items]
    _refuse_past(slots, now)
    _refuse_beyond_capacity(slots, items)
    return Wanted(items=items)


def indices(loaded: Loaded, items: Sequence[tuple[str, int]]) -> Items:
    """(slot id, quantity) as (index, quantity), ascending."""
    if not items:
        raise BadRequest("There are no items")
    if len(items) > MOST_ITEMS:
        raise LimitExceeded(f"At most {MOST_ITEMS} items are taken in one request")
    _refuse_bad_quantities([quantity for _, quantity in items])
    if len(items) > 1 and len({slot for slot, _ in items}) < len(items):
        twice = [slot for slot, times in Counter(slot for slot, _ in items).items() if times > 1]
        raise _about(BadRequest, "A slot may be named once in a request; {} is named twice", twice)
    unknown = [slot for slot, _ in items if slot not in loaded.by_id]
    if unknown:
        raise _about(UnknownSlot, "There is no slot {}", unknown)
    return sorted((loaded.by_id[slot], quantity) for slot, quantity in items)


def refuse_parts(loaded: Loaded) -> None:
    """A grid's holds are given back as they were taken."""
    if loaded.calendar is not None:
        raise InvalidRange("A range of time is given back as a whole, without naming items")


def names(loaded: Loaded, slots: Sequence[int]) -> list[str]:
    """Slot ids of indices; one that this layout does not know yet is left out."""
    if loaded.calendar is not None:
        return [loaded.calendar.slot_id(index) for index in slots]
    return [loaded.slots[index].id for index in slots if index < len(loaded.slots)]


def shown_items(loaded: Loaded, items: Sequence[HeldItem]) -> list[tuple[str, int]]:
    """(slot id, quantity) of what is held, as buyers see it; a range is one item, at its first step."""
    if loaded.calendar is not None:
        return [(slot, 1) for slot in names(loaded, [item.index for item in items[:1]])]
    slots = names(loaded, [item.index for item in items])
    return [(slot, item.quantity) for slot, item in zip(slots, items, strict=True)]


def _range(calendar: Calendar, request: HoldRequest, now: int) -> Wanted:
    if request.range is None:
        raise InvalidRange("This resource is booked by a range of time: say `range`, its start and its end")
    found = wanted_range(calendar, *request.range, now)
    return Wanted(range=found, laid=lay_for(calendar, (index for index, _, _ in found.items)))


def _best(loaded: Loaded, best: Best) -> Best:
    if not _is_quantity(best.quantity):
        raise InvalidFields(errors=[FieldError("best.quantity", "is a whole number, 1 or more")])
    if best.quantity > MOST_ITEMS:
        raise LimitExceeded(f"At most {MOST_ITEMS} places are taken in one request")
    if best.category is not None and all(slot.category != best.category for slot in loaded.slots):
        raise InvalidFields(errors=[FieldError("best.category", "is not a category of this resource")])
    return best


def _is_quantity(quantity: object) -> bool:
    return type(quantity) is int and quantity > 0


def _refuse_bad_quantities(quantities: Sequence[object]) -> None:
    if all(map(_is_quantity, quantities)):
        return
    errors = [
        FieldError(f"items[{place}][1]", "is a whole number, 1 or more")
        for place, quantity in enumerate(quantities)
        if not _is_quantity(quantity)
    ]
    if errors:
        raise InvalidFields("A quantity is a whole number, 1 or more", errors=errors)


def _refuse_past(slots: Sequence[Slot], now: int) -> None:
    past = [slot.id for slot in slots if slot.starts_at is not None and _has_begun(slot.starts_at, now)]
    if past:
        raise _about(InvalidRange, "{} has begun already and can no longer be booked", past)


def _has_begun(starts_at: str, now: int) -> bool:
    return milliseconds(datetime.fromisoformat(starts_at)) <= now


def _refuse_beyond_capacity(slots: Sequence[Slot], items: Items) -> None:
    over = [slot for slot, (_, quantity) in zip(slots, items, strict=True) if quantity > slot.capacity]
    if over:
        ids = [slot.id for slot in over]
        raise _about(LimitExceeded, f"{over[0].id} has room for {over[0].capacity} in all", ids)


def _about(error: type[HoldfastError], sentence: str, slots: Sequence[str]) -> HoldfastError:
    """The error with its slots; the sentence names the first few."""
    named = ", ".join(slots[:_NAMED_AT_MOST])
    return error(sentence.format(named), slots=slots)
