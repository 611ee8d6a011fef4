"""Quotes: what a cart costs in another currency, locked until it is booked. docs/prices.md says the rules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from server.accounts.rules import Caller
from server.bookings import quote_store
from server.bookings.live import LiveHolds
from server.bookings.places import Places, places_of
from server.bookings.pricing import (
    NoRate,
    Offer,
    Price,
    Quote,
    TooMuch,
    filled,
    new_quote,
    priced,
    renewed,
    supported,
)
from server.bookings.rates import Rates, RateSource, RatesUnusable, convert
from server.bookings.rules import Line, lines_of
from server.currencies import format_amount, problem_of
from server.database.pool import Database
from server.errors import Conflict, FieldError, InvalidFields, Unavailable
from server.holds.rules import Cart
from server.holds.sources import Resources
from server.times import Clock

# Why a payment of so many minor units of a currency would not be taken; None if it would.
Refuses = Callable[[int, str], str | None]

DEFAULT_TOLERANCE_PERCENT: Final = 2
# How often a quote that another tab changed meanwhile is looked at again.
TRIES: Final = 5
RETRY_SECONDS: Final = 60

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A cart's quote, its lines by it, and the currencies that the cart can be paid in."""

    quote: Quote
    lines: tuple[Line, ...]
    supported: list[str]

    @property
    def total(self) -> int:
        """The sum of the lines, in minor units of the quote's currency."""
        return sum(line.quantity * line.price for line in self.lines)


@dataclass(frozen=True, slots=True)
class _Basket:
    """A cart with its slots, and the rates of now."""

    cart: Cart
    places: Places
    offers: Sequence[Offer]
    rates: Rates | None
    trouble: str

    def empty_quote(self, currency: str, now: int) -> Quote:
        return new_quote(self.cart.reference, self.cart.currency, currency, now)


