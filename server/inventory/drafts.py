"""Reads a resource as a request's body or a catalogue's entry describes it, and checks it as a whole."""

import re
from collections.abc import Callable, Sequence
from typing import cast, get_args
from zoneinfo import ZoneInfo

from server.currencies import problem_of
from server.inventory.decoration import read_plan
from server.inventory.fields import Fields, Problems, shown
from server.inventory.grid.drafts import read_grid
from server.inventory.grid.rules import GridRules
from server.inventory.price_lists import check_names, read_price_lists
from server.inventory.prices import price_field, slot_price
from server.inventory.rules import (
    MAX_CAPACITY,
    MAX_SLOTS,
    Category,
    DisputePolicy,
    HoldPolicy,
    Kind,
    Money,
    RefundTier,
    ResourceDraft,
    Slot,
    SlotDraft,
)
from server.inventory.times import is_time_zone

KINDS: tuple[Kind, ...] = get_args(Kind)
ID_HINT = "an id has 1 to 64 letters, digits, - _ or ., and starts with a letter or digit"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WEEK = 7 * 24 * 3600
_MAX_CATEGORIES = 100
_MAX_TIERS = 10
_YEAR_HOURS = 8784
_MOST_APPROVAL = 6 * 24 * 3600  # a card's promise lasts a week


def read_head(
    fields: Fields, *, new_id: Callable[[], str] | None = None, grid: GridRules | None = None
) -> ResourceDraft:
    """Everything of a resource but its slots; `new_id` makes an id where none is given.

    Times without an offset are the clock's of the resource's zone. `grid` are the rules of the resource that
    is changed. Call `fields.done()` afterwards.
    """
    zone_name = _time_zone(fields)
    zone = ZoneInfo(zone_name)
    currency = read_currency(fields)
    kind = _kind(fields)
    return ResourceDraft(
        id=read_id(fields, new_id),
        kind=kind,
        title=fields.text("title"),
        owner=fields.text("owner", hint="the user who owns it is wanted"),
        time_zone=zone_name,
        currency=currency,
        description=fields.text("description", "", limit=5000, lines=True),
        starts_at=fields.instant_or_none("starts_at", zone),
        ends_at=fields.instant_or_none("ends_at", zone),
        policy=_policy(fields.child("policy")),
        categories=_categories(fields, currency),
        plan=read_plan(fields.child("plan")),
        price_lists=read_price_lists(fields, currency),
        address=fields.text("address", "", limit=500),
        grid=read_grid(fields, kind, currency=currency, zone=zone, standing=grid),
    )


def read_slots(fields: Fields, head: ResourceDraft) -> tuple[SlotDraft, ...]:
    """The list `slots` of an entry."""
    slots = []
    for path, value in fields.items("slots", limit=MAX_SLOTS):
        slot = Fields(value, path, fields.problems)
        slots.append(read_slot(slot, head))
        slot.done(what="a slot")
    return tuple(slots)


def read_slot(fields: Fields, head: ResourceDraft) -> SlotDraft:
    """One slot; its price may come from its category, its label from its id."""
    zone = ZoneInfo(head.time_zone)
    slot_id = fields.text("id", limit=100)
    category = fields.text("category", "")
    times = (fields.instant_or_none("starts_at", zone), fields.instant_or_none("ends_at", zone))
    return SlotDraft(
        id=slot_id,
        label=fields.text("label", slot_id),
        capacity=fields.whole("capacity", 1, highest=MAX_CAPACITY),
        price=slot_price(fields, head, category, times),
        category=category,
        section=fields.text("section", ""),
        row=fields.text("row", ""),
        starts_at=times[0],
        ends_at=times[1],
        x=fields.number_or_none("x"),
        y=fields.number_or_none("y"),
        accessible=fields.flag("accessible"),
        blocked=fields.flag("blocked"),
    )


def check_whole(
    draft: ResourceDraft, path: str, problems: Problems, *, standing: Sequence[Slot] = ()
) -> None:
    """What no field shows alone: doubled ids, unknown categories, ends before beginnings, prices of nothing.

    `standing` are the slots that are there beside the draft's.
    """
    prefix = f"{path}." if path else ""
    _check_order(draft, path, problems)
    if draft.kind == "grid":
        _check_grid(draft, prefix, problems)
    names = {category.name for category in draft.categories}
    seen: dict[str, int] = {}
    for place, slot in enumerate(draft.slots):
        at = f"{prefix}slots[{place}]"
        first = seen.setdefault(slot.id, place)
        if first != place and slot.id:
            problems.add(
                f"{at}.id", f"{shown(slot.id)} is the id of {prefix}slots[{first}] too; ids are unique"
            )
        if slot.category and names and slot.category not in names:
            problems.add(f"{at}.category", f"{shown(slot.category)} is none of {', '.join(sorted(names))}")
        _check_order(slot, at, problems)
    slots: list[SlotDraft | Slot] = [*draft.slots, *standing]
    known = names | {slot.category for slot in slots if slot.category}, {slot.id for slot in slots}
    check_names(draft.price_lists, known, path, problems)


