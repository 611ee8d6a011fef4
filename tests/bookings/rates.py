"""Exchange rates for tests: what they are, whether there are any, and how old they are."""

from decimal import Decimal

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


async def lists(house: House, listed: dict[str, PriceList]) -> None:
    """The hall's owner asks these prices in other currencies."""

    def edit(old: Resource, slots: tuple[Slot, ...]) -> tuple[ResourceDraft, tuple[Slot, ...]]:
        return msgspec.structs.replace(head_of(old), price_lists=listed), slots

    await house.office.inventory.change(HALL, edit)


def head_of(resource: Resource) -> ResourceDraft:
    """The resource as it stands, without its slots."""
    names = set(ResourceDraft.__struct_fields__) - {"slots"}
    return ResourceDraft(**{name: getattr(resource, name) for name in names})