class Quotes:
    """What `/api/cart/quote` answers, and the price that a booking is made at."""

    def __init__(
        self,
        database: Database,
        holds: LiveHolds,
        inventory: Resources,
        clock: Clock,
        *,
        rates: RateSource | None = None,
        tolerance_percent: int = DEFAULT_TOLERANCE_PERCENT,
        refuses: Refuses | None = None,
    ) -> None:
        self._database = database
        self._holds = holds
        self._inventory = inventory
        self._clock = clock
        self._rates = rates
        self._tolerance_percent = tolerance_percent
        self._refuses = refuses or _takes_all

    async def ask(self, caller: Caller, currency: str) -> Quoted:
        """The caller's cart priced in `currency`, which it is shown in from now on.

        A quote that stands keeps its rate. Conflict without a cart, InvalidFields for a currency that the
        cart can't be paid in, Unavailable while there are no rates for it.
        """
        cart = await self._cart(caller)
        if cart is None:
            raise Conflict("there is no cart to price")
        basket = await self._basket(cart)
        self._require_known(currency, basket)
        quote, _ = await self._kept(currency, basket)
        async with self._database.connection() as connection:
            await quote_store.ask(connection, quote, self._clock())
        return self._quoted(quote, basket)

    async def present(self, caller: Caller) -> Quoted | None:
        """The quote that the caller's cart was last asked for, else its own currency's; None without a cart.

        A cart that changed since is totalled anew at the rate it was quoted at.
        """
        cart = await self._cart(caller)
        if cart is None:
            return None
        basket = await self._basket(cart)
        async with self._database.connection() as connection:
            found = await quote_store.last(connection, cart.reference)
        if found is not None:
            try:
                return self._quoted(await self._grown(found, basket), basket)
            except (NoRate, TooMuch):
                _log.info("quote_outgrown", currency=found.currency)
        own = filled(basket.empty_quote(cart.currency, self._clock()), basket.offers, None)
        return self._quoted(own, basket)

    async def price(self, cart: Cart, currency: str | None, *, keep: bool) -> Price:
        """The cart's lines as they are booked: in its own currency, or in the one it was quoted in.

        What was never quoted is quoted now. Conflict where its quote counts no longer and another stands in
        its place, with another total; with `keep` False it would, and nothing is written.
        """
        if currency is None or currency == cart.currency:
            return Price(lines=lines_of(cart.holds), currency=cart.currency)
        basket = await self._basket(cart)
        self._require_known(currency, basket)
        quote, before = await (self._kept if keep else self._found)(currency, basket)
        if before is not None:
            _require_same_total(before, quote, basket)
        return Price(
            lines=priced(quote, basket.offers),
            currency=currency,
            base_currency=quote.base,
            rate=quote.rate,
            quoted_at=quote.quoted_at,
        )

    async def _cart(self, caller: Caller) -> Cart | None:
        return await self._holds.cart(caller.session) if caller.session else None

    async def _basket(self, cart: Cart) -> _Basket:
        lines = lines_of(cart.holds)
        places = await places_of(self._inventory, lines)
        offers = [
            Offer(line=line, slot=places.slot(line), resource=places.by_resource[line.resource].resource)
            for line in lines
        ]
        try:
            rates = None if self._rates is None else await self._rates.latest(self._clock())
        except RatesUnusable as trouble:
            return _Basket(cart, places, offers, None, str(trouble))
        return _Basket(cart, places, offers, rates, "")

    async def _kept(self, currency: str, basket: _Basket) -> tuple[Quote, Quote | None]:
        """The quote as it is kept from now on, and what stood before."""
        for _ in range(TRIES):
            quote, before = await self._found(currency, basket)
            if before is not None and _same(before, quote):
                return quote, before
            now = self._clock()
            async with self._database.transaction() as connection:
                if await quote_store.write(connection, quote, now):
                    return quote, before
        raise Conflict("the cart is priced in another tab just now", retry_after=1)

    async def _found(self, currency: str, basket: _Basket) -> tuple[Quote, Quote | None]:
        """The quote that would be kept, and what stands."""
        async with self._database.connection() as connection:
            found = await quote_store.read(connection, basket.cart.reference, currency)
        new = basket.empty_quote(currency, self._clock())
        try:
            quote = renewed(found, new, basket.offers, basket.rates, self._tolerance_percent)
        except NoRate:
            raise self._no_rate(currency, basket) from None
        except TooMuch:
            raise self._refusal(currency, "a price would be too large", basket) from None
        self._require_taken(quote, basket)
        return quote, found

    async def _grown(self, found: Quote, basket: _Basket) -> Quote:
        """A quote for a cart that changed since."""
        quote = filled(found, basket.offers, basket.rates)
        if not _same(found, quote):
            async with self._database.transaction() as connection:
                await quote_store.write(connection, quote, self._clock())
        return quote

    def _quoted(self, quote: Quote, basket: _Basket) -> Quoted:
        lines = basket.places.named(priced(quote, basket.offers))
        return Quoted(quote, lines, self._supported(basket))

    def _supported(self, basket: _Basket) -> list[str]:
        own = basket.cart.currency
        found = supported(basket.offers, own, basket.rates)
        return [code for code in found if code == own or self._is_taken(code, basket)]

    def _is_taken(self, currency: str, basket: _Basket) -> bool:
        """Whether about so much would be taken; the exact total is looked at when it is quoted."""
        rates, own = basket.rates, basket.cart.currency
        rate = None if rates is None else rates.between(own, currency)
        if rate is None:
            return True
        total = convert(basket.cart.total, rate, own, currency)
        return total is not None and (not total or self._refuses(total, currency) is None)

    def _require_known(self, currency: str, basket: _Basket) -> None:
        problem = problem_of(currency)
        if problem:
            raise self._refusal(currency, problem, basket)

    def _require_taken(self, quote: Quote, basket: _Basket) -> None:
        total = quote.total(basket.offers)
        problem = self._refuses(total, quote.currency) if total else None
        if problem:
            raise self._refusal(quote.currency, problem, basket)

    def _no_rate(self, currency: str, basket: _Basket) -> InvalidFields | Unavailable:
        if basket.trouble:
            others = ", ".join(self._supported(basket))
            return Unavailable(
                f"there are no exchange rates just now; the cart can be paid in {others}",
                retry_after=RETRY_SECONDS,
            )
        return self._refusal(currency, f"this cart has no price in {currency}", basket)

    def _refusal(self, currency: str, problem: str, basket: _Basket) -> InvalidFields:
        others = ", ".join(code for code in self._supported(basket) if code != currency)
        message = f"{problem}; it can be paid in {others}" if others else problem
        return InvalidFields(message, errors=[FieldError("currency", message)])


class Requoted(Conflict):
    """The rate that was locked counts no longer; another quote, with another total, stands in its place."""

    def __init__(self, old: str, new: str) -> None:
        message = f"was quoted anew: what was {old} is {new} now"
        super().__init__(f"the cart {message}; look at it and book again")
        self.errors = [FieldError("currency", message)]


def _takes_all(_amount: int, _currency: str) -> None:
    return None


def _same(before: Quote, quote: Quote) -> bool:
    """Whether there is nothing to write."""
    if before.currency == before.base:
        return True
    return msgspec.structs.replace(quote, prices=dict(before.prices)) == before and not (
        quote.prices.keys() - before.prices.keys()
    )


def _require_same_total(before: Quote, quote: Quote, basket: _Basket) -> None:
    """What was quoted is what is charged, for what the cart has now."""
    old = filled(before, basket.offers, basket.rates).total(basket.offers)
    new = quote.total(basket.offers)
    if old != new:
        raise Requoted(_written(old, quote.currency), _written(new, quote.currency))


def _written(amount: int, currency: str) -> str:
    return f"{format_amount(amount, currency)} {currency}"
