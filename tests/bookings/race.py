"""Drivers who race for overlapping ranges of driveways, over HTTP, as bad-mannered as people are."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx

from server.database.pool import Database
from server.inventory.rules import HoldPolicy, ResourceDraft
from server.inventory.service import Inventory
from tests.bookings.driveways import OWNER, at, rules

FORM: Final[dict[str, Any]] = {"customer": {"name": "Dan Driver", "email": "dan@example.com"}}
QUARTERS_OF_A_DAY: Final = 96
SETTLED_SECONDS: Final = 60
POLL_SECONDS: Final = 0.2

# The ranges of what stands, by the lines alone: the constraint is not asked whether it did its work.
OVERLAPS: Final = """
with stay as (
  select distinct line.resource_id, line.hold_id,
    tstzrange(line.range_start::timestamptz, line.range_end::timestamptz) as during
  from booking_line line where line.range_start is not null and line.state <> 'released'
)
select count(*) from stay a join stay b
  on a.resource_id = b.resource_id and a.hold_id < b.hold_id and a.during && b.during
"""


UNDER_WAY: Final = """
select (select count(*) from refund where status in ('requested', 'pending'))
  + (select count(*) from payment where status = 'authorized')
  + (select count(*) from sandbox.event where delivered_at is null)
  + (select count(*) from inbox where done_at is null)
  + (select count(*) from booking where applied_version < version)
"""


@dataclass
class Figures:
    """What came of it, and how long answers took (seconds)."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def took(self, what: str, seconds: float) -> None:
        self.seconds.setdefault(what, []).append(seconds)


@dataclass
class Racer:
    """One driver with a session: `await racer.tries()` is one try to park somewhere tomorrow."""

    client: httpx.AsyncClient
    driveways: Sequence[str]
    figures: Figures
    dice: random.Random
    headers: dict[str, str]

    async def tries(self) -> None:
        """Hold a range; then give it back, book it, pay it, cancel it, or several at once."""
        hold = await self._holds()
        if hold is None:
            return
        if self.dice.random() < 0.1:
            await self._asks("DELETE", f"/api/holds/{hold}", count="given back")
            return
        answer = await self._asks("POST", "/api/bookings", FORM, count="book")
        if answer.status_code not in {200, 201}:
            return
        booking, payment = answer.json()["booking"]["id"], answer.json()["payment"]["id"]
        await self.dice.choices(
            [self._pays, self._declines, self._cancels, self._pays_and_cancels], [7, 1, 1, 1]
        )[0](booking, payment)

    async def _holds(self) -> str | None:
        first = self.dice.randrange(QUARTERS_OF_A_DAY)
        last = min(first + self.dice.randint(2, 16), QUARTERS_OF_A_DAY + 16)
        content = {"resource": self.dice.choice(self.driveways), "range": [_quarter(first), _quarter(last)]}
        answer = await self._asks("POST", "/api/holds", content, count="hold")
        return answer.json()["hold"]["id"] if answer.status_code == 201 else None

    async def _pays(self, booking: str, payment: str) -> None:
        await self._acts(payment, "succeed")
        await self._is_confirmed(booking)
        if self.dice.random() < 0.7:
            await self._asks("PUT", f"/api/bookings/{booking}/cancel", {}, count="cancel what is paid")

    async def _declines(self, booking: str, payment: str) -> None:
        await self._acts(payment, "decline")
        await self._cancels(booking, payment)

    async def _cancels(self, booking: str, _payment: str) -> None:
        content = {"release": True}
        await self._asks("PUT", f"/api/bookings/{booking}/cancel", content, count="cancel what is not")

    async def _pays_and_cancels(self, booking: str, payment: str) -> None:
        await asyncio.gather(self._acts(payment, "succeed"), self._cancels(booking, payment))

    async def _acts(self, payment: str, outcome: str) -> None:
        await self._asks("POST", f"/api/sandbox/payments/{payment}", {"outcome": outcome}, count=outcome)

    async def _is_confirmed(self, booking: str) -> None:
        """Asked seldomer and seldomer: hundreds who wait must not keep the server busy with that alone."""
        began, pause = time.perf_counter(), POLL_SECONDS
        while time.perf_counter() - began < SETTLED_SECONDS:
            answer = await self.client.get(f"/api/bookings/{booking}", headers=self.headers)
            if answer.status_code == 200 and answer.json()["booking"]["status"] != "pending":
                self.figures.took("confirmed", time.perf_counter() - began)
                return
            await asyncio.sleep(pause)
            pause *= 2

    async def _asks(self, method: str, path: str, content: Any = None, *, count: str) -> httpx.Response:
        body = {} if content is None else {"json": content}
        began = time.perf_counter()
        answer = await self.client.request(method, path, headers=self.headers, **body)
        self.figures.took(count, time.perf_counter() - began)
        code = "" if answer.is_success else f" {answer.json()['code']}"
        self.figures.outcomes[f"{count}: {answer.status_code}{code}"] += 1
        return answer


