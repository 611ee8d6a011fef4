"""Prices as files and requests write them: minor units, for a thing or for an hour of it."""

from datetime import datetime, timedelta

from server.currencies import EXPONENTS, format_amount
from server.inventory.fields import Fields, shown
from server.inventory.rules import Category, ResourceDraft

# What payment providers take at the most, in minor units; of small ones they take more.
_HIGHEST = 99_999_999
_HIGHEST_OF_SMALL = 2_000_000_000
_SMALL = frozenset({"cop", "idr", "inr"})


def highest_price(currency: str) -> int:
    """The most that a thing may cost, in minor units."""
    return _HIGHEST_OF_SMALL if currency in _SMALL else _HIGHEST


def read_price(value: object, currency: str) -> int | str:
    """Minor units of `currency`, or what is wrong; a number or `{amount, currency}`."""
    if isinstance(value, dict) and set(value) == {"amount", "currency"}:
        if value["currency"] != currency:
            return f"is in {shown(value['currency'])}; {currency!r} is wanted here"
        value = value["amount"]
    highest = highest_price(currency)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= highest:
        return value
    wanted = f"a whole number of minor units up to {highest} is wanted"
    return f"is {shown(value)}; {wanted}: {_example(currency)}"


def price_field(fields: Fields, name: str, currency: str) -> int | None:
    """One field's price, None where it is missing; what is wrong is noted, and then it is 0."""
    value = fields.take(name)
    if value is None:
        return None
    price = read_price(value, currency)
    if isinstance(price, str):
        fields.wrong(name, price)
        return 0
    return price


def price_map(fields: Fields, name: str, currency: str) -> dict[str, int]:
    """A map of names → minor units, of categories or slots; a missing one is empty."""
    child = fields.child(name)
    if child is None:
        return {}
    prices: dict[str, int] = {}
    for each in child.names():
        price = read_price(child.take(each), currency)
        if isinstance(price, str):
            child.wrong(each, price)
        else:
            prices[each] = price
    return prices


def price_of_hours(per_hour: int, starts_at: str | None, ends_at: str | None) -> int | None:
    """So much an hour for the whole time, rounded half up; None without a beginning and an end after it."""
    if starts_at is None or ends_at is None or ends_at <= starts_at:
        return None
    time = datetime.fromisoformat(ends_at) - datetime.fromisoformat(starts_at)
    return (2 * per_hour * (time // timedelta(milliseconds=1)) + 3_600_000) // 7_200_000


def slot_price(
    fields: Fields, head: ResourceDraft, category: str, times: tuple[str | None, str | None]
) -> int:
    """A slot's price: its own, its own by the hour, or its category's."""
    price = price_field(fields, "price", head.currency)
    per_hour = price_field(fields, "price_per_hour", head.currency)
    if price is not None:
        if per_hour is not None:
            fields.wrong("price_per_hour", "stands beside price; one of the two is wanted")
        return price
    if per_hour is None:
        found = next((each for each in head.categories if each.name == category), Category(name=""))
        if found.price is not None:
            return found.price.amount
        per_hour = None if found.price_per_hour is None else found.price_per_hour.amount
    if per_hour is None:
        return missing_price(fields, head.currency)
    return hours_price(fields, per_hour, head.currency, times)


def missing_price(fields: Fields, currency: str) -> int:
    """Note that there is none."""
    fields.wrong("price", f"is missing; a whole number of minor units is wanted, {_example(currency)}")
    return 0


def hours_price(fields: Fields, per_hour: int, currency: str, times: tuple[str | None, str | None]) -> int:
    """The price of a time at so much an hour; what is wrong is noted at `price_per_hour`."""
    price = price_of_hours(per_hour, *times)
    if price is None:
        fields.wrong("price_per_hour", "needs starts_at and, after it, ends_at")
    elif price > highest_price(currency):
        fields.wrong(
            "price_per_hour", f"comes to {price}; {highest_price(currency)} minor units are the most"
        )
    return price or 0


def _example(currency: str) -> str:
    return f"8500 for {format_amount(8500, currency if currency in EXPONENTS else 'usd')}"
