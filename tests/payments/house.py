"""A box office for tests: real holds, real bookings, the sandbox's money, and loops that run when told to."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from server.accounts.rules import Caller
from server.bookings.announcer import Announcer
from server.bookings.booked import PostgresBooked
from server.bookings.details import BookingRequest, Customer
from server.bookings.rules import Booking
from server.bookings.service import Bookings
from server.database.pool import Database
from server.errors import Unavailable
from server.holds.client import connect
from server.holds.rules import Cart, Hold, HoldRequest
from server.holds.scripts import Scripts
from server.holds.service import Holds
from server.inventory.rules import HoldPolicy, ResourceDraft, SlotDraft
from server.inventory.service import Inventory
from server.payments.links import PayLinks
from server.payments.provider import Event
from server.payments.rules import Payment
from server.payments.service import Payments
from server.settings import Settings
from server.worker import Worker

HALL = "hall"
PRICE = 2_500
FORM = BookingRequest(customer=Customer(name="Ann Example", email="ann@example.com"))

LINKS = PayLinks(secret_key="a key of the tests", public_url="https://tickets.example")

Wrap = Callable[[str, Any], Any]


class Clock:
    """The wall's time and as much more as a test has let pass."""

    def __init__(self) -> None:
        self.ahead = 0
        self.frozen: int | None = None

    def __call__(self) -> int:
        return self.frozen if self.frozen is not None else time.time_ns() // 1_000_000 + self.ahead

    def passes(self, seconds: float) -> None:
        self.ahead += round(seconds * 1000)

    def stands_at(self, moment: int | None) -> None:
        self.frozen = moment


@dataclass
class Office:
    """One process' bookings and payments. `wrap(name, part)` puts faults around what it is built of."""

    database: Database
    redis: Redis
    settings: Settings
    clock: Clock
    scripts: Scripts
    wrap: Wrap = field(default=lambda _name, part: part)

    def __post_init__(self) -> None:
        self.inventory = Inventory(self.database)
        booked = PostgresBooked(self.database)
        self.holds = Holds(
            self.redis, self.inventory, booked, self.settings, process="test", scripts=self.scripts
        )
        database = self.wrap("database", self.database)
        self.bookings = Bookings(
            database,
            self.wrap("holds", self.holds),
            self.inventory,
            self.wrap("announce", Announcer(self.redis.execute_command)),
            payment_seconds=self.settings.payment_seconds,
            clock=self.clock,
        )
        self.open_payments(database)

    def open_payments(self, database: Database) -> None:
        """Paying by the sandbox."""
        self.payments = Payments(database, self.bookings, links=LINKS, clock=self.clock)
        assert self.payments.sandbox is not None
        self.sandbox = self.payments.sandbox
        self.sandbox._database = self.database  # a third party has its own
        providers = self.payments._providers._by_name
        providers["sandbox"] = self.wrap("provider", self.sandbox)  # type: ignore[index]  # a dict, in truth

    def workers(self) -> list[Worker]:
        """All of them, in the order in which work flows."""
        *money, sandbox = self.payments.workers()
        return [sandbox, *money[1:], money[0], *self.bookings.workers()]

    async def loops_run(self, rounds: int = 2) -> None:
        """Every loop of the process, some rounds; as supervised loops do, they outlive what is away."""
        for _ in range(rounds):
            for worker in self.workers():
                with suppress(Unavailable):
                    await worker._work()

    async def money_moves(self, rounds: int = 2) -> None:
        """Only the loops that carry an event from the provider to its end."""
        for _ in range(rounds):
            for worker in (self.sandbox.worker, self.payments.inbox.worker, self.payments.refunds.worker):
                with suppress(Unavailable):
                    await worker._work()

    async def refunds_run(self) -> None:
        """One round of what makes refunds."""
        await self.payments.refunds.worker._work()

    async def hears_nothing(self) -> None:
        """From here on every event of the provider is lost."""

        async def lose(_event: Event) -> None:
            raise ConnectionError("lost")

        self.sandbox._deliver = lose


