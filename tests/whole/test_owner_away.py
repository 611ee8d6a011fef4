"""An owner and a buyer away for an hour: they get every notice, in order, once, and again until it is read.

Nobody listens while some hundreds of things happen, of every kind there is, on two real processes. One of the
processes is killed meanwhile, then Redis is. Whoever comes back opens two tabs, one on each process.
"""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from channels.client import Booking, Client, Patience
from server.database.migrate import migrate
from server.database.pool import Database
from server.inventory.rules import HoldPolicy, ResourceDraft, SlotDraft
from server.inventory.service import Inventory
from server.live.notices import PAGE
from tests.fake_stripe import FakeStripe
from tests.support.buyer import Buyer, CodecName, Refused, Tab, visiting
from tests.support.door import JWT_SECRET, jwt_of
from tests.support.processes import Process
from tests.support.servers import PostgreSQL, Redis

# The library hands its bodies to httpx by a name that httpx calls old.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
    pytest.mark.timeout(600),
]

CUSTOMER = {"name": "Dora Driver", "email": "dora@example.org"}
SELLERS, WISHES = 3, 12
PRICE = 5_000
TAKEN = ("booking_created", "booking_confirmed", "payment_succeeded")
BUYERS_ALONE = frozenset({"payment_failed", "hold_expired"})


