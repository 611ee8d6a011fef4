"""What else people come for while things break: one seat for all, pools of places, hours, a way out."""

import time
from collections.abc import Sequence
from typing import Any, Final

from tests.torture.cells.leaving import comes_and_goes, people_leave
from tests.torture.cells.redis import promoted
from tests.torture.hours import STEPS
from tests.torture.matrix import Size, Torture, cell
from tests.torture.nemesis import Fault
from tests.torture.nemesis.postgresql import KillBackend
from tests.torture.nemesis.processes import Kill, Stop
from tests.torture.nemesis.redis import CutRedisFile, FlushRedis, KillPubSub
from tests.torture.stage import Stage, open_stage

ONE_SEAT: Final[dict[str, Any]] = {"seats": 1, "hold_seconds": 4}
POOLS: Final[dict[str, Any]] = {"seats": 6, "capacity": 40, "max_hold_items": 30}
FAMILIES: Final[dict[str, Any]] = {
    "quantity": (1, 10),
    "seats": (1, 2),
    "buys": 1_000_000,
    "gives_back": 0.5,
    "releases": 0.3,
    "rests": (0.0, 1.0),
    "pays_after": (0.1, 1.0),
}
DRIVERS: Final[dict[str, Any]] = {**FAMILIES, "grid": STEPS, "quantity": (1, 1), "seats": (1, 5)}
CHANGES_ITS_MIND: Final[dict[str, Any]] = {
    "buys": 1_000_000,
    "gives_back": 0.6,
    "cancels": 0.2,
    "declined": 0.2,
    "extends": 0.3,
    "pays_after": (0.1, 1.0),
}
TIMES: Final = 3
LATER_SECONDS: Final = 10.0
"""Who has left is found out later while Redis is away again and again."""


def lasting(size: Size) -> float:
    """Seconds of a play in which people go on as long as there is time."""
    return size.seconds / 2