class Race:
    """`await race.sells(20)`, `await race.runs(500, goes_on)`, `await race.settles()`."""

    def __init__(self, addresses: Sequence[str], database: Database, *, seed: int = 1) -> None:
        self.addresses = addresses
        self.database = database
        self.figures = Figures()
        self.driveways: list[str] = []
        self._seed = seed

    async def sells(self, count: int) -> None:
        """So many driveways with a quarter of an hour between two bookings."""
        inventory = Inventory(self.database)
        for number in range(count):
            name = f"driveway-{number}"
            draft = ResourceDraft(
                id=name,
                kind="grid",
                title=f"Driveway {number}",
                owner=OWNER,
                time_zone="UTC",
                currency="gbp",
                policy=HoldPolicy(),
                grid=rules(buffer_minutes=15),
            )
            await inventory.create(draft)
            self.driveways.append(name)
        await inventory.close()

    async def runs(self, drivers: int, goes_on: Callable[[int], bool], *, think: float = 0) -> None:
        """All at once; each tries again while `goes_on` says so of how often it has tried.

        `think`: how many seconds a driver looks at the street before each try, on average.
        """
        async with self._clients(drivers) as clients:
            racers = [await self._enters(clients[n % len(clients)], n) for n in range(drivers)]
            await asyncio.gather(*(_drives(racer, goes_on, think) for racer in racers))

    async def settles(self) -> None:
        """Until no money is on its way: paid bookings are confirmed, cancelled ones given back."""
        async with asyncio.timeout(SETTLED_SECONDS):
            while await self._value(UNDER_WAY):  # noqa: ASYNC110  # other processes' work has no event
                await asyncio.sleep(POLL_SECONDS)

    async def overlaps(self) -> int:
        """Pairs of ranges that stand and overlap."""
        return int(await self._value(OVERLAPS))

    async def standing(self) -> dict[str, int]:
        """How many bookings there are, by status."""
        async with self.database.connection() as connection:
            rows = await connection.fetch("select status, count(*) as n from booking group by 1 order by 1")
        return {row["status"]: row["n"] for row in rows}

    async def _value(self, query: str) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchval(query)

    @asynccontextmanager
    async def _clients(self, drivers: int) -> AsyncIterator[list[httpx.AsyncClient]]:
        limits = httpx.Limits(max_connections=drivers, max_keepalive_connections=drivers)
        jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # drivers bring tokens
        clients = [
            httpx.AsyncClient(base_url=address, limits=limits, timeout=30, cookies=jar)
            for address in self.addresses
        ]
        try:
            yield clients
        finally:
            for client in clients:
                await client.aclose()

    async def _enters(self, client: httpx.AsyncClient, number: int) -> Racer:
        token = (await client.post("/api/sessions")).json()["token"]
        dice = random.Random(self._seed * 10_000 + number)  # a race, not a secret
        return Racer(client, self.driveways, self.figures, dice, {"Authorization": f"Bearer {token}"})


async def _drives(racer: Racer, goes_on: Callable[[int], bool], think: float) -> None:
    tried = 0
    await asyncio.sleep(2 * think * racer.dice.random())
    while goes_on(tried):
        await racer.tries()
        await asyncio.sleep(2 * think * racer.dice.random())
        tried += 1


def _quarter(number: int) -> str:
    """When a quarter of an hour of tomorrow begins."""
    days, quarter = divmod(number, QUARTERS_OF_A_DAY)
    hour, part = divmod(quarter, 4)
    return at(f"{hour:02}:{15 * part:02}", 2 + days)
