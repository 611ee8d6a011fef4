"""A whole server, paid by Stripe, that is killed at every step of a story, until another has taken over.

A first, unharmed round tells the points a story passes. Then each round is one start: the process dies at the
next of them. What a round leaves behind is healed while the others run, or by the last process.
"""

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from server.errors import Unavailable
from server.holds.rules import Hold
from server.inventory.rules import HoldPolicy
from server.ops.auditor import audit
from server.ops.fault_points import VARIABLE
from tests.payments.stripe_house import CARD, StripeHouse
from tests.support.buyer import Buyer, Json
from tests.support.door import JWT_SECRET, jwt_of
from tests.support.processes import free_port
from tests.support.waiting import until
from tests.support.zygote import ForkedProcess, Zygote

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HALL: Final = "crash"
LEASE: Final = f"{{{HALL}}}:loading"
PAYMENT_SECONDS: Final = 60
PATIENCE: Final = 90.0
"""Seconds until a test that waits for something gives up; nothing is asserted about how long it took."""

# Steps of the money's way; what the keeper and the loops do by the clock alone is none of a story's.
POINTS: Final = ",".join(
    [
        "commit.*",
        "statement.insert.*",
        *(
            f"script.{name}.*"
            for name in ("pay", "confirm", "end", "return_to_cart", "move", "retake", "unbook", "index")
        ),
        *(f"provider.{name}.*" for name in ("create", "capture", "cancel", "refund")),
    ]
)
# For PostgreSQL's rows time can be made to pass: whatever is due later is due so much sooner.
DUE: Final[Mapping[str, tuple[str, ...]]] = {
    "booking": ("expires_at", "release_at", "extend_until"),
    "payment": ("check_at", "updated_at", "created_at", "stopping_until"),
    "refund": ("due_at",),
    "inbox": ("due_at",),
}


class Died(Exception):
    """The server is gone."""


class Declined(AssertionError):
    """The server said no."""


@dataclass
class Visitor:
    """A buyer over HTTP alone, at a process that may die at any moment."""

    scene: "Scene"
    buyer: Buyer
    booking: Json = field(default_factory=dict)
    payment: Json = field(default_factory=dict)

    async def asks(self, method: str, path: str, body: Any = None) -> Json:
        """The answer; Died where there is none."""
        try:
            answer = await self.buyer.changes(method, path, body)
        except httpx.TransportError as error:
            raise Died from error
        if answer.status_code >= 300:
            raise Declined(method, path, answer.status_code, answer.text)
        content: Json = answer.json()
        return content

    async def holds(self, slot: str) -> Json:
        try:
            await self.buyer.opens_session()
        except httpx.TransportError as error:
            raise Died from error
        held: Json = (await self.asks("POST", "/api/holds", {"resource": HALL, "items": [[slot, 1]]}))["hold"]
        return held

    async def books(self) -> None:
        customer = {"name": "Ann Example", "email": "ann@example.org"}
        answer = await self.asks("POST", "/api/bookings", {"customer": customer})
        self.booking, self.payment = answer["booking"], answer["payment"]

    async def begins(self, **how: Any) -> Json:
        """Another attempt: a share (`amount`), or by another way (`via`)."""
        path = f"/api/bookings/{self.booking['id']}/payments"
        self.payment = (await self.asks("POST", path, how))["payment"]
        return self.payment

    async def pays(self, card: str = CARD) -> None:
        """On Stripe's side; nothing of ours is asked."""
        house = self.scene.house
        found = await house.value("select provider_id from payment where id = $1::uuid", self.payment["id"])
        await house.stripe.pay(found, card)

    async def cancels(self) -> None:
        await self.asks("PUT", f"/api/bookings/{self.booking['id']}/cancel", {})

    async def is_answered(self, word: str) -> None:
        """By the owner: `confirm` or `cancel`."""
        headers = {"Authorization": f"Bearer {jwt_of('owner', roles=['owner'])}"}
        path = f"/api/bookings/{self.booking['id']}/{word}"
        try:
            answer = await self.buyer.http.put(path, headers=headers, json={})
        except httpx.TransportError as error:
            raise Died from error
        assert answer.status_code == 200, answer.text

    async def sees(self, status: str, payment_status: str) -> None:
        """Wait until the booking says so; what was told as confirmed is remembered."""
        async with asyncio.timeout(PATIENCE):
            while True:
                seen = (await self.asks("GET", f"/api/bookings/{self.booking['id']}"))["booking"]
                if seen["status"] == "confirmed":
                    self.scene.confirmed.add(seen["id"])
                if (seen["status"], seen["payment_status"]) == (status, payment_status):
                    return
                await asyncio.sleep(0.02)


