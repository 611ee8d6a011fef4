"""A box office paid by Stripe: the same house, with a Stripe of our own as its third party and oracle."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID  # noqa: TC003  # pytest reads annotations

from redis.asyncio import Redis

from server.database.pool import Database
from server.holds.client import connect
from server.payments.links import PayLinks
from server.payments.service import Payments
from server.payments.stripe.checkout import StripeCheckout
from server.payments.stripe.client import Calls
from server.payments.stripe.events import Ignored, read_event
from server.payments.stripe.intents import Stripe
from server.settings import Settings
from server.worker import Worker
from tests.fake_stripe import FakeStripe
from tests.payments.house import Buyer, Clock, House, Office, Wrap

if TYPE_CHECKING:
    from tests.payments.stories import Story

CARD = "4242424242424242"
CHALLENGED = "4000002500003155"
DECLINED = "4000000000000002"
SECRET = "a-secret-of-the-tests-0123456789abcdef"
PUBLIC_URL = "http://tickets.example"
CONFIRMED = frozenset({"confirmed", "completed"})


@dataclass
class StripeOffice(Office):
    """One process' bookings and payments, by Stripe in both ways."""

    calls: Calls = field(kw_only=True)

    def open_payments(self, database: Database) -> None:
        stripe = Stripe(self.calls)
        seconds = self.settings.payment_seconds
        checkout = StripeCheckout(self.calls, public_url=PUBLIC_URL, payment_seconds=seconds)
        self.payments = Payments(
            database,
            self.bookings,
            providers={
                "stripe": self.wrap("provider", stripe),
                "stripe_checkout": self.wrap("provider", checkout),
            },
            default="stripe",
            links=PayLinks(secret_key=SECRET, public_url=PUBLIC_URL),
            clock=self.clock,
        )

    def workers(self) -> list[Worker]:
        """All of them, in the order in which work flows."""
        closing, *money = self.payments.workers()
        return [*money, closing, *self.bookings.workers()]

    async def money_moves(self, rounds: int = 2) -> None:
        """Only the loops that bring an event to its end."""
        for _ in range(rounds):
            await self.payments.inbox.worker._work()
            await self.payments.refunds.worker._work()


@dataclass
class StripeBuyer(Buyer):
    """A session whose page is Stripe's: `await ann.pays(card=CHALLENGED)`."""

    stripe: FakeStripe = field(kw_only=True)

    @property
    def intent(self) -> str:
        assert self.attempt.intent is not None
        return self.attempt.intent

    async def goes_by(self, via: Any) -> None:
        """Choose the other way to pay: `element` or `checkout`."""
        self.payment = await self.office.payments.attempt(self.caller, str(self.own.id), via=via)

    async def pays(self, *, delay: float = 0, twice: bool = False, card: str = CARD) -> None:
        """On the page that the attempt leads to; nothing of it is told before events are delivered."""
        assert not delay, "Stripe's time is the house's clock"
        assert not twice, "what Stripe takes, it takes once"
        await self.stripe.pay(self.intent, card)


