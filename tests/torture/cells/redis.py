"""Redis dies, freezes and forgets while people buy."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from tests.support.servers import Redis
from tests.torture.matrix import Size, Torture, cell
from tests.torture.nemesis.processes import Kill, Stop
from tests.torture.nemesis.redis import (
    CutRedisFile,
    FlushRedis,
    KillPubSub,
    LoseRedis,
    PromoteLaggingReplica,
    StallSubscriber,
)
from tests.torture.proxy import Proxy
from tests.torture.stage import Stage, open_stage

REBUILT_SECONDS = 2.0
ANSWER_SECONDS = 3.0


@cell(5, fault="kill -9 of Redis, which keeps a file", workload="W1")
async def redis_killed(torture: Torture, size: Size) -> None:
    """What was held is held when it is back: its file has all that was written before a process dies."""
    async with open_stage(torture, size) as stage:
        await stage.arrive()
        every = 3.0 if size.name == "tier" else 10.0
        async with stage.nemesis([Kill(stage.street.redis)], every=every, lasts=0.2):
            await stage.sale()


@cell(6, fault="FLUSHALL", workload="W1")
async def redis_flushed(torture: Torture, size: Size) -> None:
    """All that is live is gone: it is built anew from PostgreSQL; nothing that is booked is ever free."""
    flush = "flush redis"
    async with open_stage(torture, size, within=5.0, losing=[flush]) as stage:
        await stage.arrive()
        every = 4.0 if size.name == "tier" else 20.0
        async with stage.nemesis([FlushRedis(stage.street.redis.url)], every=every):
            await stage.sale()
        await _rebuilds(stage)


@cell(6, fault="Redis lost with its file", workload="W1", sizes=("full", "long"))
async def redis_lost(torture: Torture, size: Size) -> None:
    """The same by a machine that does not come back: an empty one takes its place."""
    async with open_stage(torture, size, within=5.0, losing=["lose redis"]) as stage:
        await stage.arrive()
        every = 4.0 if size.name == "tier" else 20.0
        async with stage.nemesis([LoseRedis(stage.street.redis)], every=every, lasts=0.3):
            await stage.sale()


async def _rebuilds(stage: Stage) -> None:
    """One more flush, and how long it takes until the hall is there again."""
    await stage.street.client.flushall()
    stage.recorder.observe("nemesis", "fault", name="flush redis", phase="strike", said="the last")
    began = time.monotonic()
    async with asyncio.timeout(30):
        while await stage.truth() is None:  # noqa: ASYNC110  # a rebuild tells nobody here
            await asyncio.sleep(0.01)
    took = time.monotonic() - began
    stage.recorder.observe("nemesis", "fault", name="flush redis", phase="heal")
    goal = f"≤ {REBUILT_SECONDS:g} s"
    stage.torture.figure(
        "rebuilt from PostgreSQL", f"{took:.2f} s", goal, reached=took <= REBUILT_SECONDS, n=1
    )


@cell(7, fault="the end of Redis' file cut off", workload="W1", sizes=("full", "long"))
async def redis_rolled_back(torture: Torture, size: Size) -> None:
    """It comes back as it was before: no version is given twice, no token of then is good now."""
    async with open_stage(torture, size, within=5.0, losing=["cut redis' file"]) as stage:
        await stage.arrive()
        every = 4.0 if size.name == "tier" else 10.0
        async with stage.nemesis([CutRedisFile(stage.street.redis)], every=every, lasts=0.2):
            await stage.sale()


@cell(
    8,
    fault="a replica that lags is promoted, and the old master stays writable",
    workload="W1",
    sizes=("full", "long"),
)
async def replica_promoted(torture: Torture, size: Size) -> None:
    """What the replica had not read is gone; whoever talks to the old master changes nothing that counts."""
    async with promoted(torture, size) as (stage, promotes):
        await stage.arrive()
        every = 5.0 if size.name == "tier" else 20.0
        async with stage.nemesis([promotes], every=every):
            await stage.sale()


@asynccontextmanager
async def promoted(
    torture: Torture, size: Size, **stage: Any
) -> AsyncIterator[tuple[Stage, PromoteLaggingReplica]]:
    """A stage whose Redis has a replica, and the fault that puts that in its place."""
    password = secrets.token_hex(16)
    servers = [Redis(torture.folder / f"redis-{number}", password=password) for number in (1, 2)]
    async with AsyncExitStack() as stack:
        for server in servers:
            server.start()
            stack.callback(server.stop)
        front, link = [await stack.enter_async_context(Proxy("127.0.0.1", servers[0].port)) for _ in "12"]
        promotes = PromoteLaggingReplica(front, servers, link)
        await promotes.follow()
        url = f"redis://:{password}@127.0.0.1:{front.port}/0"
        on = {"losing": [promotes.name], "redis": servers[0], "redis_url": url, **stage}
        async with open_stage(torture, size, within=5.0, **on) as played:
            yield played, promotes


@cell(9, fault="SIGSTOP of Redis for 1 to 6 s", workload="W1")
async def redis_frozen(torture: Torture, size: Size) -> None:
    """Every script has one effect however often it is asked for, and nobody waits long for a no."""
    async with open_stage(torture, size) as stage:
        await stage.arrive()
        lasts = (1.0, 4.0) if size.name == "tier" else (1.0, 12.0)
        async with stage.nemesis([Stop(stage.street.redis)], every=6.0, lasts=lasts):
            await stage.sale()
    waited = max(stage.marks.get("hold", [0.0]))
    goal = f"≤ {ANSWER_SECONDS:g} s"
    torture.figure(
        "the longest wait for an answer to a hold",
        f"{waited:.2f} s",
        goal,
        reached=waited <= ANSWER_SECONDS,
        n=len(stage.marks.get("hold", ())),
    )


@cell(
    10,
    fault="pub/sub connections killed each second, and a subscriber that stalls",
    workload="W1",
    sizes=("full", "long"),
)
async def subscribers_killed(torture: Torture, size: Size) -> None:
    """What pub/sub has lost is noticed by its versions, and repaired before anyone sees it."""
    async with open_stage(torture, size) as stage:
        await stage.arrive()
        stalls = StallSubscriber(stage.street.redis)
        async with stage.nemesis([KillPubSub(stage.street.client)], every=1.0) as nemesis:
            await nemesis.strike(stalls)
            await stage.sale()
    torture.figure("gaps that clients noticed", str(stage.counts["gaps"]))
