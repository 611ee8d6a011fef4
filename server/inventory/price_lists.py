"""Prices in other currencies than a resource's own, as its owner sets them, and prices by the hour. Pure.

    price_lists:
      gbp:
        categories: {Stalls: 4300}     # what a place of the category costs
        per_hour: {Court: 1200}        # … or what an hour of it costs
        slots: {A-1: 5000}             # what this one costs, whatever its category

All are minor units. What a list does not name has no price in that currency but by a rate.
"""

from collections.abc import Collection, Mapping

from server.currencies import problem_of
from server.inventory.fields import Fields, Problems, shown
from server.inventory.prices import price_map, price_of_hours
from server.inventory.rules import PriceList, Resource, Slot

_MAX_LISTED = 20_000


def listed_price(resource: Resource, slot: Slot, currency: str) -> int | None:
    """What one of the slot costs in `currency` by its owner's list, in minor units; None if no list says."""
    prices = resource.price_lists.get(currency)
    if prices is None:
        return None
    found = prices.slots.get(slot.id, prices.categories.get(slot.category))
    if found is None and slot.category in prices.per_hour:
        found = price_of_hours(prices.per_hour[slot.category], slot.starts_at, slot.ends_at)
    return found


def listed_currencies(resource: Resource, slot: Slot) -> frozenset[str]:
    """The currencies in which a list has a price for the slot."""
    return frozenset(code for code in resource.price_lists if listed_price(resource, slot, code) is not None)


def read_price_lists(fields: Fields, currency: str) -> dict[str, PriceList]:
    """The map `price_lists` of a resource whose own currency is `currency`."""
    child = fields.child("price_lists")
    if child is None:
        return {}
    lists: dict[str, PriceList] = {}
    for code in child.names():
        problem = problem_of(code)
        if not problem and code == currency:
            problem = "is the resource's own currency; its prices stand at its slots and categories"
        if problem:
            child.take(code)
            child.wrong(code[:100], problem)
        elif code in child:
            lists[code] = _read_list(child.child(code) or child, code)
    return lists


def check_names(
    lists: Mapping[str, PriceList],
    known: tuple[Collection[str], Collection[str]],
    path: str,
    problems: Problems,
) -> None:
    """A list names only `known` categories and slots: anything else is a slip of the pen."""
    categories, slots = known
    for code, prices in lists.items():
        at = f"{path}.price_lists.{code}" if path else f"price_lists.{code}"
        for part, names in (("categories", prices.categories), ("per_hour", prices.per_hour)):
            for name in names:
                if name not in categories:
                    there = ", ".join(sorted(categories)[:20]) or "none"
                    problems.add(f"{at}.{part}", f"{shown(name)} is no category here; there is {there}")
        for name in prices.slots:
            if name not in slots:
                problems.add(f"{at}.slots", f"{shown(name)} is no slot of this resource")


def without_unknown(
    lists: Mapping[str, PriceList], categories: Collection[str], slots: Collection[str]
) -> dict[str, PriceList]:
    """The lists without what is no longer there."""

    def kept(prices: dict[str, int], known: Collection[str]) -> dict[str, int]:
        return {name: price for name, price in prices.items() if name in known}

    return {
        code: PriceList(
            categories=kept(prices.categories, categories),
            per_hour=kept(prices.per_hour, categories),
            slots=kept(prices.slots, slots),
        )
        for code, prices in lists.items()
    }


def _read_list(fields: Fields, currency: str) -> PriceList:
    prices = PriceList(
        categories=price_map(fields, "categories", currency),
        per_hour=price_map(fields, "per_hour", currency),
        slots=price_map(fields, "slots", currency),
    )
    for name in prices.per_hour.keys() & prices.categories.keys():
        fields.wrong("per_hour", f"{shown(name)} stands among the categories too; once is right")
    if len(prices.slots) > _MAX_LISTED:
        fields.wrong(
            "slots", f"has {len(prices.slots)} prices; {_MAX_LISTED} are the most, so use categories"
        )
    fields.done(what="a price list")
    return prices
