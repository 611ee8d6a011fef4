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

    def percent_back(self, now: int) -> tuple[int, int | None]:
        """How much goes back, in percent, and until when (ms) that stays so; None: for good.

        Where nothing says when it begins, it is always early enough for the best of the tiers.
        """
        if self.starts_at is None:
            percent = ALL if self.tiers is None else max((tier.percent for tier in self.tiers), default=0)
            return percent, None
        for tier in sorted(_or_default(self.tiers), key=lambda each: -each.hours):
            until = self.starts_at - tier.hours * HOUR_MS
            if now <= until:
                return tier.percent, until
        return 0, None


class CancellationRefund(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back of `paid` if a booking is cancelled now, in minor units and in percent of the price.

    `until` is how long that stays so (ms); None: for good.
    """

    paid: int
    amount: int
    percent: int
    until: int | None

    @property
    def kept(self) -> int:
        """What stays with the owner."""
        return self.paid - self.amount


def buyer_refund(parts: Sequence[Terms], paid: int, now: int, *, step: int = 1) -> CancellationRefund:
    """What a buyer who cancels gets back: each part's policy over its share of the price.

    It is rounded once, half up to the provider's `step` (minor units). What was paid beyond the price stayed
    when the booking was changed to something cheaper: nothing of that goes back.
    """
    weighed = [(part.value, *part.percent_back(now)) for part in parts]
    until = _first(moment for _, _, moment in weighed)
    price = sum(value for value, _, _ in weighed)
    if not price:
        return full_refund(paid, until=until)
    weight = sum(value * percent for value, percent, _ in weighed)
    bound = min(paid, price)
    amount = _rounded(bound * weight, ALL * price * step) * step if weight < ALL * price else paid
    return CancellationRefund(paid=paid, amount=min(amount, paid), percent=weight // price, until=until)


def full_refund(paid: int, *, until: int | None = None) -> CancellationRefund:
    """Everything goes back."""
    return CancellationRefund(paid=paid, amount=paid, percent=ALL, until=until)


def _or_default(tiers: tuple[RefundTier, ...] | None) -> tuple[RefundTier, ...]:
    """Where no policy says: all of it until it begins."""
    return (RefundTier(hours=0, percent=ALL),) if tiers is None else tiers


def _first(moments: Iterable[int | None]) -> int | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _rounded(value: int, by: int) -> int:
    return (2 * value + by) // (2 * by)
