"""Amounts as Stripe counts them (docs.stripe.com/currencies): mostly ISO 4217 minor units, as ours are.

What Stripe can't take exactly is refused beforehand, never rounded: what was priced is what is charged.
"""

from typing import Final

from server.payments.provider import ProviderCannot

# Without decimals by ISO, and yet passed to Stripe with two, both always 0.
_TIMES_100: Final = frozenset({"isk", "ugx"})
# With two decimals by ISO, and without any at Stripe.
_BY_100: Final = frozenset({"mga"})
# With three decimals, of which Stripe's partners take two.
_STEPS_OF_10: Final = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
_NOT_TAKEN: Final = frozenset(
    {"btn", "cup", "ern", "iqd", "irr", "kpw", "lyd", "mru", "sdg", "ssp", "syp", "tmt", "ved", "ves", "zwg"}
)
# In Stripe's units. Other currencies have a least amount by the rate of the day, which Stripe itself knows.
_LEAST: Final = {
    **dict.fromkeys(
        ("ars", "aud", "brl", "cad", "chf", "cop", "eur", "idr", "ils", "inr", "jpy", "krw", "nzd", "php"), 50
    ),
    **dict.fromkeys(("rub", "sgd", "usd", "zar"), 50),
    **dict.fromkeys(("aed", "myr", "pln", "ron"), 200),
    **dict.fromkeys(("nok", "sek"), 300),
    **dict.fromkeys(("mxn", "thb"), 1000),
    "czk": 1500,
    "dkk": 250,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
}
_DIGITS: Final = 8
_MORE_DIGITS: Final = {"idr": 12, "cop": 10, "inr": 9}


def to_stripe(amount: int, currency: str) -> int:
    """Our minor units as Stripe's; ProviderCannot where there is no such amount."""
    problem = problem_of(amount, currency)
    if problem:
        raise ProviderCannot(problem)
    return _counted(amount, currency)


def from_stripe(amount: int, currency: str) -> int:
    """Stripe's units as our minor units."""
    if currency in _TIMES_100:
        return amount // 100
    return amount * 100 if currency in _BY_100 else amount


def step_of(currency: str) -> int:
    """Stripe takes multiples of so many of our minor units."""
    return 10 if currency in _STEPS_OF_10 else 100 if currency in _BY_100 else 1


def problem_of(amount: int, currency: str) -> str | None:
    """Why Stripe could not be asked for such an amount in one payment or refund, None if it could."""
    if currency in _NOT_TAKEN:
        return f"Stripe does not take {currency}"
    step = step_of(currency)
    if amount % step:
        return f"Stripe takes {currency} in steps of {step} minor units, and {amount} is none"
    return None


def refusal_of(amount: int, currency: str) -> str | None:
    """Why Stripe would not take a payment of so much, None if it would."""
    problem = problem_of(amount, currency)
    if problem:
        return problem
    counted = _counted(amount, currency)
    least, most = _LEAST.get(currency, 1), 10 ** _MORE_DIGITS.get(currency, _DIGITS) - 1
    if counted < least:
        return f"Stripe takes {from_stripe(least, currency)} minor units of {currency} at least"
    if counted > most:
        return f"Stripe takes {from_stripe(most, currency)} minor units of {currency} at most"
    return None


def _counted(amount: int, currency: str) -> int:
    if currency in _TIMES_100:
        return amount * 100
    return amount // 100 if currency in _BY_100 else amount
