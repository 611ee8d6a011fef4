"""A storm of events on whole processes, and what has to be true when it is over: every effect once.

Used by a short test and, at full strength, by bench/webhooks.py.
"""

import asyncio
import itertools
import json
import math
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from server.database.pool import Database
from server.inventory.rules import ResourceDraft, SlotDraft
from server.inventory.service import Inventory
from server.payments import inbox_store
from tests.fake_stripe import FakeStripe

HALL = "storm"
PRICE = 2_500
BUYERS_AT_ONCE = 8
# What Stripe says of one card payment that is authorised, challenged, captured.
KINDS = (
    "payment_intent.requires_action",
    "payment_intent.amount_capturable_updated",
    "payment_intent.processing",
    "charge.captured",
    "payment_intent.succeeded",
    "charge.updated",
)


def environment(stripe: FakeStripe) -> dict[str, str]:
    """What a process needs to be paid by this Stripe, without limits for whoever books."""
    return {
        "PAYMENTS": "stripe",
        "STRIPE_SECRET_KEY": stripe.secret_key,
        "STRIPE_PUBLISHABLE_KEY": stripe.publishable_key,
        "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
        "STRIPE_API_BASE": stripe.base_url,
        "STRIPE_JS_URL": stripe.js_url,
        "RATE_COMMANDS": "0",
        "RATE_BOOKINGS": "0",
    }


@dataclass(frozen=True)
class Effects:
    """How often each thing has happened, over all payments."""

    confirmed: int
    paid: int
    captured: Counter[int]
    """Minor units that Stripe's ledger has of an intent → how many intents."""
    capture_keys: Counter[int]
    """Idempotency keys by which one intent's capture was asked for → how many intents."""
    refunds: int
    letters: Counter[str]


class Storm:
    """`async with storm_on(...)`; then `books`, `pays`, `bodies`, and at the end `drained` and `effects`."""

    def __init__(self, base_url: str, database: Database, stripe: FakeStripe) -> None:
        self._base_url = base_url
        self._database = database
        self._stripe = stripe
        self.intents: list[str] = []

    async def sells(self, seats: int) -> None:
        """A hall with so many seats."""
        drafts = tuple(SlotDraft(id=f"S-{n}", label=f"S-{n}", capacity=1, price=PRICE) for n in range(seats))
        inventory = Inventory(self._database)
        await inventory.create(
            ResourceDraft(
                id=HALL,
                kind="seats",
                title="The storm",
                owner="owner",
                time_zone="Europe/Berlin",
                currency="eur",
                slots=drafts,
            )
        )
        await inventory.close()

    async def books(self, seats: int, seconds: float = math.inf) -> None:
        """So many buyers book one seat each, fewer where the time is up; nobody has paid yet."""
        until = time.monotonic() + seconds
        numbers = itertools.takewhile(lambda _: time.monotonic() < until, range(seats))
        async with asyncio.TaskGroup() as everybody:
            for _ in range(BUYERS_AT_ONCE):
                everybody.create_task(self._keep_booking(numbers))

    async def _keep_booking(self, numbers: Iterator[int]) -> None:
        async with httpx.AsyncClient(base_url=self._base_url, timeout=60) as client:
            for number in numbers:
                await self._book(client, number)

    async def _book(self, client: httpx.AsyncClient, number: int) -> None:
        opened = (await client.post("/api/sessions")).raise_for_status().json()
        client.cookies.clear()  # a program's way: the token, and no cookie beside it
        headers = {"Authorization": f"Bearer {opened['token']}"}
        wanted = {"resource": HALL, "items": [[f"S-{number}", 1]]}
        (await client.post("/api/holds", json=wanted, headers=headers)).raise_for_status()
        customer = {"customer": {"name": "Ann Example", "email": "ann@example.org"}}
        booked = (await client.post("/api/bookings", json=customer, headers=headers)).raise_for_status()
        self.intents.append(booked.json()["payment"]["client_secret"].partition("_secret_")[0])

    async def pays(self) -> None:
        """Every buyer, at Stripe; we hear of it only by the storm."""
        for intent in self.intents:
            assert await self._stripe.pay(intent) == "requires_capture"
            await asyncio.sleep(0)

    def bodies(self, count: int) -> list[bytes]:
        """So many different events, in Stripe's own words, over all payments and kinds."""
        told = {
            event["data"]["object"]["id"]: event
            for event in self._stripe.events
            if event["type"] == "payment_intent.amount_capturable_updated"
        }
        about = itertools.cycle([told[intent] for intent in self.intents])
        return [_body(next(about), KINDS[n // len(self.intents) % len(KINDS)], n) for n in range(count)]

    async def drained(self) -> None:
        """Return when every event is worked off and every booking is confirmed."""
        await self._until(
            """
            select not exists (select from inbox where done_at is null and dead_at is null)
              and $1 = (select count(*) from booking where status = 'confirmed')
              and $1 = (select count(*) from payment where status = 'paid')
            """,
            len(self.intents),
        )

    async def worked_off(self) -> None:
        """Return when every event is."""
        await self._until("select not exists (select from inbox where done_at is null and dead_at is null)")

    async def _until(self, query: str, *arguments: int) -> None:
        """Asks seldom and little: what is measured runs on the same machine."""
        while True:
            async with self._database.connection() as connection:
                if await connection.fetchval(query, *arguments):
                    return
            await asyncio.sleep(0.2)

    async def waiting(self) -> int:
        """How many events are not worked off."""
        async with self._database.connection() as connection:
            return (await inbox_store.standing(connection)).waiting

    async def effects(self) -> Effects:
        """What has come of it so far."""
        async with self._database.connection() as connection:
            confirmed = await connection.fetchval("select count(*) from booking where status = 'confirmed'")
            paid = await connection.fetchval("select count(*) from payment where status = 'paid'")
            refunds = await connection.fetchval("select count(*) from refund")
            letters = await inbox_store.letters(connection, ["due", "done", "dead"], 1_000_000)
        keys: defaultdict[str, set[str | None]] = defaultdict(set)
        for call in self._stripe.requests:
            if call.path.endswith("/capture"):
                keys[call.path].add(call.key)
        return Effects(
            confirmed=confirmed,
            paid=paid,
            captured=Counter(self._stripe.ledger[intent].captured for intent in self.intents),
            capture_keys=Counter(map(len, keys.values())),
            refunds=refunds,
            letters=Counter(letter.state for letter in letters),
        )


def _body(event: dict[str, Any], kind: str, number: int) -> bytes:
    event = {**event, "id": f"evt_storm{number:06}", "type": kind}
    if kind.startswith("charge."):
        thing = event["data"]["object"]
        charge = {"id": f"ch_{number}", "object": "charge", "payment_intent": thing["id"], "payment": thing}
        event = {**event, "data": {"object": charge}}
    return json.dumps(event, indent=2).encode()


def shuffled(bodies: Sequence[bytes], copies: int, seed: int = 1) -> list[bytes]:
    """Every body so many times, in no order at all."""
    found = list(bodies) * copies
    random.Random(seed).shuffle(found)
    return found


@asynccontextmanager
async def storm_on(base_url: str, database_url: str, stripe: FakeStripe) -> AsyncIterator[Storm]:
    """A storm on whatever serves at `base_url`."""
    database = await Database.connect(database_url, size=2, command_seconds=60)
    try:
        yield Storm(base_url, database, stripe)
    finally:
        await database.close()
