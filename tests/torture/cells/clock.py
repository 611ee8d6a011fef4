"""Clocks jump and run fast while people buy: the wall's, of one process alone."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.support.servers import Redis
from tests.torture.matrix import Size, Torture, cell
from tests.torture.nemesis.clock import ClockJump, Skew
from tests.torture.stage import open_stage

HOUR, MINUTES = 3_600.0, 300.0
FAST = 50_000
"""Parts per million by which a clock that is being slewed runs fast: 1.05."""


@cell(
    23,
    fault="one server's clock jumps by ±1 h and ±5 min, and runs 5 % fast",
    workload="W1",
    sizes=("full", "long"),
)
async def server_clock_jumps(torture: Torture, size: Size) -> None:
    """Deadlines are Redis' and PostgreSQL's: a server that believes it is another hour sells as before."""
    with Skew(torture.folder) as skew:

        def each(number: int) -> Mapping[str, str]:
            return skew.environment if number == 0 else {}

        async with open_stage(torture, size, each=each) as stage:
            await stage.arrive()
            async with stage.nemesis(_jumps(skew), every=2.0, lasts=1.5):
                await stage.sale()


@cell(23, fault="Redis' clock: ±1 h, ±5 min, 5 % fast", workload="W1", sizes=("full", "long"))
async def redis_clock_jumps(torture: Torture, size: Size) -> None:
    """Redis' clock is what holds end by: a jump ends them early or late, and sells nothing twice."""
    with Skew(torture.folder) as skew:
        redis = Redis(torture.folder / "redis")
        with _environment(skew.environment):
            redis.start()
        try:
            names = [fault.name for fault in _jumps(skew)]
            async with open_stage(torture, size, within=5.0, redis=redis, losing=names) as stage:
                await stage.arrive()
                async with stage.nemesis(_jumps(skew), every=4.0, lasts=2.0):
                    await stage.sale()
        finally:
            redis.stop()


def _jumps(skew: Skew) -> list[ClockJump]:
    jumps = [ClockJump(skew, seconds) for seconds in (HOUR, -HOUR, MINUTES, -MINUTES)]
    return [*jumps, ClockJump(skew, 0, rate=FAST)]


@contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    """What is started meanwhile has this in its environment."""
    before = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