@dataclass
class Buyer:
    """A session at an office: `await ann.holds("A-1")`, `await ann.books()`, `await ann.pays()`."""

    office: Office
    name: str
    caller: Caller = field(init=False)
    booking: Booking | None = None
    payment: Payment | None = None

    def __post_init__(self) -> None:
        self.caller = Caller(session=f"session-{self.name}")

    async def holds(self, *slots: str, resource: str = HALL, quantity: int = 1) -> Hold:
        request = HoldRequest(resource=resource, items=tuple((slot, quantity) for slot in slots))
        held = await self.office.holds.hold(self.caller, request, op=None, connected=False)
        return held.hold

    async def cart(self) -> Cart | None:
        return await self.office.holds.cart(self.caller.session)

    async def books(self, form: BookingRequest = FORM) -> Payment:
        begun = await self.office.payments.begin(self.caller, form)
        self.booking, self.payment = begun.booking, begun.payment
        return begun.payment

    async def acts(self, outcome: Any, *, delay: float = 0, twice: bool = False) -> None:
        await self.office.payments.act(
            self.caller, str(self.attempt.id), outcome, delay_ms=round(1000 * delay), twice=twice
        )

    async def pays(self, *, delay: float = 0, twice: bool = False) -> None:
        """On the provider's page; the loops then carry it through."""
        await self.acts("succeed", delay=delay, twice=twice)
        await self.office.money_moves()

    async def cancels(self, *, release: bool = False) -> Booking:
        return await self.office.payments.cancel(self.caller, str(self.own.id), release=release)

    async def splits(self, amount: int) -> "Payer":
        """A share of the booking, for somebody else to pay."""
        share = await self.office.payments.attempt(self.caller, str(self.own.id), amount, as_share=True)
        return Payer(self.office, str(share.id), LINKS.url(share.id).partition("#")[2])

    async def pays_the_rest(self) -> None:
        """All that is still open, by the buyer."""
        self.payment = await self.office.payments.attempt(self.caller, str(self.own.id))
        await self.pays()

    @property
    def own(self) -> Booking:
        assert self.booking is not None
        return self.booking

    @property
    def attempt(self) -> Payment:
        assert self.payment is not None
        return self.payment

    async def sees(self) -> Booking:
        """The booking as it is now."""
        return await self.office.bookings.find(self.caller, str(self.own.id))

    async def status(self) -> tuple[str, str]:
        booking = await self.sees()
        return booking.status, booking.payment_status

    async def paid(self) -> str:
        """The status of the latest payment that this buyer knows."""
        payment, _ = await self.office.payments.find(self.caller, str(self.attempt.id))
        return payment.status


@dataclass
class Payer:
    """Somebody with a pay link and nothing else: `await payer.pays()`."""

    office: Office
    share: str
    secret: str

    async def opens(self) -> Payment:
        payment, _, _ = await self.office.payments.open(self.share, self.secret)
        return payment

    async def acts(self, outcome: Any, *, delay: float = 0, twice: bool = False) -> None:
        payment = await self.opens()
        await self.office.payments.act(
            Caller(session=""),
            str(payment.id),
            outcome,
            delay_ms=round(1000 * delay),
            twice=twice,
            secret=self.secret,
        )

    async def pays(self, *, delay: float = 0, twice: bool = False) -> None:
        """On the provider's page; the loops then carry it through."""
        await self.acts("succeed", delay=delay, twice=twice)
        await self.office.money_moves()

    async def status(self) -> str:
        """Of the share's latest attempt, or of the one that paid it."""
        async with self.office.database.connection() as connection:
            statuses = await connection.fetch(
                "select status from payment where share = $1 order by accepted, attempt", UUID(self.share)
            )
        return str(statuses[-1]["status"])


