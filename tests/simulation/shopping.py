"""What a buyer does beyond holding: books, pays at the provider, comes back, gives up."""

from collections.abc import Mapping
from typing import ClassVar, Final
from uuid import UUID

from server.accounts.rules import Caller
from server.bookings.details import BookingRequest, Customer
from server.bookings.rules import Booking
from tests.simulation.people import Buyer
from tests.simulation.provider import Outcome

OUTCOMES: Final[tuple[Outcome, ...]] = ("succeed", "decline", "cancel")
FORM: Final = BookingRequest(customer=Customer(name="Ann Example", email="ann@example.com"))
OWNER: Final = Caller(session="", user="olga")


class Shopper(Buyer):
    """A buyer who pays, mostly."""

    does: ClassVar[Mapping[str, int]] = {
        "takes": 10,
        "releases": 2,
        "extends": 1,
        "releases_all": 1,
        "opens": 2,
        "closes_one": 2,
        "leaves": 1,
        "books": 6,
        "pays": 8,
        "comes_back": 3,
        "gives_up": 2,
        "looks_again": 3,
        "is_refunded": 1,
    }
    booking: UUID | None = None
    payment: UUID | None = None
    intent: str | None = None

    async def books(self) -> None:
        """The cart, or what was begun before."""
        begun = await self.asks("book", lambda at, _: at.payments.begin(self.caller, FORM))
        if begun is not None:
            self.booking, self.payment, self.intent = begun.booking.id, begun.payment.id, begun.payment.intent
            self._sees(begun.booking)

    async def pays(self) -> None:
        """On the provider's page; now and then it takes its time, or the page is sent twice."""
        if self.intent is None:
            return
        self.world.operation()
        chance = self.chance
        outcome: Outcome = chance.choices(OUTCOMES, (8, 2, 1))[0]
        delay = chance.choice((0.0, 0.0, 0.0, 2.0, 12.0, 30.0))
        twice = not delay and outcome == "succeed" and chance.random() < 0.1
        done = self.world.bank.act(self.intent, outcome, delay=delay, twice=twice)
        self.world.says(f"{self.name} on the page of {self.intent}: {outcome} {delay} {twice} {done}")

    async def comes_back(self) -> None:
        """The return page asks whether it is paid."""
        if self.payment is not None:
            payment = str(self.payment)
            await self.asks("is it paid", lambda at, _: at.payments.check(self.caller, payment, None))

    async def gives_up(self) -> None:
        """Cancels, whatever has become of it."""
        if self.booking is not None:
            booking, release = str(self.booking), self.chance.random() < 0.5
            self.world.money.asked[self.booking] = None
            await self.asks(
                f"cancel {booking[:6]}",
                lambda at, _: at.payments.cancel(self.caller, booking, release=release),
            )

    async def looks_again(self) -> None:
        if self.booking is not None:
            booking = str(self.booking)
            found = await self.asks("my booking", lambda at, _: at.bookings.find(self.caller, booking))
            if found is not None:
                self._sees(found)

    async def is_refunded(self) -> None:
        """Its owner gives all of it back, or a part."""
        if self.booking is not None:
            booking, amount = str(self.booking), self.chance.choice((None, 700, 700))
            self.world.money.asked[self.booking] = None
            await self.asks(
                f"refund {booking[:6]} {amount}",
                lambda at, _: at.payments.refund(OWNER, booking, amount, "sorry"),
                repeats=amount is None,
            )

    def _sees(self, booking: Booking) -> None:
        if booking.status == "confirmed":
            self.world.money.seen_confirmed[booking.id] = None
            self.world.says(f"{self.name} sees {str(booking.id)[:6]} confirmed")