@dataclass
class Shop:
    """Two processes, their servers, and what has happened: kinds, for each booking or cart."""

    processes: tuple[Process, Process]
    redis: Redis
    database: Database
    stripe: FakeStripe
    seats: int = 0
    happened: dict[str, list[str]] = field(default_factory=dict)

    def seat(self) -> str:
        self.seats += 1
        return f"A-{self.seats}"

    def client(self, user: str, process: int = 0) -> Client:
        patience = Patience(seconds=60, base=0.02, most=0.5)
        return Client(self.processes[process].base_url, token=jwt_of(user), patience=patience)

    def expects(self, user: str) -> dict[str, list[str]]:
        """What is told to a user, for each reference in order."""
        deaf: frozenset[str] = frozenset() if user == "dora" else BUYERS_ALONE
        told = {name: [kind for kind in kinds if kind not in deaf] for name, kinds in self.happened.items()}
        return {name: kinds for name, kinds in told.items() if kinds}

    async def told(self, user: str) -> list[str]:
        """The unread of a user, in the order in which they became visible."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(
                "select id from notice where user_id = $1 and read_at is null order by position", user
            )
        return [str(row["id"]) for row in rows]

    async def has_told(self, *users: str) -> None:
        """Wait until everything that happened is a notice of theirs: nothing was lost on the way."""
        wanted = {user: sum(map(len, self.expects(user).values())) for user in users}
        async with asyncio.timeout(60):
            while wanted != (found := {user: len(await self.told(user)) for user in wanted}):
                assert all(found[user] <= wanted[user] for user in wanted), (found, wanted)
                await asyncio.sleep(0.1)


@pytest.fixture
async def shop(spare_redis: Redis, spare_postgresql: PostgreSQL, tmp_path: Path) -> AsyncIterator[Shop]:
    await migrate(spare_postgresql.url)
    async with AsyncExitStack() as stack:
        stripe = await stack.enter_async_context(FakeStripe.serving())
        environment = {
            "REDIS_URL": spare_redis.url,
            "DATABASE_URL": spare_postgresql.url,
            "SECRET_KEY": secrets.token_hex(32),
            "JWT_SECRET": JWT_SECRET,
            "STRIPE_SECRET_KEY": stripe.secret_key,
            "STRIPE_PUBLISHABLE_KEY": stripe.publishable_key,
            "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
            "STRIPE_API_BASE": stripe.base_url,
            "STRIPE_JS_URL": stripe.js_url,
            "HEARTBEAT_SECONDS": "1",
            "LIVENESS_SECONDS": "300",  # what is held outlives a process that comes back slowly
            "RATE_COMMANDS": "0",
            "RATE_BOOKINGS": "0",
            "LOG_LEVEL": "warning",
        }
        database = await Database.connect(spare_postgresql.url, size=2)
        stack.push_async_callback(database.close)
        await sells(database)
        first = await stack.enter_async_context(Process(environment, tmp_path / "first.log"))
        second = await stack.enter_async_context(Process(environment, tmp_path / "second.log"))
        for process in (first, second):
            stripe.deliveries.to(f"{process.base_url}/api/payments/webhook")
        yield Shop((first, second), spare_redis, database, stripe)


async def sells(database: Database) -> None:
    """A hall, and a corner of it where carts end after a second."""
    inventory = Inventory(database)
    for name, policy in (("hall", HoldPolicy()), ("corner", HoldPolicy(hold_seconds=1, hold_max_seconds=1))):
        slots = tuple(
            SlotDraft(id=f"A-{seat}", label=f"A-{seat}", price=PRICE, category="stalls", section="s", row="A")
            for seat in range(1, 200)
        )
        await inventory.create(
            ResourceDraft(
                id=name,
                kind="seats",
                title=name,
                owner="olga",
                time_zone="Europe/Berlin",
                currency="eur",
                policy=policy,
                slots=slots,
            )
        )
    await inventory.close()


# -- what happens in that hour ------------------------------------------------------------------------------


@dataclass
class Sale:
    """One booking of Dora's, and what comes of it."""

    shop: Shop
    dora: Client
    olga: Client
    booking: Booking
    intent: str
    kinds: list[str]

    @classmethod
    async def begins(cls, shop: Shop, dora: Client, olga: Client) -> "Sale":
        await dora.holding.hold("hall", [shop.seat()])
        booked = await dora.bookings.book(CUSTOMER)
        assert booked.payment is not None
        assert booked.payment.client_secret is not None
        kinds = shop.happened[booked.booking.reference] = ["booking_created"]
        intent = booked.payment.client_secret.partition("_secret_")[0]
        return cls(shop, dora, olga, booked.booking, intent, kinds)

    async def becomes(self, payment_status: str, *kinds: str) -> None:
        async with asyncio.timeout(60):
            while (await self.dora.bookings.get(self.booking.id)).payment_status != payment_status:  # noqa: ASYNC110  # no event of every change
                await asyncio.sleep(0.03)
        self.kinds.extend(kinds)

    async def is_paid(self) -> None:
        await self.shop.stripe.pay(self.intent)
        await self.becomes("paid", "booking_confirmed", "payment_succeeded")

    async def is_declined_first(self) -> None:
        await self.shop.stripe.pay(self.intent, "4000000000009995")
        await self.becomes("failed", "payment_failed")
        again = await self.dora.payments.attempt(self.booking.id)
        assert again.client_secret is not None
        self.intent = again.client_secret.partition("_secret_")[0]
        await self.is_paid()

    async def is_changed(self) -> None:
        await self.is_paid()
        for wish in range(WISHES):
            await self.dora.bookings.change(self.booking.id, special_requests=f"Wish {wish}")
            self.kinds.append("booking_changed")

    async def is_cancelled(self, by: Client) -> None:
        await self.is_paid()
        await by.bookings.cancel(self.booking.id)
        self.kinds.append("booking_cancelled")
        await self.becomes("refunded", "payment_refunded")

    async def is_cancelled_by_dora(self) -> None:
        await self.is_cancelled(self.dora)

    async def is_cancelled_by_olga(self) -> None:
        await self.is_cancelled(self.olga)

    async def is_given_up(self) -> None:
        await self.dora.bookings.cancel(self.booking.id, release=True)
        self.kinds.append("booking_cancelled")

    async def is_disputed(self) -> None:
        await self.is_paid()
        self.shop.stripe.dashboard.dispute(self.intent)
        await self.becomes("disputed", "booking_disputed")


STORIES: Sequence[Callable[[Sale], Awaitable[None]]] = (
    Sale.is_paid,
    Sale.is_declined_first,
    Sale.is_changed,
    Sale.is_cancelled_by_dora,
    Sale.is_cancelled_by_olga,
    Sale.is_given_up,
    Sale.is_disputed,
)


async def a_while(shop: Shop, seller: int) -> None:
    """One buyer's session: every story once, and a cart that nobody books."""
    async with shop.client("dora") as dora, shop.client("olga") as olga:
        for place in range(len(STORIES)):
            story = STORIES[(place + 2 * seller) % len(STORIES)]
            await story(await Sale.begins(shop, dora, olga))
        held = await dora.holding.hold("corner", [shop.seat()])
        shop.happened[held.cart.reference] = ["hold_expired"]


async def an_hour(shop: Shop) -> None:
    """Hundreds of things, while one process dies and comes back, and then Redis does."""
    for disturbance in (dies(shop.processes[1]), loses(shop.redis)):
        await asyncio.gather(disturbance, *(a_while(shop, seller) for seller in range(SELLERS)))
    await shop.has_told("olga", "dora")