async def _duels(stage: Stage, faults: Sequence[Fault], **how: Any) -> None:
    """Everybody wants the one seat, at one moment, again and again, while these strike."""
    size = stage.size
    people = min(size.people // 3, 600)
    await stage.arrive(people)
    until = time.monotonic() + lasting(size)
    async with stage.nemesis(faults, **how):
        (found,) = await stage.order("duel", rounds=500, until=until)
    won = found["won"]
    stage.torture.claims("duels for one seat", len(won))
    told = f"{won.count(1)} of {len(won)} by one, {won.count(0)} by nobody"
    stage.torture.figure("duels were won", told, n=len(won) * people)


@cell(4, fault="SIGSTOP of one server for longer than a hold lasts", workload="W2", sizes=("full", "long"))
async def duels_by_a_frozen_server(torture: Torture, size: Size) -> None:
    """One seat that all want at one moment: whoever's server sleeps has it no longer than promised."""
    async with open_stage(torture, size, hall=ONE_SEAT, crowds=1) as stage:
        await _duels(stage, [Stop(*stage.street.servers)], every=4.0, lasts=(1.0, 3.0))


@cell(7, fault="the end of Redis' file cut off", workload="W2", sizes=("full", "long"))
async def duels_rolled_back(torture: Torture, size: Size) -> None:
    """One seat for all: who won it before Redis forgot that has it no more when another one wins it."""
    cut = "cut redis' file"
    async with open_stage(torture, size, within=5.0, losing=[cut], hall=ONE_SEAT, crowds=1) as stage:
        await _duels(stage, [CutRedisFile(stage.street.redis)], every=3.0, lasts=0.2)


@cell(8, fault="a replica that lags is promoted", workload="W2", sizes=("full", "long"))
async def duels_promoted(torture: Torture, size: Size) -> None:
    """The same where the replica never heard who had it."""
    async with promoted(torture, size, hall=ONE_SEAT, crowds=1) as (stage, promotes):
        await _duels(stage, [promotes], every=4.0)


@cell(1, fault="none", workload="W4", sizes=("full",))
async def pools(torture: Torture, size: Size) -> None:
    """Places without numbers, up to twenty at a time: never more of them than there are."""
    async with open_stage(torture, size, hall=POOLS) as stage:
        await stage.arrive()
        await stage.sale(seconds=lasting(size), **FAMILIES)


@cell(8, fault="a replica that lags is promoted", workload="W4", sizes=("full", "long"))
async def pools_promoted(torture: Torture, size: Size) -> None:
    """What is counted and has no name: nothing of it is given twice by a Redis that counts from before."""
    async with promoted(torture, size, hall=POOLS) as (stage, promotes):
        await stage.arrive()
        async with stage.nemesis([promotes], every=4.0):
            await stage.sale(seconds=lasting(size), **FAMILIES)


@cell(2, fault="kill -9 of one server every 2 s", workload="W3", sizes=("full", "long"))
async def drivers_with_one_server_killed(torture: Torture, size: Size) -> None:
    """A driveway by the hour: no two have it at one time, and what was paid for is theirs."""
    async with open_stage(torture, size, by_the_hour=True) as stage:
        await stage.arrive()
        async with stage.nemesis([Kill(*stage.street.servers)], every=2.0):
            await stage.sale(seconds=lasting(size), **DRIVERS)


@cell(6, fault="FLUSHALL", workload="W3", sizes=("full", "long"))
async def drivers_flushed(torture: Torture, size: Size) -> None:
    """All that was live of a driveway is gone: hours that are booked are never free for that."""
    async with open_stage(torture, size, within=5.0, losing=[FlushRedis.name], by_the_hour=True) as stage:
        await stage.arrive()
        async with stage.nemesis([FlushRedis(stage.street.redis.url)], every=4.0):
            await stage.sale(seconds=lasting(size), **DRIVERS)


@cell(5, fault="kill -9 of Redis, which keeps a file", workload="W5", sizes=("full", "long"))
async def leaving_while_redis_dies(torture: Torture, size: Size) -> None:
    """Who stays or comes back keeps what they hold, and the seats of all others are free in the end."""
    async with (
        open_stage(torture, size, **comes_and_goes(size)) as stage,
        stage.nemesis([Kill(stage.street.redis)], every=3.0, lasts=0.2),
    ):
        await people_leave(stage, later=LATER_SECONDS, asks=True)


@cell(10, fault="pub/sub connections killed each second", workload="W8", sizes=("full", "long"))
async def comers_while_subscribers_die(torture: Torture, size: Size) -> None:
    """All lose their lines at once and come back, while what they follow is cut again and again."""
    async with open_stage(torture, size) as stage:
        await stage.arrive()
        async with (
            stage.nemesis([KillPubSub(stage.street.client)], every=1.0),
            stage.beside(stage.sale(seconds=lasting(size))),
        ):
            for number in range(TIMES):
                await stage.order("drop", share=1.0, seed=torture.seed + number)
                await stage.are_back()
    torture.claims("sockets that came back while pub/sub was cut", stage.counts["sockets lost"])


@cell(11, fault="a backend of PostgreSQL ended each second", workload="W9", sizes=("full", "long"))
async def minds_changed_while_backends_die(torture: Torture, size: Size) -> None:
    """Paid, declined, cancelled and given back all the time: all has one end, and costs no cent more."""
    async with open_stage(torture, size, hall={"seats": 2 * size.seats}) as stage:
        await stage.arrive()
        async with stage.nemesis([KillBackend(stage.street.database_url)], every=0.5):
            await stage.sale(seconds=lasting(size), **CHANGES_ITS_MIND)


@cell(12, fault="kill -9 of PostgreSQL", workload="W6", sizes=("full", "long"))
async def webhooks_while_postgresql_dies(torture: Torture, size: Size) -> None:
    """Each event three times, refused while nothing can be written down, and sent again: none is lost."""
    async with open_stage(torture, size, stripe=True) as stage:
        stripe = stage.street.stripe
        assert stripe is not None
        stripe.deliveries.copies = 3
        await stage.arrive()
        async with stage.nemesis([Kill(stage.street.postgresql)], every=4.0, lasts=1.0):
            await stage.sale(seconds=lasting(size), walks_away=0.0, vanishes=0.0)
    refused = sum(not delivery.ok for delivery in stripe.deliveries.tries)
    torture.claims("webhooks delivered", len(stripe.deliveries.tries))
    torture.figure("webhooks refused while PostgreSQL was away", str(refused), n=len(stripe.deliveries.tries))
