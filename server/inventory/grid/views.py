"""A grid's rules as requests say them and answers show them: the same shape both ways."""

from typing import Any

import msgspec

from server.inventory.grid.rules import GridRules


def grid_view(rules: GridRules, currency: str) -> dict[str, Any]:
    """The rules with each price as `{amount, currency}`."""
    view = standing_grid(rules)
    for part in (view, *view["rates"]):
        part["price_per_hour"] = {"amount": part["price_per_hour"], "currency": currency}
    return view


def standing_grid(rules: GridRules) -> dict[str, Any]:
    """The rules with prices in minor units: those of a currency that may be about to change."""
    view: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(rules))  # lists, no tuples
    return view
