"""What was shown is what is charged, whatever rates, lists and carts do in between: drawn at random."""

from dataclasses import dataclass, field
from random import Random

import msgspec
import pytest

from server.bookings.quotes import Requoted
from server.errors import InvalidFields, Unavailable
from server.inventory.rules import PriceList
from tests.bookings.rates import Board, lists, opens_bureau
from tests.payments.house import FORM, PRICE, Buyer, House

CURRENCIES = ("gbp", "jpy", "kwd", "eur")
SLOTS = ("A-1", "A-2", "A-3", "A-4")
RATES = {"gbp": ("0.8", "0.81", "0.9"), "jpy": ("160", "161", "0.01"), "kwd": ("0.333", "0.3331", "0.4")}
REFUSALS = (InvalidFields, Unavailable)
STEPS = 14


@dataclass
class Shopper:
    """A buyer who remembers what each currency was last shown to cost, for the cart as it is."""

    house: House
    board: Board
    chance: Random
    buyer: Buyer
    holds: dict[str, str] = field(default_factory=dict)
    shown: dict[str, int] = field(default_factory=dict)
    booked: int = 0

    async def hold(self) -> None:
        slot = self.chance.choice(SLOTS)
        if slot not in self.holds:
            self.holds[slot] = (await self.buyer.holds(slot)).id
            self.shown.clear()

    async def release(self) -> None:
        if len(self.holds) > 1:
            _, hold = self.holds.popitem()
            await self.house.office.holds.release(self.buyer.caller, hold, op=None)
            self.shown.clear()

    async def rates_move(self) -> None:
        code = self.chance.choice(tuple(RATES))
        self.board.moves(**{code: self.chance.choice(RATES[code])})
        self.board.closed = self.chance.random() < 0.2

    async def owner_lists(self) -> None:
        prices = {slot: self.chance.randrange(1000, 9000, 10) for slot in self.chance.sample(SLOTS, 2)}
        await lists(self.house, {self.chance.choice(("gbp", "kwd")): PriceList(slots=prices)})

    async def ask(self) -> None:
        code = self.chance.choice(CURRENCIES)
        try:
            quoted = await self.house.office.bookings.quotes.ask(self.buyer.caller, code)
        except REFUSALS:
            return
        assert quoted.total == sum(line.price * line.quantity for line in quoted.lines)
        self.shown[code] = quoted.total

    async def look(self) -> None:
        found = await self.house.office.bookings.quotes.present(self.buyer.caller)
        assert found is not None
        known = self.shown.setdefault(found.quote.currency, found.total)
        assert found.total == known

    async def book(self) -> None:
        code = self.chance.choice(CURRENCIES)
        try:
            payment = await self.buyer.books(msgspec.structs.replace(FORM, currency=code))
        except Requoted:
            self.shown.pop(code, None)
            return
        except REFUSALS:
            return
        total = self.buyer.own.total
        assert total == self.shown.setdefault(code, total)
        assert (payment.amount, payment.currency) == (total, code)
        assert sum(line.quantity * line.price for line in self.buyer.own.lines) == total
        self.booked += 1
        await self.buyer.cancels()
        cart = await self.buyer.cart()
        assert cart is not None
        assert (cart.currency, cart.total) == ("eur", PRICE * len(self.holds))


@pytest.mark.parametrize("seed", range(8))
async def test_what_was_shown_is_charged_or_another_price_is_told_first(house: House, seed: int) -> None:
    chance = Random(seed)
    shopper = Shopper(house, opens_bureau(house), chance, house.buyer("ann"))
    await shopper.hold()
    steps = [shopper.hold, shopper.release, shopper.rates_move, shopper.owner_lists]
    steps += [shopper.ask, shopper.ask, shopper.look, shopper.book, shopper.book]
    for _ in range(STEPS):
        await chance.choice(steps)()
    await house.is_whole()