async def dies(process: Process) -> None:
    await asyncio.sleep(0.5)
    await process.kill()
    await process.start()


async def loses(redis: Redis) -> None:
    await asyncio.sleep(0.5)
    await asyncio.to_thread(redis.kill)
    await asyncio.to_thread(redis.start)


# -- who comes back -----------------------------------------------------------------------------------------


def notices(tab: Tab) -> list[dict[str, Any]]:
    return [each for each in tab.heard if each["type"] == "notification"]


def ids(tab: Tab) -> list[str]:
    return [each["id"] for each in notices(tab)]


async def signed_in(stack: AsyncExitStack, shop: Shop, user: str) -> tuple[Buyer, Buyer]:
    """A desk and a phone, on one process each."""
    both = [await stack.enter_async_context(visiting(each.base_url)) for each in shop.processes]
    for buyer in both:
        buyer.signs_in(jwt_of(user, roles=("owner",) if user == "olga" else ("buyer",)))
    return both[0], both[1]


async def shows_all(tab: Tab, expected: list[str]) -> None:
    """Every one of them, in this order, and each once."""
    await tab.until(lambda: len(ids(tab)) >= len(expected), f"{len(expected)} notices")
    assert ids(tab) == expected


def tells_the_story(tab: Tab, happened: dict[str, list[str]]) -> None:
    """Of each booking just what happened to it, in the order in which it did."""
    told = defaultdict(list)
    for each in notices(tab):
        told[each["data"]["reference"]].append(each["kind"])
    assert told == happened


async def test_who_was_away_for_an_hour_gets_every_notice_in_order_and_once(shop: Shop) -> None:
    async with AsyncExitStack() as stack:
        people = {user: await signed_in(stack, shop, user) for user in ("olga", "dora")}
        lines = {user: await desk.opens_tab() for user, (desk, _) in people.items()}
        await sells_one(shop)
        await shop.has_told("olga", "dora")
        for user, tab in lines.items():
            await shows_all(tab, await shop.told(user))
            await tab.is_cut_off()
        await an_hour(shop)
        for user, (desk, phone) in people.items():
            await comes_back(shop, user, desk, phone)


async def is_greeted(buyer: Buyer, codec: CodecName | None = None) -> Tab:
    """A new tab; as the clients do, it asks again where a process that stood still told it to."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await buyer.opens_tab(codec)
            except Refused as refused:
                if refused.code != "unavailable":
                    raise
                if buyer.tabs:
                    await buyer.tab.is_cut_off()
                await asyncio.sleep(refused.answer["retry_after"])


async def comes_back(shop: Shop, user: str, desk: Buyer, phone: Buyer) -> None:
    """In two tabs on two processes; reads some, goes away, comes back, reads all."""
    await shop.has_told(user)
    expected = await shop.told(user)
    assert len(expected) > 4 * PAGE
    tabs = [await is_greeted(desk), await is_greeted(phone, "json")]
    for tab in tabs:
        await shows_all(tab, expected)
        tells_the_story(tab, shop.expects(user))
    unread = await reads_some(desk, tabs, expected)
    for buyer in (desk, phone):
        await buyer.tab.is_cut_off()
        await shows_all(await is_greeted(buyer), unread)
    answer = await phone.posts("/api/notifications/read", {"until": unread[-1]})
    assert answer.json() == {"unread": 0}
    for buyer in (desk, phone):
        assert set((await buyer.tab.hears("notifications_read"))["ids"]) == set(unread)
    quiet = await is_greeted(desk)
    await sells_one(shop)
    await quiet.until(lambda: len(ids(quiet)) >= len(TAKEN), "what is new")
    assert [each["kind"] for each in notices(quiet)] == list(TAKEN)


async def sells_one(shop: Shop) -> None:
    async with shop.client("dora") as dora, shop.client("olga") as olga:
        await (await Sale.begins(shop, dora, olga)).is_paid()


async def reads_some(desk: Buyer, tabs: Sequence[Tab], expected: list[str]) -> list[str]:
    """Every other of the first half: gone in both tabs, and what is left stays in its order."""
    read = set(expected[: len(expected) // 2 : 2])
    answer = await desk.posts("/api/notifications/read", {"ids": sorted(read)})
    unread = [each for each in expected if each not in read]
    assert answer.json() == {"unread": len(unread)}
    for tab in tabs:
        assert set((await tab.hears("notifications_read"))["ids"]) == read
    return unread
