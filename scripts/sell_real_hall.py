"""Import a seating plan and sell all of it: every seat, by many buyers at once, over two server processes.

    python -m scripts.sell_real_hall ../shared/data/hall.seating-plan.json

Everything is real: a Redis and a PostgreSQL of its own, `holdfast migrate`, `import`, `run` twice, and at the
end `holdfast audit`. A viewer on each process watches the map. It ends with 1 if a seat is left, is sold
twice or is not shown as sold.
"""

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
from websockets.asyncio.client import connect

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


async def watch(process: Process, resource: str, seen: dict[int, tuple[int, int]]) -> None:
    """Follow the map as a browser does; `seen` is what it would draw: index → (available, held)."""
    address = f"ws://127.0.0.1:{process.port}/ws"
    async with connect(address, subprotocols=["holdfast.v1.json"], max_size=2**22) as socket:  # type: ignore[list-item]  # a NewType of str
        await socket.send(json.dumps({"type": "hello"}))
        await socket.send(json.dumps({"type": "subscribe", "channel": f"availability:{resource}"}))
        async for frame in socket:
            message = json.loads(frame)
            if message["type"] == "snapshot":
                pairs = zip(message["available"], message["held"], strict=True)
                seen.update(enumerate(pairs, message["first"]))
            if message["type"] == "delta":
                flat = iter(message["changes"])
                seen.update(
                    {
                        index: (available, held)
                        for index, available, held in zip(flat, flat, flat, strict=True)
                    }
                )


async def buy(client: httpx.AsyncClient, resource: str, sold: Counter[str]) -> bool:
    """Hold the best seats, book them, pay; False when there are none left."""
    opened = (await client.post("/api/sessions")).raise_for_status().json()
    client.cookies.clear()  # a program's way: the token, and no cookie beside it
    headers = {"Authorization": f"Bearer {opened['token']}"}
    for quantity in range(PARTY, 0, -1):
        wanted = {"resource": resource, "best": {"quantity": quantity}}
        held = await client.post("/api/holds", json=wanted, headers=headers)
        if held.status_code == 201:
            break
        assert held.json()["code"] == "slot_taken", held.text
    else:
        return False
    customer = {"customer": {"name": "Ann Example", "email": "ann@example.org"}}
    booked = (await client.post("/api/bookings", json=customer, headers=headers)).raise_for_status().json()
    paid = f"/api/sandbox/payments/{booked['payment']['id']}"
    (await client.post(paid, json={"outcome": "succeed"}, headers=headers)).raise_for_status()
    async with asyncio.timeout(20):
        while (status := await booking_status(client, booked["booking"]["id"], headers)) != "confirmed":
            assert status == "pending", status
            await asyncio.sleep(0.05)
    sold.update(slot for slot, _ in held.json()["hold"]["items"])
    return True


async def booking_status(client: httpx.AsyncClient, booking: str, headers: dict[str, str]) -> str:
    answer = (await client.get(f"/api/bookings/{booking}", headers=headers)).raise_for_status()
    return str(answer.json()["booking"]["status"])


async def keep_buying(process: Process, resource: str, sold: Counter[str]) -> None:
    async with httpx.AsyncClient(base_url=process.base_url, timeout=20) as client:
        while await buy(client, resource, sold):
            pass


async def sell(environment: dict[str, str], state: Path) -> None:
    """Sell everything there is and compare what was sold with what the viewers see."""
    async with processes(environment, state) as both:
        async with httpx.AsyncClient(base_url=both[0].base_url) as client:
            listed = (await client.get("/api/resources")).raise_for_status().json()["items"]
            resource = listed[0]["id"]
            slots = (await client.get(f"/api/resources/{resource}")).raise_for_status().json()["slots"]
        views: list[dict[int, tuple[int, int]]] = [{}, {}]
        viewers = [
            asyncio.create_task(watch(process, resource, seen))
            for process, seen in zip(both, views, strict=True)
        ]
        sold: Counter[str] = Counter()
        await asyncio.gather(*(keep_buying(both[number % 2], resource, sold) for number in range(BUYERS)))
        await asyncio.sleep(2)  # DESIGN I5: every view is right within two seconds
        for viewer in viewers:
            viewer.cancel()
        await asyncio.gather(*viewers, return_exceptions=True)
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
