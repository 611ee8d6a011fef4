"""A street that a run torments: processes of Holdfast on a Redis and a PostgreSQL, and a Stripe beside them.

    async with open_ground(folder) as ground, open_street(ground, folder / "cell", processes=3) as street:
        await street.sells("hall", 100)
        await street.servers[0].kill()
        await street.servers[0].start()     # on the port it had
        assert await street.findings() == []

Everything is real. A ground is what the cells of one run share: it has PostgreSQL with a migrated template,
and a process that has the servers' code imported and only forks. Whatever is killed, stopped or cut is
ended by its own handle, and everything is gone with its context.
"""

import asyncio
import contextlib
import random
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis as RedisClient

from server.bookings.store import moment
from server.database.pool import Database
from server.embedded.process import PORTS, choose_port
from server.errors import Unavailable
from server.holds.client import connect
from server.inventory.rules import HoldPolicy, ResourceDraft, SlotDraft
from server.inventory.service import Inventory
from server.ops.audit import Finding
from server.ops.auditor import audit
from server.times import now_milliseconds
from tests.fake_stripe import FakeStripe
from tests.support.processes import Process
from tests.support.servers import Databases, PostgreSQL, Redis, fast_postgresql
from tests.support.zygote import ForkedProcess, Zygote
from tests.torture.nemesis.names import Names
from tests.torture.proxy import Proxy

PRICE = 2_500
"""What a seat costs, in cents."""

WAYS = ("redis", "postgresql", "stripe")
"""What a proxy can stand before."""

Settings = Mapping[str, str]


@dataclass(frozen=True)
class Ground:
    """What the cells of one run stand on."""

    zygote: Zygote
    postgresql: PostgreSQL
    databases: Databases


@asynccontextmanager
async def open_ground(folder: Path) -> AsyncIterator[Ground]:
    """Once for a run."""
    postgresql = fast_postgresql(folder / "postgresql")
    postgresql.start()
    try:
        databases = Databases(postgresql)
        await databases.create_template()
        with Zygote() as zygote:
            yield Ground(zygote, postgresql, databases)
    finally:
        postgresql.stop()


@dataclass
class Street:
    """What a cell torments. `proxies[number, way]` stands between that server and what it talks to."""

    folder: Path
    servers: Sequence[Process]
    redis: Redis
    postgresql: PostgreSQL
    database: Database
    database_url: str
    client: RedisClient
    stripe: FakeStripe | None
    settings: Settings
    proxies: Mapping[tuple[int, str], Proxy] = field(default_factory=dict)

    @property
    def ports(self) -> list[int]:
        """Where the servers are, whether they run or not."""
        return [server.port for server in self.servers]

    async def sells(
        self, name: str, seats: int, *, capacity: int = 1, price: int = PRICE, **policy: Any
    ) -> None:
        """Put seats `A-0`, `A-1`, … on sale, whose index is their number."""
        drafts = tuple(
            SlotDraft(id=f"A-{seat}", label=f"A-{seat}", capacity=capacity, price=price, section="A")
            for seat in range(seats)
        )
        await self.offers(
            ResourceDraft(
                id=name,
                kind="seats" if capacity == 1 else "sessions",
                title=name,
                owner="olga",
                time_zone="Europe/Berlin",
                currency="eur",
                policy=HoldPolicy(**policy),
                slots=drafts,
            )
        )

    async def offers(self, draft: ResourceDraft) -> None:
        """Put anything on sale."""
        inventory = Inventory(self.database)
        await inventory.create(draft)
        await inventory.close()

    async def findings(self, patience: float = 20.0) -> list[Finding]:
        """What `holdfast audit` finds when it has had so many seconds to find nothing any more.

        A rebuild that is under way may end, and what is on its way between the servers may arrive.
        """
        found: list[Finding] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while True:
                    with contextlib.suppress(Unavailable):
                        found = await audit(self.database, self.client)
                        if not found:
                            break
                    await asyncio.sleep(0.5)
        return found

    async def count(self, query: str, *arguments: object) -> int:
        """A number that PostgreSQL has."""
        async with self.database.connection() as connection:
            return int(await connection.fetchval(query, *arguments))

    async def overdue(self, milliseconds: int = 1_000) -> int:
        """Bookings that still wait for their payment so long after their deadline."""
        return await self.count(
            "select count(*) from booking where status = 'pending' and expires_at < $1",
            moment(now_milliseconds() - milliseconds),
        )


def settings(redis_url: str, database_url: str, **more: str) -> dict[str, str]:
    """What all processes of a street are started with: short waits, and no limits by address or rate."""
    return {
        "REDIS_URL": redis_url,
        "DATABASE_URL": database_url,
        "SECRET_KEY": secrets.token_hex(32),
        "PAYMENTS": "sandbox",
        "DISCONNECT_GRACE_SECONDS": "3",
        "LIVENESS_SECONDS": "15",
        "HEARTBEAT_SECONDS": "1",
        "RATE_COMMANDS": "0",
        "RATE_BOOKINGS": "0",
        "LOG_LEVEL": "warning",
        **more,
    }


