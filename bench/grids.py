"""What a grid costs.

    .venv/bin/python -m bench.grids

A driveway of half hours, on sale for a year, on a Redis of its own. A script's time is Redis' own count of it
(the middle of INFO latencystats), for many sent at once; beside it stands the same for as many seats of a
hall, since a busy machine makes both longer. Bytes are those of the frames that a socket gets.
"""

import asyncio
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from channels.codec import Codec, frame
from channels.replica import Replica, State
from channels.views import AllSlots
from server.embedded.redis import Redis as RedisServer
from server.holds import days
from server.holds.client import connect
from server.holds.packing import pack
from server.holds.scripts import Scripts
from server.holds.sources import Booked
from server.holds.store import HoldStore
from server.inventory.grid.calendar import Calendar
from server.inventory.grid.rules import WEEKDAYS, GridRules
from server.inventory.rules import Resource
from tests.holds.world import hall, rows

DAYS = 360
STEPS = 16
NAME, HALL = "drive", "hall"


class Driveway:
    """A grid as the inventory gives it."""

    def __init__(self, step_minutes: int) -> None:
        rules = GridRules(
            step_minutes=step_minutes,
            origin="2026-01-01T00:00:00.000Z",
            opening_hours=dict.fromkeys(WEEKDAYS, (("07:00", "22:00"),)),
            price_per_hour=400,
        )
        self.resource = Resource(
            id=NAME, kind="grid", title="", owner="olga", time_zone="Europe/London", currency="gbp",
            layout=1, epoch="", grid=rules,
        )  # fmt: skip
        self.calendar = Calendar(self.resource)
        self.slots, self.blocks = (), ()
        self.by_id: dict[str, int] = {}


class Bench:
    """One Redis and one driveway on it."""

    def __init__(self, redis: Redis, step_minutes: int = 30) -> None:
        self.redis = redis
        self.store = HoldStore(Scripts(redis))
        self.drive = Driveway(step_minutes)
        self.calendar: Calendar = self.drive.calendar
        self.round = 0

    async def load(self) -> None:
        """With nothing booked."""
        await self.redis.flushall()
        await self.store.take_lease(NAME, "bench", 10_000)
        now, nothing = await self.store.now(), Booked("one", 1, {}, [])
        packed = days.pack_grid(self.drive, self.calendar, nothing, now=now, run_id="")
        await self.store.load(NAME, "bench", packed, [])

    async def hold(self, day: int) -> None:
        """From 09:00 to 17:00 of a day."""
        first = self.calendar.first_of(self.calendar.day_of(self.calendar.today(await self.store.now())))
        steps = range(first + day * 48 + 18, first + day * 48 + 18 + STEPS)
        laid = days.lay_for(self.calendar, steps)
        fields: dict[str, Any] = {
            "id": self._id(day), "session": f"s{day}", "resource": NAME, "layout": 1, "days": laid.days,
            "items": [(index, 1, 200) for index in steps], "range": ("2026-11-21T09:00:00.000Z",) * 2,
            "fresh": "BK-1", "hold_ms": 900_000, "max_ms": 3_600_000, "limit": 50, "liveness": True,
        }  # fmt: skip
        answer = await self.store.run("hold", NAME, laid.records, **fields)
        if answer.status != "held":
            sys.exit(f"not held: {answer}")

    def _id(self, day: int) -> str:
        return f"{self.round}-{day}"

    async def hold_seats(self, row: int) -> None:
        """As many seats of a hall, which has prices of its own."""
        items = [(row * STEPS + seat, 1) for seat in range(STEPS)]
        fields: dict[str, Any] = {
            "id": str(row), "session": f"s{row}", "resource": HALL, "layout": 1, "items": items,
            "fresh": "BK-1", "hold_ms": 900_000, "max_ms": 3_600_000, "limit": 50, "liveness": True,
        }  # fmt: skip
        await self.store.run("hold", HALL, **fields)

    async def load_hall(self) -> None:
        """A row for each day."""
        seats = rows(**{f"R{row}": STEPS for row in range(DAYS + 1)})
        await self.store.take_lease(HALL, "bench", 10_000)
        await self.store.load(HALL, "bench", pack(hall(HALL, seats), {}, epoch="one", run_id=""), [])

    async def release(self, day: int) -> None:
        """All of it."""
        await self.store.run("release", NAME, session=f"s{day}", holds=[self._id(day)])

    async def microseconds(self, work: Callable[[int], Awaitable[None]]) -> float:
        """Redis' time for one run of a script."""
        await self.redis.config_resetstat()
        await asyncio.gather(*map(work, range(1, DAYS + 1)))
        stats: dict[str, Any] = await self.redis.info("latencystats")
        return float(stats["latency_percentiles_usec_evalsha"]["p50"])

    async def read(self) -> State:
        """All of the year."""
        reading = await self.store.days(NAME)
        if reading is None:
            sys.exit("nothing is loaded")
        return days.state_of(self.calendar, reading, reading.first, self.calendar.horizon(reading.first))


def replica_bytes(state: State) -> int:
    """What Python keeps for a replica of it."""
    tracemalloc.start()
    kept = Replica(state, 0.0)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept.count == state.count
    return size


def show(name: str, figure: str) -> None:
    """One row."""
    print(f"{name:62} {figure}")


async def measure(url: str) -> None:
    """All figures."""
    redis = connect(url)
    bench = Bench(redis)
    await bench.load()
    await bench.hold(DAYS + 1)  # Redis knows the scripts from here on
    await bench.release(DAYS + 1)
    show("hold 8 h (16 steps), first of its day", f"{await bench.microseconds(bench.hold):.0f} µs of Redis")
    show("release it", f"{await bench.microseconds(bench.release):.0f} µs of Redis")
    bench.round += 1
    show("hold 8 h on a day that is kept", f"{await bench.microseconds(bench.hold):.0f} µs of Redis")
    await bench.load_hall()
    show(
        "hold 16 seats of a hall, to compare", f"{await bench.microseconds(bench.hold_seats):.0f} µs of Redis"
    )
    size = sum([await redis.memory_usage(key) async for key in redis.scan_iter("{drive}:day*")])
    show(f"{DAYS + 1} days with bookings in Redis", f"{size / 1000:.0f} KB")
    began = time.perf_counter()
    state = await bench.read()
    show(
        f"read them and make up the year ({state.count} steps)",
        f"{1000 * (time.perf_counter() - began):.1f} ms",
    )
    for minutes in (30, 5):
        other = Bench(redis, minutes)
        await other.load()
        state = await other.read()
        replica = Replica(state, 0.0)
        sizes = [
            len(frame(AllSlots().snapshot("availability:drive", replica), codec).data) for codec in Codec
        ]
        named = ", ".join(f"{codec.name} {size}" for codec, size in zip(Codec, sizes, strict=True))
        show(f"a week's snapshot, steps of {minutes} minutes", f"{named} bytes")
        show(f"a year's replica, steps of {minutes} minutes", f"{replica_bytes(state) / 1000:.0f} KB")
    await redis.aclose()


def main() -> None:
    """A Redis of its own, for as long as it takes."""
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        server = RedisServer(Path(folder))
        try:
            asyncio.run(measure(server.start()))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
