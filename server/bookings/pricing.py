"""What a cart costs in a currency: by the owners' price lists, and by a rate where they say nothing. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from server.bookings.rates import MAX_UNIT, Rates, convert, is_beyond, is_current
from server.bookings.rules import Line
from server.inventory.price_lists import listed_currencies, listed_price
from server.inventory.rules import Resource, Slot

# A quote is kept so long after it was last asked for: longer than any cart lasts.
KEEP_MS: Final = 8 * 24 * 3_600_000


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a cart with the slot it is of, at the price it was held at."""

    line: Line
    slot: Slot
    resource: Resource

    @property
    def key(self) -> str:
        """What its price is kept under: a hold's item never changes its slot."""
        return f"{self.line.hold}:{self.line.index}"

    def listed(self, currency: str) -> int | None:
        """What its owner asks for one in `currency`; None if that is left to the rate."""
        return listed_price(self.resource, self.slot, currency)


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What a cart's things cost in `currency`: locked, so that what was shown is what is charged.

    `rate` is None as long as every price was an owner's own; `rate_at` (ms) is the moment of the rates it is
    out of. `prices` has the price of one by offer. `version` 0 is not kept yet.
    """

    reference: str
    base: str
    currency: str
    quoted_at: int
    rate: Decimal | None = None
    rate_at: int | None = None
    prices: Mapping[str, int] = {}
    version: int = 0

    def has_aged(self, now: int) -> bool:
        """Whether its rate is too old to count."""
        return self.rate_at is not None and not is_current(self.rate_at, now)

    def is_beyond(self, rates: Rates | None, tolerance_percent: int) -> bool:
        """Whether today's rates differ from its own by more than what is borne."""
        today = None if rates is None else rates.between(self.base, self.currency)
        return self.rate is not None and today is not None and is_beyond(self.rate, today, tolerance_percent)

    def total(self, offers: Sequence[Offer]) -> int:
        """The sum of the offers, all of which it knows."""
        return sum(offer.line.quantity * self.prices[offer.key] for offer in offers)


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A cart's lines in the currency it is booked in; the rest is None where that is its own."""

    lines: tuple[Line, ...]
    currency: str
    base_currency: str | None = None
    rate: Decimal | None = None
    quoted_at: int | None = None

    @property
    def total(self) -> int:
        """The sum of its lines, in minor units."""
        return sum(line.quantity * line.price for line in self.lines)


class NoRate(Exception):
    """A price needs a rate, and there is none."""


class TooMuch(Exception):
    """A price is more than can be written in the currency."""


def new_quote(reference: str, base: str, currency: str, now: int) -> Quote:
    """A quote that knows no price yet."""
    return Quote(reference=reference, base=base, currency=currency, quoted_at=now)


def filled(quote: Quote, offers: Sequence[Offer], rates: Rates | None) -> Quote:
    """The quote with the prices of these offers and no others; what it knew already stays as it was.

    Its rate is locked once it has one. Raises NoRate, or TooMuch.
    """
    if quote.currency == quote.base:
        return msgspec.structs.replace(quote, prices={offer.key: offer.line.price for offer in offers})
    missing = [offer for offer in offers if offer.key not in quote.prices]
    listed = {offer.key: offer.listed(quote.currency) for offer in missing}
    if quote.rate is None and any(price is None for price in listed.values()):
        quote = _with_rate(quote, rates)
    prices = {offer.key: quote.prices[offer.key] for offer in offers if offer.key in quote.prices}
    converter = _Converter(quote)
    for offer in missing:
        price = listed[offer.key]
        prices[offer.key] = converter.convert(offer.line) if price is None else _within(price)
    return msgspec.structs.replace(quote, prices=prices)


def renewed(
    found: Quote | None, new: Quote, offers: Sequence[Offer], rates: Rates | None, tolerance_percent: int
) -> Quote:
    """The quote that stands, for these offers; or `new` in its place, where its rate counts no longer.

    `new` says what is priced, and when. Raises what `filled` raises.
    """
    if found is None:
        return filled(new, offers, rates)
    if found.has_aged(new.quoted_at) or found.is_beyond(rates, tolerance_percent):
        return filled(msgspec.structs.replace(new, version=found.version), offers, rates)
    return filled(found, offers, rates)


def priced(quote: Quote, offers: Sequence[Offer]) -> tuple[Line, ...]:
    """The lines at the quote's prices, each with the price it was held at."""
    return tuple(
        msgspec.structs.replace(
            offer.line,
            price=quote.prices[offer.key],
            base_price=offer.line.price,
            slot=offer.slot.id,
            label=offer.slot.label,
        )
        for offer in offers
    )


def supported(offers: Sequence[Offer], base: str, rates: Rates | None) -> list[str]:
    """The currencies that all of it can be paid in: the cart's own first, then by their codes."""
    lists = [listed_currencies(offer.resource, offer.slot) for offer in offers]
    by_list = frozenset.intersection(*lists) if lists else frozenset()
    by_rate = rates.currencies(base) if rates is not None else []
    return [base, *sorted({*by_list, *by_rate} - {base})]


def _with_rate(quote: Quote, rates: Rates | None) -> Quote:
    rate = None if rates is None else rates.between(quote.base, quote.currency)
    if rates is None or rate is None:
        raise NoRate
    return msgspec.structs.replace(quote, rate=rate, rate_at=rates.at)


class _Converter:
    """Converts at a quote's rate. A range's steps are rounded so that they come to what all of it would."""

    def __init__(self, quote: Quote) -> None:
        self._quote = quote
        self._ranges: dict[str, tuple[int, int]] = {}

    def convert(self, line: Line) -> int:
        """What one of a line costs; a range's lines come in their order."""
        exact, told = self._ranges.get(line.hold, (0, 0)) if line.range else (0, 0)
        exact += line.price
        total = self._converted(exact)
        if line.range:
            self._ranges[line.hold] = (exact, total)
        return total - told

    def _converted(self, price: int) -> int:
        quote = self._quote
        assert quote.rate is not None, "a rate is locked before anything is converted"
        return _within(convert(price, quote.rate, quote.base, quote.currency))


def _within(price: int | None) -> int:
    if price is None or price > MAX_UNIT:
        raise TooMuch
    return price