def read_id(fields: Fields, new_id: Callable[[], str] | None) -> str:
    """An id that can stand in an address and in a key."""
    if new_id is not None and "id" not in fields:
        fields.take("id")
        return new_id()
    given = fields.text("id", limit=64, hint=ID_HINT)
    if given and not is_id(given):
        fields.wrong("id", f"is {shown(given)}; {ID_HINT}")
    return given


def is_id(text: str) -> bool:
    """Whether a text can be a resource's id."""
    return bool(_ID.fullmatch(text))


def read_currency(fields: Fields) -> str:
    """An ISO 4217 code in lower case."""
    given = fields.text("currency", hint='an ISO 4217 code in lower case is wanted, such as "usd"')
    problem = problem_of(given) if given else ""
    if problem:
        fields.wrong("currency", problem)
    return given


def _time_zone(fields: Fields) -> str:
    given = fields.text("time_zone", hint='an IANA time zone is wanted, such as "Europe/Berlin"')
    if given and not is_time_zone(given):
        fields.wrong("time_zone", f"{shown(given)} is no IANA time zone; one looks like Europe/Berlin")
    return given if is_time_zone(given) else "UTC"


def _kind(fields: Fields) -> Kind:
    wanted = f"one of {', '.join(KINDS)} is wanted"
    given = fields.text("kind", hint=wanted)
    if given in KINDS:
        return given
    if given:
        fields.wrong("kind", f"is {shown(given)}; {wanted}")
    return "seats"


def _policy(fields: Fields | None) -> HoldPolicy:
    if fields is None:
        return HoldPolicy()
    policy = HoldPolicy(
        hold_seconds=fields.whole_or_none("hold_seconds", lowest=1, highest=_WEEK),
        hold_max_seconds=fields.whole_or_none("hold_max_seconds", lowest=1, highest=_WEEK),
        payment_seconds=fields.whole_or_none("payment_seconds", lowest=1, highest=_WEEK),
        disconnect_grace_seconds=fields.whole_or_none("disconnect_grace_seconds", lowest=0, highest=_WEEK),
        max_hold_items=fields.whole_or_none("max_hold_items", lowest=0, highest=MAX_SLOTS),
        dispute=_dispute(fields),
        refund=_refund(fields),
        approval_seconds=fields.whole_or_none("approval_seconds", lowest=60, highest=_MOST_APPROVAL),
    )
    longest = policy.hold_max_seconds
    if longest is not None and policy.hold_seconds is not None and longest < policy.hold_seconds:
        fields.wrong("hold_max_seconds", f"is {longest}; it is at least hold_seconds, {policy.hold_seconds}")
    fields.done(what="a policy")
    return policy


def _dispute(fields: Fields) -> DisputePolicy | None:
    given = fields.text("dispute", "")
    for policy in get_args(DisputePolicy):
        if given == policy:
            return cast("DisputePolicy", policy)
    if given:
        fields.wrong("dispute", f"is {shown(given)}; one of {', '.join(get_args(DisputePolicy))} is wanted")
    return None


def _refund(fields: Fields) -> tuple[RefundTier, ...] | None:
    """Tiers with the most hours first; an empty list is nothing back, none at all the default."""
    if "refund" not in fields:
        fields.take("refund")
        return None
    tiers: dict[int, RefundTier] = {}
    for path, value in fields.items("refund", limit=_MAX_TIERS):
        item = Fields(value, path, fields.problems)
        tier = RefundTier(
            hours=item.whole("hours", lowest=0, highest=_YEAR_HOURS),
            percent=item.whole("percent", lowest=0, highest=100),
        )
        if tier.hours in tiers:
            item.wrong("hours", f"{tier.hours} stands twice; each tier has its own hours")
        tiers[tier.hours] = tier
        item.done(what="a tier")
    return tuple(sorted(tiers.values(), key=lambda tier: -tier.hours))


def _categories(fields: Fields, currency: str) -> tuple[Category, ...]:
    categories: list[Category] = []
    for path, value in fields.items("categories", limit=_MAX_CATEGORIES):
        item = Fields(value, path, fields.problems)
        category = _category(item, currency)
        if category.name in {each.name for each in categories}:
            item.wrong("name", f"{shown(category.name)} stands twice; categories have different names")
        categories.append(category)
        item.done(what="a category")
    return tuple(categories)


def _category(item: Fields, currency: str) -> Category:
    price = price_field(item, "price", currency)
    per_hour = price_field(item, "price_per_hour", currency)
    if price is not None and per_hour is not None:
        item.wrong("price_per_hour", "stands beside price; one of the two is wanted")
    return Category(
        name=item.text("name"),
        colour=item.text("colour", "", limit=40),
        price=None if price is None else Money(price, currency),
        price_per_hour=None if per_hour is None else Money(per_hour, currency),
    )


def _check_grid(draft: ResourceDraft, prefix: str, problems: Problems) -> None:
    """A grid's times, prices and places are its rules'."""
    for name in ("slots", "categories", "price_lists", "starts_at", "ends_at"):
        if getattr(draft, name):
            problems.add(f"{prefix}{name}", "is not for a grid; its steps, times and prices stand under grid")


def _check_order(part: ResourceDraft | SlotDraft, path: str, problems: Problems) -> None:
    if part.starts_at and part.ends_at and part.ends_at <= part.starts_at:
        problems.add(f"{path}.ends_at" if path else "ends_at", "is not after starts_at")