class StripeHouse(House):
    """Offices paid by one Stripe. Its events are kept back until a test delivers them."""

    def __init__(
        self, database: Database, redis: Redis, settings: Settings, clock: Clock, stripe: FakeStripe
    ) -> None:
        self.stripe = stripe
        self.calls = Calls(stripe.secret_key, base=stripe.base_url, sleep=_at_once)
        self.told = 0
        super().__init__(database, redis, settings, clock)

    def opens_office(self, wrap: Wrap | None = None) -> StripeOffice:
        more = {} if wrap is None else {"wrap": wrap}
        return StripeOffice(
            self.database, self.redis, self.settings, self.clock, self.scripts, calls=self.calls, **more
        )

    def buyer(self, name: str, office: Office | None = None) -> StripeBuyer:
        return StripeBuyer(office or self.office, name, stripe=self.stripe)

    async def begins(self, story: "Story", name: str, slot: str) -> StripeBuyer:
        """Somebody has held and booked, and gone to where the story's money is paid."""
        ann = self.buyer(name)
        await ann.holds(slot, resource=story.hall)
        await ann.books()
        if story.via is not None:
            await ann.goes_by(story.via)
        return ann

    # Events.

    def news(self) -> list[dict[str, Any]]:
        """What Stripe has said since the last call."""
        said = self.stripe.events[self.told :]
        self.told = len(self.stripe.events)
        return said

    async def hears(self, events: Iterable[dict[str, Any]], office: Office | None = None) -> None:
        """Each is received and worked off before the next one comes."""
        money = (office or self.office).payments
        for event in events:
            await receive(money, event)
            await money.inbox.worker._work()
            await money.refunds.worker._work()

    async def hears_all(self, rounds: int = 8) -> None:
        """Every event so far, in its order, and what comes of it."""
        for _ in range(rounds):
            events = self.news()
            if not events:
                return
            await self.hears(events)
        raise AssertionError("it goes on and on")

    def kept(self, buyer: StripeBuyer) -> int:
        """What Stripe's ledger keeps of a buyer's latest attempt, in minor units."""
        intent = self._inner(buyer.intent)
        return 0 if intent.startswith("cs_") else self.stripe.ledger[intent].kept

    async def owed(self) -> list[tuple[str, int]]:
        """(reason, amount) of every refund, those too that the banks are still making."""
        async with self.database.connection() as connection:
            rows = await connection.fetch("select reason, amount from refund order by created_at")
        return [(row["reason"], row["amount"]) for row in rows]

    # The end of every test.

    async def _money_is_conserved(self) -> None:
        """I4 against Stripe's own ledger: whatever was taken is a confirmed booking's, or went back."""
        violations = self.stripe.contract.violations
        assert violations == [], violations
        rows = await self._payments()
        owners = {self._inner(row["provider_id"]): row for row in rows}
        taken: dict[UUID, int] = {}
        for intent in self.stripe.ledger:
            entry, row = self.stripe.ledger[intent], owners.get(intent)
            story = (intent, entry, None if row is None else dict(row))
            assert entry.held <= 0, story
            assert entry.kept >= 0, story
            if row is None:
                assert not entry.captured, story
                continue
            if entry.kept:
                assert row["accepted"], story
                assert row["status"] in CONFIRMED, story
            if entry.captured and row["accepted"]:
                assert entry.currency == row["currency"], story
                taken[row["booking_id"]] = taken.get(row["booking_id"], 0) + entry.captured
        confirmed = {row["booking_id"]: row["total"] for row in rows if row["status"] in CONFIRMED}
        assert {name: taken.get(name, 0) for name in confirmed} == confirmed

    async def _payments(self) -> list[Any]:
        async with self.database.connection() as connection:
            return list(
                await connection.fetch(
                    """
                    select p.id, p.booking_id, p.provider_id, p.accepted, p.currency, p.status as payment,
                      b.status, b.total
                    from payment p join booking b on b.id = p.booking_id
                    where p.provider <> 'free' and p.provider_id is not null
                    """
                )
            )

    def _inner(self, provider_id: str) -> str:
        """The intent that an attempt's money is in; a session nobody has paid yet has none."""
        found = self.stripe.account.find(provider_id)
        return str(getattr(found, "intent", None) or provider_id)


async def receive(payments: Payments, event: dict[str, Any]) -> None:
    """As the webhook does, once the signature has been checked."""
    found = read_event(json.dumps(event).encode(), livemode=False)
    if not isinstance(found, Ignored):
        await payments.inbox.receive(found.provider, found.event)


async def _at_once(_seconds: float) -> None:
    """No test waits for a pause."""


@asynccontextmanager
async def open_stripe_house(
    database: Database, redis_url: str, settings: Settings
) -> AsyncIterator[StripeHouse]:
    """A house that sells nothing yet, with its Stripe."""
    clock = Clock()
    async with FakeStripe.serving(clock=clock) as stripe:
        stripe.deliveries.lose()  # tests deliver by hand, from the list of events
        redis = connect(redis_url)
        house = StripeHouse(database, redis, replace(settings, payments="stripe"), clock, stripe)
        try:
            yield house
        finally:
            await house.calls.close()
            await redis.aclose()
    violations = stripe.contract.violations
    assert violations == [], violations