class House:
    """Offices on one PostgreSQL and one Redis, with what a test asserts at its end."""

    def __init__(
        self, database: Database, redis: Redis, settings: Settings, clock: Clock | None = None
    ) -> None:
        self.database = database
        self.redis = redis
        self.settings = settings
        self.clock = clock or Clock()
        self.scripts = Scripts(redis)  # shared, for each keeps a connection and hundreds of offices die here
        self.office = self.opens_office()

    def opens_office(self, wrap: Wrap | None = None) -> Office:
        """Another process, or the same after a restart."""
        if wrap is None:
            return Office(self.database, self.redis, self.settings, self.clock, self.scripts)
        return Office(self.database, self.redis, self.settings, self.clock, self.scripts, wrap)

    async def sells(
        self,
        slots: Iterable[str] = ("A-1", "A-2", "A-3", "A-4"),
        *,
        resource: str = HALL,
        capacity: int = 1,
        price: int = PRICE,
        owner: str = "owner",
        policy: HoldPolicy | None = None,
    ) -> None:
        drafts = tuple(SlotDraft(id=slot, label=slot, capacity=capacity, price=price) for slot in slots)
        await self.office.inventory.create(
            ResourceDraft(
                id=resource,
                kind="seats",
                title=resource,
                owner=owner,
                time_zone="Europe/Berlin",
                currency="eur",
                policy=policy or HoldPolicy(),
                slots=drafts,
            )
        )

    def buyer(self, name: str, office: Office | None = None) -> Buyer:
        return Buyer(office or self.office, name)

    async def value(self, query: str, *arguments: Any) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchval(query, *arguments)

    async def execute(self, query: str, *arguments: Any) -> None:
        async with self.database.connection() as connection:
            await connection.execute(query, *arguments)

    async def expires(self, buyer: Buyer) -> None:
        """The buyer's deadline comes, and the loops run."""
        late = buyer.own.expires_at - self.clock() + 1
        self.clock.passes(max(late, 0) / 1000)
        await self.office.loops_run()

    async def is_whole(self, *, resources: Iterable[str] = (HALL,)) -> None:
        """The end of every test: money conserved, slots counted, Redis and PostgreSQL of one mind."""
        await self._money_is_conserved()
        await self._slots_are_counted()
        await self._all_is_told()
        for resource in resources:
            await self._redis_agrees(resource)

    async def _all_is_told(self) -> None:
        """Each booking's making, confirming and end, its money and what went back of it, its changes' too."""
        async with self.database.connection() as connection:
            wrong = await connection.fetch(
                """
                select b.id, b.status, b.cancel_reason, t.* from booking b cross join lateral (
                  select count(*) filter (where kind = 'booking_created' and facts->'data' ? 'by') as made,
                    count(*) filter (where kind = 'booking_confirmed') as confirmed,
                    count(*) filter (where kind = 'booking_cancelled') as cancelled,
                    coalesce(sum((facts->'data'->>'amount')::bigint)
                      filter (where kind = 'payment_refunded'), 0) as refunded
                  from outbox where booking_id = b.id
                ) t
                where b.change_of is null
                  and (t.made <> 1
                    or t.confirmed <> (b.confirmed_at is not null)::integer
                    or t.cancelled < (b.status = 'cancelled')::integer
                    or t.refunded < (
                      select coalesce(sum(refunded), 0) from payment where booking_id in (
                        select id from booking own where b.id in (own.id, own.change_of))))
                """
            )
            unpaid = await connection.fetch(
                """
                select p.id, p.status, t.told from payment p join booking b on b.id = p.booking_id
                cross join lateral (
                  select count(*) as told from outbox
                  where booking_id = coalesce(b.change_of, b.id) and kind = 'payment_succeeded'
                    and (facts->'data'->>'amount')::bigint = p.amount
                ) t
                where p.accepted and p.amount > 0 and t.told = 0
                  and p.status in ('paid', 'partially_refunded', 'refunded', 'disputed')
                """
            )
        assert [*map(dict, wrong), *map(dict, unpaid)] == []

    async def _money_is_conserved(self) -> None:
        """The provider's own ledger keeps just what is confirmed, less what was given back of it.

        Nothing is only promised, nothing is taken of two for one share, and what an owner or a bank gave back
        of a confirmed booking is known.
        """
        async with self.database.connection() as connection:
            rows = await connection.fetch(
                """
                select i.id, b.id::text as booking, p.accepted, p.amount, b.status,
                  coalesce(sum(m.amount) filter (where m.kind = 'capture'), 0) as captured,
                  coalesce(sum(m.amount) filter (where m.kind <> 'capture'), 0) as given_back, p.kept,
                  i.status as intent, p.refunded, p.status as paid, p.unwanted,
                  b.status = 'pending' and b.approval is not null as asked
                from sandbox.intent i
                left join sandbox.movement m on m.intent_id = i.id
                left join payment p on p.provider = 'sandbox' and p.provider_id = i.id
                left join booking b on b.id = coalesce(p.booking_id, (i.metadata->>'booking')::uuid)
                group by i.id, p.id, b.id
                """
            )
            confirmed = await connection.fetch(
                "select id, total, payment_status from booking where status in ('confirmed', 'completed')"
            )
        for row in rows:
            if row["asked"] and not row["unwanted"] and row["paid"] in {"authorized", "paid"}:
                assert row["captured"] in {0, row["amount"]}, dict(row)
                continue
            stands = row["status"] in {"confirmed", "completed"} and row["accepted"]
            whole = row["amount"] if stands else row["given_back"] + (row["kept"] or 0)
            assert row["captured"] == whole, dict(row)
            assert row["given_back"] <= row["captured"], dict(row)
            assert row["given_back"] == (row["refunded"] or 0), dict(row)
            assert row["intent"] != "authorised", dict(row)
        for row in confirmed:
            accepted = [each for each in rows if each["booking"] == str(row["id"]) and each["accepted"]]
            assert sum(each["captured"] for each in accepted) == row["total"], dict(row)
            back = sum(each["given_back"] for each in accepted)
            wanted = "paid" if not back else "partially_refunded" if back < row["total"] else "refunded"
            assert row["payment_status"] in {wanted, "disputed"}, dict(row)

    async def _slots_are_counted(self) -> None:
        wrong = await self.value(
            """
            select count(*) from slot s where s.taken <> (
              select coalesce(sum(l.quantity), 0) from booking_line l
              where l.resource_id = s.resource_id and l.slot_index = s.index and l.state <> 'released')
            """
        )
        assert wrong == 0
        astray = await self.value(
            """
            select count(*) from booking_line l join booking b on b.id = l.booking_id
            where l.state <> case b.status
              when 'pending' then case when b.approval is null then 'pending' else 'confirmed' end
              when 'cancelled' then 'released' else 'confirmed' end
            """
        )
        assert astray == 0

    async def _redis_agrees(self, resource: str) -> None:
        state = await self.office.holds.read(resource)
        async with self.database.connection() as connection:
            rows = await connection.fetch(
                """
                select s.index, s.capacity,
                  coalesce(sum(l.quantity) filter (where l.state = 'pending'), 0) as pending,
                  coalesce(sum(l.quantity) filter (where l.state = 'confirmed'), 0) as confirmed
                from slot s
                left join booking_line l on l.resource_id = s.resource_id and l.slot_index = s.index
                where s.resource_id = $1 group by s.resource_id, s.index order by s.index
                """,
                resource,
            )
        for row in rows:
            place = row["index"] - state.first
            available, held = state.available[place], state.held[place]
            assert available + held == row["capacity"] - row["confirmed"], (dict(row), available, held)
            assert held >= row["pending"], (dict(row), available, held)

    async def booked_and_free(self, slot: str, resource: str = HALL) -> tuple[int, int]:
        """(taken in PostgreSQL, available in Redis) of a slot."""
        state = await self.office.holds.read(resource)
        index = await self.value("select index from slot where resource_id = $1 and id = $2", resource, slot)
        taken = await self.value("select taken from slot where resource_id = $1 and id = $2", resource, slot)
        return taken, state.available[index]

    async def refunds(self) -> list[tuple[str, int]]:
        """(reason, amount) of every refund that was made."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(
                "select reason, amount from refund where status = 'succeeded' order by created_at"
            )
        return [(row["reason"], row["amount"]) for row in rows]


async def open_house(database: Database, redis_url: str, settings: Settings) -> tuple[House, Redis]:
    """A house with a client of its own, which fails fast as the server's does."""
    redis = connect(redis_url)
    house = House(database, redis, settings)
    return house, redis
