"""Import a seating plan and sell all of it: every seat, by many buyers at once, over two server processes.

    python -m scripts.sell_real_hall ../shared/data/hall.seating-plan.json

Everything is real: a Redis and a PostgreSQL of its own, `holdfast migrate`, `import`, `run` twice, and at the
end `holdfast audit`. A viewer on each process watches the map. It ends with 1 if a seat is left, is sold
twice or is not shown as sold.
"""

import argparse
import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from channels.client import Client, SlotTaken
from server.embedded.postgresql import PostgreSQL
from server.embedded.redis import Redis
from tests.support.processes import Process

ROOT = Path(__file__).resolve().parent.parent
BUYERS = 24
PARTY = 4
PRICES = ("I", "II", "III", "IV", "V")


def holdfast(*arguments: str | Path, environment: dict[str, str]) -> str:
    """Run one command; its output, or an end of the whole script with it."""
    command = [sys.executable, "-m", "server", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"holdfast {arguments[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


@contextlib.contextmanager
def servers(state: Path) -> Iterator[dict[str, str]]:
    """A Redis and a PostgreSQL of our own, as the environment of a production process."""
    redis, postgresql = Redis(state / "redis"), PostgreSQL(state / "postgresql")
    try:
        yield {
            **os.environ,
            "REDIS_URL": redis.start(),
            "DATABASE_URL": postgresql.start(),
            "SECRET_KEY": secrets.token_hex(32),
            "PAYMENTS": "sandbox",
            "RATE_COMMANDS": "0",
            "RATE_BOOKINGS": "0",
            "LOG_LEVEL": "warning",
        }
    finally:
        redis.stop()
        postgresql.stop()


@contextlib.asynccontextmanager
async def processes(environment: dict[str, str], state: Path) -> AsyncIterator[list[Process]]:
    """Two processes of Holdfast on the same servers."""
    async with (
        Process(environment, state / "a.log") as first,
        Process(environment, state / "b.log") as second,
    ):
        yield [first, second]


async def buy(client: Client, resource: str, sold: Counter[str]) -> bool:
    """Hold the best seats, book them, pay; False when there are none left."""
    for quantity in range(PARTY, 0, -1):
        with contextlib.suppress(SlotTaken):
            held = await client.holding.hold_best(resource, quantity)
            break
    else:
        return False
    booked = await client.bookings.book({"name": "Ann Example", "email": "ann@example.org"})
    assert booked.payment is not None
    await client.payments.settle_in_sandbox(booked.payment.id)
    async with asyncio.timeout(20):
        while (status := (await client.bookings.get(booked.booking.id)).status) != "confirmed":
            assert status == "pending", status
            await asyncio.sleep(0.05)
    sold.update(slot for slot, _ in held.hold.items)
    return True


async def keep_buying(process: Process, resource: str, sold: Counter[str]) -> None:
    async with Client(process.base_url) as client:
        while await buy(client, resource, sold):
            pass


async def sell(environment: dict[str, str], state: Path) -> None:
    """Sell everything there is and compare what was sold with what the viewers see."""
    async with processes(environment, state) as both, contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(process.base_url)) for process in both]
        resource = (await anext(clients[0].resources.all())).id
        slots = (await clients[0].resources.get(resource)).slots
        viewers = [await stack.enter_async_context(client.watch(resource)) for client in clients]
        sold: Counter[str] = Counter()
        await asyncio.gather(*(keep_buying(both[number % 2], resource, sold) for number in range(BUYERS)))
        await asyncio.sleep(2)  # I5: every view is right within two seconds
        views = [viewer.numbers for viewer in viewers]
    assert len(sold) == len(slots), f"{len(slots) - len(sold)} of {len(slots)} seats were left"
    assert set(sold.values()) == {1}, f"sold twice: {[slot for slot, times in sold.items() if times > 1]}"
    for seen in views:
        assert seen == dict.fromkeys(range(len(slots)), (0, 0)), "a viewer does not see them all as sold"
    print(f"{len(sold)} of {len(slots)} seats sold, none twice; both viewers saw it")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("plan", type=Path, help="a seating plan in the format of seats.pretix.eu")
    plan: Path = parser.parse_args().plan.resolve()
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder, servers(Path(folder)) as environment:
        print(holdfast("migrate", environment=environment), end="")
        prices = [part for number in PRICES for part in ("--price", f"Category {number}=5000")]
        options = ["--seat-id", "uuid", "--currency", "usd", *prices]
        print(holdfast("import", plan, *options, environment=environment), end="")
        asyncio.run(sell(environment, Path(folder)))
        print(holdfast("audit", environment=environment), end="")


if __name__ == "__main__":
    main()
