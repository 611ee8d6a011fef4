"""What a buyer who cancels gets back: the policies of what was booked, against the time left. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from server.inventory.rules import RefundTier

HOUR_MS: Final = 3_600_000
ALL: Final = 100


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """One resource's part of a booking: what it cost (minor units), when it begins, what its policy says."""

    value: int
    starts_at: int | None
    tiers: tuple[RefundTier, ...] | None

    def share(self, now: int) -> tuple[int, int | None]:
        """How much goes back, in percent, and until when (ms) that stays so; None: for good."""
        if self.starts_at is None:
            return max(
                (tier.percent for tier in self.tiers), default=0
            ) if self.tiers is not None else ALL, None
        for tier in sorted(_or_default(self.tiers), key=lambda each: -each.hours):
            until = self.starts_at - tier.hours * HOUR_MS
            if now <= until:
                return tier.percent, until
        return 0, None


class Terminable(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back of `paid` if it is cancelled now, in minor units; until when (ms), None for good."""

    paid: int
    refund: int
    percent: int
    until: int | None

    @property
    def kept(self) -> int:
        """What stays with the owner."""
        return self.paid - self.refund


def by_buyer(parts: Sequence[Terms], paid: int, now: int, *, step: int = 1) -> Terminable:
    """Each part's policy over its share of the price; rounded half up to the provider's `step`.

    What was paid beyond the price stayed when it was changed to something cheaper: nothing of that goes back.
    """
    shares = [(part.value, *part.share(now)) for part in parts]
    whole = sum(value for value, _, _ in shares)
    if not whole:
        return all_of_it(paid, until=_first(until for _, _, until in shares))
    weighed = sum(value * percent for value, percent, _ in shares)
    bound = min(paid, whole)
    refund = _rounded(bound * weighed, ALL * whole * step) * step if weighed < ALL * whole else paid
    return Terminable(
        paid=paid,
        refund=min(refund, paid),
        percent=weighed // whole,
        until=_first(until for _, _, until in shares),
    )


def all_of_it(paid: int, *, until: int | None = None) -> Terminable:
    """Everything goes back."""
    return Terminable(paid=paid, refund=paid, percent=ALL, until=until)


def _or_default(tiers: tuple[RefundTier, ...] | None) -> tuple[RefundTier, ...]:
    """Where no policy says: all of it until it begins."""
    return (RefundTier(hours=0, percent=ALL),) if tiers is None else tiers


def _first(moments: Iterable[int | None]) -> int | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _rounded(value: int, by: int) -> int:
    return (2 * value + by) // (2 * by)
