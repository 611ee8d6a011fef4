"""Two whole processes, as production starts them, on a Redis and a PostgreSQL that a test may kill."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis as RedisClient

from server.database.migrate import migrate
from server.database.pool import Database
from server.holds.client import connect
from server.inventory.rules import HoldPolicy, ResourceDraft, SlotDraft
from server.inventory.service import Inventory
from server.ops.auditor import audit
from tests.support.processes import Process
from tests.support.servers import PostgreSQL, Redis
from tests.support.zygote import ForkedProcess, Zygote

GRACE_SECONDS = 1
REBUILT_WITHIN = 20  # looks, half a second apart


@dataclass(frozen=True)
class Street:
    """Processes on the same two servers."""

    processes: tuple[Process, ...]
    redis: Redis
    postgresql: PostgreSQL
    database: Database
    client: RedisClient

    @property
    def addresses(self) -> list[str]:
        return [process.base_url for process in self.processes]

    async def sells(self, name: str, seats: int, **policy: Any) -> None:
        """Put a row of seats on sale."""
        slots = tuple(
            SlotDraft(
                id=f"A-{seat}", label=f"A-{seat}", price=5_000, category="stalls", section="stalls", row="A"
            )
            for seat in range(1, seats + 1)
        )
        draft = ResourceDraft(
            id=name,
            kind="seats",
            title=name,
            owner="olga",
            time_zone="Europe/Berlin",
            currency="eur",
            policy=HoldPolicy(**policy),
            slots=slots,
        )
        inventory = Inventory(self.database)
        await inventory.create(draft)
        await inventory.close()

    async def is_sound(self) -> None:
        """The audit of the running system finds nothing; a rebuild that is under way may end first."""
        for _ in range(REBUILT_WITHIN):
            found = await audit(self.database, self.client)
            if not any(finding.invariant == "R=P" for finding in found):
                break
            await asyncio.sleep(0.5)
        assert found == []


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Has everything imported, once for all streets."""
    with Zygote() as made:
        yield made


def environment(redis_url: str, database_url: str) -> dict[str, str]:
    """What all processes of a street are started with."""
    return {
        "REDIS_URL": redis_url,
        "DATABASE_URL": database_url,
        "SECRET_KEY": secrets.token_hex(32),
        "PAYMENTS": "sandbox",
        "DISCONNECT_GRACE_SECONDS": str(GRACE_SECONDS),
        "LIVENESS_SECONDS": "10",  # in which whoever has lost a server finds another
        "HEARTBEAT_SECONDS": "1",
        "RATE_COMMANDS": "0",
        "RATE_BOOKINGS": "0",
        "LOG_LEVEL": "warning",
    }


@asynccontextmanager
async def open_street(
    redis: Redis, postgresql: PostgreSQL, folder: Path, zygote: Zygote, *, url: str = "", processes: int = 2
) -> AsyncIterator[Street]:
    """So many processes on one PostgreSQL and one Redis; `url` is that of several servers of Redis."""
    await migrate(postgresql.url)
    given = environment(url or redis.url, postgresql.url)
    async with AsyncExitStack() as stack:
        database = await Database.connect(postgresql.url, size=2)
        stack.push_async_callback(database.close)
        client = connect(url or redis.url, connections=2)
        stack.push_async_callback(client.aclose)
        started = [
            await stack.enter_async_context(ForkedProcess(zygote, given, folder / f"{number}.log"))
            for number in range(1, processes + 1)
        ]
        yield Street(tuple(started), redis, postgresql, database, client)


@pytest.fixture
async def street(
    spare_redis: Redis, spare_postgresql: PostgreSQL, tmp_path: Path, zygote: Zygote
) -> AsyncIterator[Street]:
    async with open_street(spare_redis, spare_postgresql, tmp_path, zygote) as street:
        yield street