Story = Callable[[Visitor], Awaitable[None]]


@dataclass
class Scene:
    """One database, one Redis, one Stripe, and a server on them that is killed again and again."""

    house: StripeHouse
    zygote: Zygote
    log: Path
    killed_at: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    confirmed: set[str] = field(default_factory=set)
    rounds: int = 0
    environment: dict[str, str] = field(init=False)
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        house, stripe = self.house, self.house.stripe
        base_url = f"http://127.0.0.1:{self.port}"
        stripe.contract.enabled = False  # the same few calls again and again, held to it elsewhere
        stripe.deliveries.flow()
        stripe.deliveries.to(f"{base_url}/api/payments/webhook")
        self.environment = {
            "REDIS_URL": house.settings.redis_url,
            "DATABASE_URL": house.settings.database_url,
            "SECRET_KEY": secrets.token_hex(32),
            "JWT_SECRET": JWT_SECRET,
            "STRIPE_SECRET_KEY": stripe.secret_key,
            "STRIPE_PUBLISHABLE_KEY": stripe.publishable_key,
            "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
            "STRIPE_API_BASE": stripe.base_url,
            "STRIPE_JS_URL": stripe.js_url,
            "PUBLIC_URL": base_url,
            "RATE_COMMANDS": "0",
            "RATE_BOOKINGS": "0",
            "LOG_LEVEL": "warning",
        }

    async def sells(self, slots: int, *, approval_seconds: int | None = None) -> None:
        policy = HoldPolicy(payment_seconds=PAYMENT_SECONDS, approval_seconds=approval_seconds)
        await self.house.sells([f"K-{number}" for number in range(slots)], resource=HALL, policy=policy)
        await self.house.office.holds.ensure(HALL)

    async def points_of(self, story: Story) -> list[tuple[str, int]]:
        """What a story passes when nobody kills it: each point with the number of its pass."""
        told = self.log.stat().st_size if self.log.exists() else 0
        assert await self._plays(story, f"{POINTS}:0"), self._tail()
        lines = self.log.read_text(errors="replace")[told:].splitlines()
        passed: Counter[str] = Counter()
        points: list[tuple[str, int]] = []
        for line in lines:
            word, _, name = line.partition("passing ")
            if not word and name:
                passed[name] += 1
                points.append((name, passed[name]))
        return points

    async def kills(self, story: Story, *, every: int = 1, first: int = 0) -> int:
        """Play the story once for each point of it; how many points it has.

        What runs beside a story does not come at the same points each time: instead of one that is not
        passed the next is tried, up to the one that has its own turn.
        """
        points = await self.points_of(story)
        for start in range(first, len(points), every):
            await self._kills_at_one_of(story, points[start : start + every])
        return len(points)

    async def _kills_at_one_of(self, story: Story, points: list[tuple[str, int]]) -> None:
        for name, number in points:
            if not await self._plays(story, f"{name}:{number}"):
                self.killed_at.append(self._last_words())
                return
            self.missed.append(name)

    async def dies_as_it_rebuilds(self, point: str) -> None:
        """A process that has the hall's change to announce, and does not come to the end of that.

        However slow the machine is, its lease is not over yet.
        """
        due = "case when id = $1 then now() - interval '1 second' end"
        await self.house.execute(f"update resource set announce_after = {due}", HALL)
        with suppress(Died):
            async with self._serving(f"{point}:1") as process:
                await until(lambda: process.is_dead, PATIENCE)
        assert self._last_words().startswith(point)
        await self.house.redis.set(LEASE, "of one who died")

    async def dies_as_it_books(self, slot: str, *, seconds_left: float) -> Hold | None:
        """Once the booking is committed, before Redis hears of it; the hold, which was about to end.

        None where it ended before it could be booked, on a machine that is slow.
        """
        store = self.house.office.holds.store
        async with self._serving("commit.booking+outbox+payment.after:1") as process:
            buyer = Buyer(process.base_url, "json")
            try:
                visitor = Visitor(self, buyer)
                name = (await visitor.holds(slot))["id"]
                hold = (await store.holds({HALL: [name]}))[name]
                ends = await store.now() + round(1000 * seconds_left)
                moved = await store.run("move", HALL, session=hold.session, holds=[name], expires_at=ends)
                with suppress(Died):
                    await visitor.books()
            except Declined:
                return None
            finally:
                await buyer.http.aclose()
        assert self._last_words().startswith("commit.booking+")
        return moved.holds[0]

    async def heals(self) -> None:
        """The last process is not killed; once time has passed everything is right."""
        async with self._serving(None) as process:
            wrong: Exception | None = None
            try:
                async with asyncio.timeout(PATIENCE):
                    while (wrong := await self._wrong()) is not None:
                        await self._time_passes(20)
                        await asyncio.sleep(0.25)
            except TimeoutError:
                raise AssertionError(f"it does not heal: {wrong}\n{process.tail()}") from wrong

    async def _plays(self, story: Story, fault: str) -> bool:
        """Whether the story came to its end."""
        self.rounds += 1
        try:
            async with self._serving(fault) as process:
                buyer = Buyer(process.base_url, "json")
                try:
                    visitor = Visitor(self, buyer)
                    await visitor.holds(f"K-{self.rounds - 1}")
                    await story(visitor)
                finally:
                    await buyer.http.aclose()
        except Died:
            return False
        return True

    @asynccontextmanager
    async def _serving(self, fault: str | None) -> "AsyncIterator[ForkedProcess]":
        environment = self.environment if fault is None else {**self.environment, VARIABLE: fault}
        process = ForkedProcess(self.zygote, environment, self.log, self.port)
        try:
            try:
                await process.start()
            except RuntimeError as error:  # killed by what was left for it to heal
                raise Died from error
            yield process
        finally:
            await process.kill()

    async def _wrong(self) -> Exception | None:
        house = self.house
        try:
            await house.is_whole(resources=[HALL])
            for unfinished in UNFINISHED:
                assert await house.value(unfinished) == 0, unfinished
            lost = "select count(*) from booking where id = any($1::uuid[]) and confirmed_at is null"
            assert await house.value(lost, list(self.confirmed)) == 0, "told as confirmed, and it is not"
            findings = await audit(house.database, house.redis, settle_seconds=0)
            assert findings == [], findings
        except (AssertionError, Unavailable) as error:
            return error
        return None

    async def _time_passes(self, seconds: int) -> None:
        for table, columns in DUE.items():
            moved = ", ".join(f"{name} = {name} - interval '{seconds} seconds'" for name in columns)
            await self.house.execute(f"update {table} set {moved}")

    def _last_words(self) -> str:
        for line in reversed(self.log.read_text(errors="replace").splitlines()):
            word, _, point = line.partition("killed at ")
            if point and not word:
                return point
        raise AssertionError(self._tail())

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])


UNFINISHED: Final = (
    "select count(*) from booking where status = 'pending' or applied_version < version",
    "select count(*) from refund where status in ('requested', 'pending')",
    "select count(*) from inbox where dead_at is not null",
    "select count(*) from payment where status = 'authorized' and accepted",
)

EVERY: Final = int(os.environ.get("KILL_EVERY", "0"))
