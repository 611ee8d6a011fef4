"""Everything at once, and for long: nothing breaks, and nothing grows."""

import time
from typing import Any, Final

from tests.torture.matrix import Size, Torture, cell
from tests.torture.nemesis.postgresql import KillBackend
from tests.torture.nemesis.processes import Kill, Stop
from tests.torture.nemesis.redis import FlushRedis, KillPubSub, LoseRedis
from tests.torture.rounds import Rounds
from tests.torture.stage import open_stage
from tests.torture.weight import Weight, compare, weigh

SEATS: Final = 3_000
PEOPLE: Final = 60
ROUND_SECONDS: Final = 120.0
WARM_SECONDS: Final = 720.0
"""What is kept for ten minutes (of holds that ended) is as much as it will ever be after these."""

PACE: Final[dict[str, Any]] = {
    "buys": 1_000_000,
    "rests": (10.0, 20.0),
    "gives_back": 0.9,
    "walks_away": 0.01,
    "vanishes": 0.01,
    "falls_silent": 0.005,
}
"""Some three attempts a second, which leaves most of the machine to others; most seats come back."""


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


@cell(
    38,
    fault="none, for an hour",
    workload="W7",
    sizes=("full", "long"),
    bound=lambda size: 1.5 * size.soak + 120,
)
async def soak(torture: Torture, size: Size) -> None:
    """People come, buy, give back and leave for an hour: servers and Redis keep no more than before.

    Each round of minutes is judged and forgotten, so that an hour weighs no more than minutes.
    """
    async with open_stage(torture, size, hall={"seats": SEATS}, crowds=1) as stage:
        await stage.arrive(PEOPLE)
        rounds, weights = Rounds(stage), list[tuple[float, Weight]]()
        began = time.monotonic()
        while (left := size.soak - (time.monotonic() - began)) > 0:
            await stage.sale(seconds=min(ROUND_SECONDS, left), **PACE)
            await rounds.ends()
            await stage.order("refill", count=PEOPLE)
            weights.append((time.monotonic() - began, await weigh(stage)))
            torture.say(f"{weights[-1][0]:.0f} s of {size.soak:.0f}: {weights[-1][1]}; {rounds.said}")
        torture.say(f"keys of Redis: {dict(weights[-1][1].kinds)}")
        torture.figure("attempts at a hold a second", f"{rounds.holds / (time.monotonic() - began):.1f}")
    compare(torture, weights, WARM_SECONDS)