def paid_by(stripe: FakeStripe) -> dict[str, str]:
    """What a process needs to be paid by this Stripe."""
    return {
        "PAYMENTS": "stripe",
        "STRIPE_SECRET_KEY": stripe.secret_key,
        "STRIPE_PUBLISHABLE_KEY": stripe.publishable_key,
        "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
        "STRIPE_API_BASE": stripe.base_url,
        "STRIPE_JS_URL": stripe.js_url,
    }


@asynccontextmanager
async def open_street(
    ground: Ground,
    folder: Path,
    *,
    processes: int = 3,
    stripe: bool = False,
    proxies: Collection[str] = (),
    redis_options: Mapping[str, str] | None = None,
    redis: Redis | None = None,
    redis_url: str = "",
    postgresql: PostgreSQL | None = None,
    each: Callable[[int], Settings] = lambda _number: {},
    names: Names | None = None,
    beside: Sequence[Callable[[Settings, Path], AbstractAsyncContextManager[Process]]] = (),
    **more: str,
) -> AsyncIterator[Street]:
    """Processes on servers of their own. A `redis` or `postgresql` that is given runs already;
    `redis_url` is another way to it.

    `each(number)` are settings of one process alone; one that names LD_PRELOAD is started, not forked.
    By `names` the processes know what they talk to, instead of by its address.
    `beside` makes further processes, by the settings and the street's folder; they come after the others.
    """
    async with AsyncExitStack() as stack:
        live = redis or _redis(stack, folder, redis_options)
        lasting, url = await _database(stack, ground, postgresql)
        given = settings(redis_url or live.url, url, **more)
        shop = None
        if stripe:
            shop = await stack.enter_async_context(FakeStripe.serving(port=_port(folder, "stripe")))
            given |= paid_by(shop)
        database = await Database.connect(url, size=2, command_seconds=30)
        stack.push_async_callback(database.close)
        client = connect(redis_url or live.url, connections=4)
        stack.push_async_callback(client.aclose)
        servers, between = [], {}
        for number in range(processes):
            own = {**given, **each(number)}
            for way in proxies:
                proxy = between[number, way] = await _proxy(stack, own, way)
                own |= _by_way_of(proxy, own, way)
            own |= _by_name(names, own) if names is not None else {}
            servers.append(_process(ground, folder, number, own))
        servers += [await stack.enter_async_context(make(given, folder)) for make in beside]
        async with asyncio.TaskGroup() as starting:
            for server in servers:
                stack.push_async_callback(server.kill)
                starting.create_task(server.start())
        if shop is not None:
            shop.deliveries.to(f"{servers[0].base_url}/api/payments/webhook")
        yield Street(folder, servers, live, lasting, database, url, client, shop, given, between)


def _redis(stack: AsyncExitStack, folder: Path, options: Mapping[str, str] | None) -> Redis:
    made = Redis(folder / "redis", options=options)
    made.start()
    stack.callback(made.stop)
    return made


async def _database(
    stack: AsyncExitStack, ground: Ground, given: PostgreSQL | None
) -> tuple[PostgreSQL, str]:
    """A database of the street's own on the ground's server; or all of the server that is given."""
    if given is None:
        return ground.postgresql, await stack.enter_async_context(ground.databases.fresh())
    databases = Databases(given)
    await databases.create_template()
    return given, await stack.enter_async_context(databases.fresh())


def _process(ground: Ground, folder: Path, number: int, own: Settings) -> Process:
    log, port = folder / f"server-{number}.log", _port(folder, f"server-{number}")
    if "LD_PRELOAD" in own:
        return Process(own, log, port)
    return ForkedProcess(ground.zygote, own, log, port)


def _port(folder: Path, name: str) -> int:
    """Below the ephemeral range: a client's own port is never that of a server about to come back."""
    return choose_port(folder / f"{name}.port")


async def _proxy(stack: AsyncExitStack, own: Settings, way: str) -> Proxy:
    upstream = urlsplit(own[_SETTING[way]])
    assert upstream.hostname is not None
    assert upstream.port is not None
    return await stack.enter_async_context(Proxy(upstream.hostname, upstream.port))


def _by_way_of(proxy: Proxy, own: Settings, way: str) -> Settings:
    address = urlsplit(own[_SETTING[way]])
    place = f"{address.netloc.rpartition(':')[0]}:{proxy.port}"
    return {_SETTING[way]: address._replace(netloc=place).geturl()}


def _by_name(names: Names, own: Settings) -> Settings:
    named = {
        setting: own[setting].replace("127.0.0.1", names.of(way))
        for way, setting in _SETTING.items()
        if setting in own
    }
    return {**named, **names.environment}


_SETTING = {"redis": "REDIS_URL", "postgresql": "DATABASE_URL", "stripe": "STRIPE_API_BASE"}


def seeded(seed: int, *names: object) -> random.Random:
    """Chance of its own for each part of a run, the same in each run with that seed."""
    return random.Random(":".join(map(str, (seed, *names))))


assert PORTS.stop <= 32_768, "below Linux' ephemeral range"
