"""Exchange rates for tests: what they are, whether there are any, and how old they are."""

from decimal import Decimal
from typing import Any

import msgspec

from server.bookings.rates import Rates, RatesUnusable
from server.bookings.service import Bookings
from server.inventory.rules import PriceList, Resource, ResourceDraft, Slot
from tests.payments.house import HALL, House

EURO = {"gbp": "0.8", "usd": "1.1", "jpy": "160.5", "kwd": "0.33335", "idr": "18000"}


class Board:
    """The rates of a bureau, one euro in each; `moves` changes some, `closes` all."""

    def __init__(self, now: int, **rates: str) -> None:
        self.rates = {code: Decimal(rate) for code, rate in (rates or EURO).items()}
        self.at = now
        self.closed = False

    def moves(self, **rates: str) -> None:
        self.rates |= {code: Decimal(rate) for code, rate in rates.items()}

    async def latest(self, now: int) -> Rates:
        rates = Rates(base="eur", at=self.at, rates=dict(self.rates))
        if self.closed or not rates.is_current(now):
            raise RatesUnusable("the bureau is closed")
        return rates


def opens_bureau(house: House, **rates: str) -> Board:
    """The house changes money from now on."""
    board = Board(house.clock(), **rates)
    changes_at(house.office.bookings, board)
    return board


def changes_at(bookings: Bookings, board: Board) -> None:
    bookings.quotes._rates = board


async def lists(house: House, resource: str = HALL, **prices: dict[str, Any]) -> None:
    """The owner asks these prices in other currencies."""
    listed = {code: msgspec.convert(each, PriceList) for code, each in prices.items()}

    def edit(old: Resource, slots: tuple[Slot, ...]) -> tuple[ResourceDraft, tuple[Slot, ...]]:
        names = set(ResourceDraft.__struct_fields__) - {"slots", "price_lists"}
        head = {name: getattr(old, name) for name in names}
        return ResourceDraft(**head, price_lists=listed), slots

    await house.office.inventory.change(resource, edit)
