"""Exchange rates as values. Pure: decimal fractions throughout, never a float; time is an argument."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import Final, Protocol

import msgspec

from server.currencies import exponent

# Older rates are not used, for a new quote or for one that was locked by them.
MAX_AGE_MS: Final = 24 * 3_600_000
# A clock may be so far ahead of ours; rates of a later future are a mistake.
AHEAD_MS: Final = 5 * 60_000
# The most that one thing may cost, in minor units: what the column of a line's price holds.
MAX_UNIT: Final = 2**31 - 1

# A rate by way of a third currency keeps so many digits; one that was given keeps all of its own.
_CROSS: Final = Context(prec=12, rounding=ROUND_HALF_EVEN)
# Wide enough that a product of a price and a rate is exact before it is rounded, once.
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_UP)


class RatesUnusable(Exception):
    """There are no rates just now; the text says why and is safe to log."""


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """One unit of `base` is so many of each other currency, as of `at` (ms)."""

    base: str
    at: int
    rates: Mapping[str, Decimal]

    def between(self, source: str, target: str) -> Decimal | None:
        """What one unit of `source` is in `target`; None if it is not known."""
        if source == target:
            return Decimal(1)
        known = {**self.rates, self.base: Decimal(1)}
        if source not in known or target not in known:
            return None
        return known[target] if source == self.base else _CROSS.divide(known[target], known[source])

    def currencies(self, source: str) -> list[str]:
        """What `source` can be changed into, itself left out; nothing if it is not known."""
        known = {self.base, *self.rates}
        return sorted(known - {source}) if source in known else []

    def is_current(self, now: int) -> bool:
        """Whether they count at `now` (ms)."""
        return is_current(self.at, now)


class RateSource(Protocol):
    """Where rates come from."""

    async def latest(self, now: int) -> Rates:
        """The rates that count at `now` (ms); RatesUnusable if there are none."""
        ...


def is_current(at: int, now: int) -> bool:
    """Whether rates of `at` count at `now` (both ms)."""
    return -AHEAD_MS <= now - at <= MAX_AGE_MS


def step(currency: str) -> int:
    """The smallest difference of two converted prices, in minor units: what cards can be charged exactly.

    That is one minor unit, but 0.010 where there are three digits, and a whole ariary.
    """
    return 100 if currency == "mga" else 10 if exponent(currency) == 3 else 1


def convert(amount: int, rate: Decimal, source: str, target: str) -> int | None:
    """Minor units of `source` in those of `target`, rounded half up; None if that is more than MAX_UNIT.

    What costs something never becomes free: it costs one step at least.
    """
    scale, smallest = exponent(target) - exponent(source), step(target)
    exact = _EXACT.scaleb(_EXACT.multiply(Decimal(amount), rate), scale)
    steps = _EXACT.divide(exact, Decimal(smallest))
    if steps > MAX_UNIT:
        return None
    rounded = int(steps.to_integral_value(ROUND_HALF_UP)) * smallest
    return _within(max(rounded, smallest if amount else 0))


def is_beyond(locked: Decimal, today: Decimal, tolerance_percent: int) -> bool:
    """Whether two rates differ by more than so many percent of the locked one."""
    return abs(today - locked) * 100 > locked * tolerance_percent


def _within(amount: int) -> int | None:
    return amount if amount <= MAX_UNIT else None
