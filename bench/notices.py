"""How soon an owner's tabs know of a booking: from where it is written down to the message in the tab.

    .venv/bin/python -m bench.notices --rate 20 --seconds 20 --tabs 10

`--rate` bookings a second are made and confirmed (they cost nothing) at one process; the owner's tabs hang on
another, so that each notice crosses Redis. Servers, buyers and tabs, a Redis and a PostgreSQL with fsync are
all on this machine. A time begins at `created_at`, when the notice was written inside the transaction, by the
clock of this same machine: so the commit itself is counted in.
"""

import argparse
import asyncio
import itertools
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any

import httpx
import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from scripts.sell_real_hall import holdfast, processes, servers
from server.accounts.users import mint
from server.times import now_milliseconds
from tests.support.processes import Process

OWNER = "olga"
SECRET = "a-secret-of-this-bench-0123456789abcdef"
PLACES = 1_000_000
EACH = 2  # booking_created and booking_confirmed
PATIENCE = 30.0


def jwt() -> str:
    return mint(SECRET, user=OWNER, name=None, now=now_milliseconds(), roles=("owner",), seconds=3600)


@dataclass
class Tab:
    """One of the owner's: what it was told, and how long that took (ms)."""

    socket: ClientConnection
    ids: list[str] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    order: list[tuple[str, str]] = field(default_factory=list)

    async def listens(self) -> None:
        async for data in self.socket:
            assert isinstance(data, bytes)
            message: dict[str, Any] = msgpack.unpackb(data)
            if message["type"] == "notification":
                self.took.append(1000 * time.time() - message["created_at"])
                self.ids.append(message["id"])
                self.order.append((message["data"]["booking"], message["kind"]))

    @property
    def is_in_order(self) -> bool:
        """Of each booking: made, then confirmed, each once."""
        kinds: dict[str, list[str]] = {}
        for booking, kind in self.order:
            kinds.setdefault(booking, []).append(kind)
        return all(each == ["booking_created", "booking_confirmed"] for each in kinds.values())


async def opens(process: Process) -> Tab:
    """A tab in which the owner is signed in."""
    address = process.base_url.replace("http", "ws", 1) + "/ws"
    socket = await connect(address, subprotocols=[Subprotocol("holdfast.v1.msgpack")], compression=None)
    await socket.send(msgpack.packb({"type": "hello", "token": jwt()}))
    await socket.recv()
    return Tab(socket)


async def sells(client: httpx.AsyncClient) -> None:
    """Something that costs nothing and is never sold out."""
    slots = [{"id": "place", "label": "A place", "capacity": PLACES, "price": 0}]
    body = {"id": "free", "kind": "sessions", "title": "A free afternoon", "owner": OWNER, "slots": slots}
    body |= {"time_zone": "Europe/Berlin", "currency": "eur"}
    answer = await client.post("/api/resources", json=body, headers={"Authorization": f"Bearer {jwt()}"})
    answer.raise_for_status()


async def books(client: httpx.AsyncClient, number: int) -> None:
    """One buyer: a session, a hold, a booking."""
    session = (await client.post("/api/sessions")).json()
    headers = {"Authorization": f"Bearer {session['token']}"}
    held = {"resource": "free", "items": [["place", 1]]}
    (await client.post("/api/holds", json=held, headers=headers)).raise_for_status()
    customer = {"name": f"Buyer {number}", "email": f"buyer{number}@example.org"}
    (await client.post("/api/bookings", json={"customer": customer}, headers=headers)).raise_for_status()


async def sale(process: Process, rate: int, seconds: int) -> float:
    """All the bookings, evenly; how long it took."""
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(base_url=process.base_url, timeout=PATIENCE, limits=limits) as client:
        await sells(client)
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # each buyer is another
        began = time.perf_counter()
        async with asyncio.TaskGroup() as buyers:
            for number in range(rate * seconds):
                await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
                buyers.create_task(books(client, number))
        return time.perf_counter() - began


async def measure(around: dict[str, str], state: Path, options: argparse.Namespace) -> None:
    """One sale, and what the owner's tabs heard of it."""
    count = EACH * options.rate * options.seconds
    async with processes(around, state) as (first, second):
        tabs = [await opens(second) for _ in range(options.tabs)]
        async with asyncio.TaskGroup() as listening:
            tasks = [listening.create_task(tab.listens()) for tab in tabs]
            took = await sale(first, options.rate, options.seconds)
            deadline = time.perf_counter() + PATIENCE
            while any(len(tab.ids) < count for tab in tabs) and time.perf_counter() < deadline:  # noqa: ASYNC110  # the tabs have no event for it
                await asyncio.sleep(0.1)
            for task in tasks:
                task.cancel()
    print(f"{count // EACH} bookings in {took:.1f} s, {options.tabs} tabs on another process")
    cuts = statistics.quantiles(itertools.chain.from_iterable(tab.took for tab in tabs), n=100)
    print(f"written to told: p50 {cuts[49]:.0f} ms, p95 {cuts[94]:.0f} ms, p99 {cuts[98]:.0f} ms, ", end="")
    print(f"max {max(max(tab.took) for tab in tabs):.0f} ms")
    whole = sum(Counter(tab.ids) == Counter(set(tabs[0].ids)) and len(tab.ids) == count for tab in tabs)
    in_order = sum(tab.is_in_order for tab in tabs)
    print(f"{whole} of {options.tabs} tabs heard all {count}, each once; {in_order} in order")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rate", type=int, default=20, help="bookings a second")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--tabs", type=int, default=10, help="of the owner, on another process")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder, servers(Path(folder)) as around:
        around |= {"JWT_SECRET": SECRET}
        holdfast("migrate", environment=around)
        asyncio.run(measure(around, Path(folder), options))


if __name__ == "__main__":
    main()
