"""Requests that make or change a resource, as pure functions from what stands and what was sent."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from server.errors import InvalidFields
from server.inventory.drafts import check_whole, read_head, read_slot, read_slots
from server.inventory.fields import Fields, Problems, shown
from server.inventory.grid.views import standing_grid
from server.inventory.rules import (
    MAX_SLOTS,
    Category,
    Resource,
    ResourceDraft,
    Slot,
    SlotDraft,
    block,
    put_in,
)

_HEAD = tuple(name for name in ResourceDraft.__struct_fields__ if name != "slots")
_SLOT = SlotDraft.__struct_fields__


def new_draft(given: Mapping[str, Any], *, owner: str, new_id: Callable[[], str]) -> ResourceDraft:
    """What `POST /api/resources` describes, the caller's own unless it says whose; or InvalidFields."""
    problems = Problems()
    fields = Fields({"owner": owner, **given}, "", problems)
    head = read_head(fields, new_id=new_id)
    draft = msgspec.structs.replace(head, slots=read_slots(fields, head))
    fields.done(what="a resource")
    check_whole(draft, "", problems)
    refuse(problems)
    return draft


def changed_by(
    given: Mapping[str, Any], resource: Resource, slots: tuple[Slot, ...]
) -> tuple[ResourceDraft, tuple[Slot, ...]]:
    """The resource after `PATCH`; each slot that is sent keeps what it does not say. Or InvalidFields."""
    problems = Problems()
    fields = Fields({**standing_head(resource), **given, **_given_grid(given, resource)}, "", problems)
    head = read_head(fields, grid=resource.grid)
    if "plan" not in given:
        head = msgspec.structs.replace(head, plan=resource.plan)
    sent = _sent_slots(fields, head, slots)
    removed = _removed(fields, slots)
    fields.done(what="a resource")
    check_whole(msgspec.structs.replace(head, slots=sent), "", problems, standing=slots)
    refuse(problems)
    changed = block(put_in(slots, sent, currency=head.currency), removed)
    if head.currency != resource.currency:
        changed = tuple(_in_currency(slot, head.currency) for slot in changed)
    if len(changed) > MAX_SLOTS:
        problems.add("slots", f"would be {len(changed)} with those that stand; {MAX_SLOTS} are the most")
    refuse(problems)
    return head, changed


def refuse(problems: Problems) -> None:
    """Raise InvalidFields if there are problems."""
    if problems:
        count = len(problems.errors) + problems.more
        raise InvalidFields(
            f"{count} field{'s do' if count > 1 else ' does'} not hold", errors=problems.errors
        )


def _sent_slots(fields: Fields, head: ResourceDraft, slots: tuple[Slot, ...]) -> tuple[SlotDraft, ...]:
    index_of = {slot.id: slot.index for slot in slots}
    found = []
    for path, value in fields.items("slots", limit=MAX_SLOTS):
        sent = value if isinstance(value, dict) else {}
        index = index_of.get(str(sent.get("id")))
        standing = {} if index is None else _standing(slots[index])
        if "price_per_hour" in sent:
            standing.pop("price", None)
        item = Fields({**standing, **sent} if sent else value, path, fields.problems)
        found.append(read_slot(item, head))
        item.done(what="a slot")
    return tuple(found)


def _given_grid(given: Mapping[str, Any], resource: Resource) -> dict[str, Any]:
    """A grid's rules as they are sent, with what they don't say as it stands."""
    sent = given.get("grid")
    if resource.grid is None or not isinstance(sent, dict):
        return {}
    return {"grid": {**standing_grid(resource.grid), **sent}}


def standing_head(resource: Resource) -> dict[str, Any]:
    """A resource's fields as a request or file would say them; its plan is left out."""
    said = {name: getattr(resource, name) for name in _HEAD if name != "plan"}
    head: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(said))  # lists, no tuples
    head["categories"] = [_standing_category(category) for category in resource.categories]
    return head


def _standing_category(category: Category) -> dict[str, Any]:
    """Prices without a currency, for it may be changed."""
    return {
        "name": category.name,
        "colour": category.colour,
        "price": category.price and category.price.amount,
        "price_per_hour": category.price_per_hour and category.price_per_hour.amount,
    }


def _standing(slot: Slot) -> dict[str, Any]:
    return {name: getattr(slot, name) for name in _SLOT} | {"price": slot.price.amount}


def _removed(fields: Fields, slots: tuple[Slot, ...]) -> list[str]:
    known = {slot.id for slot in slots}
    found = []
    for path, value in fields.items("remove_slots", limit=MAX_SLOTS):
        if isinstance(value, str) and value in known:
            found.append(value)
        else:
            fields.problems.add(path, f"{shown(value)} is no slot of this resource")
    return found


def _in_currency(slot: Slot, currency: str) -> Slot:
    return msgspec.structs.replace(slot, price=msgspec.structs.replace(slot.price, currency=currency))
