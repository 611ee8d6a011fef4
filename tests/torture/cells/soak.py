"""Everything at once, and for long: nothing breaks, and nothing grows."""

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from server.errors import Unavailable
from tests.torture.matrix import Size, Torture, cell
from tests.torture.nemesis.postgresql import KillBackend
from tests.torture.nemesis.processes import Kill, Stop
from tests.torture.nemesis.redis import FlushRedis, KillPubSub, LoseRedis
from tests.torture.stage import Stage, open_stage

SOAK_SECONDS = 3_600.0
PAGE = os.sysconf("SC_PAGE_SIZE")
GROWTH = 0.10
"""What may come of caches that fill; a leak of an hour is more than that."""


@cell(38, fault="one of everything, at random", workload="W7", sizes=("full", "long"))
async def everything_at_random(torture: Torture, size: Size) -> None:
    """Servers, Redis, its subscribers and PostgreSQL's connections: whatever the seed's chance falls on."""
    losing = ["flush redis", "lose redis", "kill redis"]
    async with open_stage(torture, size, within=5.0, losing=losing) as stage:
        street = stage.street
        await stage.arrive()
        nemesis = stage.nemesis(
            [
                Kill(*street.servers),
                Stop(*street.servers),
                Kill(street.redis, name="kill redis"),
                Stop(street.redis, name="stop redis"),
                KillPubSub(street.client),
                KillBackend(street.database_url),
                FlushRedis(street.redis.url),
                LoseRedis(street.redis),
            ],
            every=2.5,
            lasts=(0.0, 1.5),
        )
        async with nemesis:
            await stage.sale()


@dataclass(frozen=True)
class Weight:
    """What a server and Redis hold on to."""

    resident: int
    descriptors: int
    keys: int


@cell(38, fault="none, for an hour", workload="W7", sizes=("long",))
async def soak(torture: Torture, size: Size) -> None:
    """People buy, cancel and leave for an hour: memory, descriptors and Redis' keys are as they were."""
    async with open_stage(torture, size, hall={"seats": 10 * size.seats}, crowds=1) as stage:
        await stage.arrive(size.people // 10)
        began = time.monotonic()
        await stage.sale(seconds=120, buys=1_000, cancels=0.6)
        before = await weigh(stage)
        while time.monotonic() - began < SOAK_SECONDS:
            torture.say(f"{time.monotonic() - began:.0f} s of {SOAK_SECONDS:.0f}")
            await stage.sale(seconds=300, buys=1_000, cancels=0.6)
        after = await weigh(stage)
    for name in ("resident", "descriptors", "keys"):
        first, last = getattr(before, name), getattr(after, name)
        grown = (last - first) / max(1, first)
        torture.figure(
            f"{name} after an hour", f"{first:,} → {last:,} ({grown:+.1%})", "≤ 10 %", reached=grown <= GROWTH
        )


async def weigh(stage: Stage) -> Weight:
    """When nothing is under way."""
    await stage.quietens()
    await asyncio.sleep(2)  # what is put off is done by then
    pids = [server.pid for server in stage.street.servers]
    keys = 0
    with contextlib.suppress(Unavailable):
        keys = await stage.street.client.dbsize()
    return Weight(sum(map(_resident, pids)), sum(map(_descriptors, pids)), keys)


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
