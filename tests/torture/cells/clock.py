"""Clocks jump and run fast while people buy: the wall's, of one process alone."""

import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from server.holds.store import key
from tests.support.buyer import Buyer
from tests.support.servers import Redis
from tests.support.waiting import until
from tests.torture.checkers import Terms
from tests.torture.checkers.claims import FOREVER
from tests.torture.checkers.deadlines import windows
from tests.torture.checkers.stories import ENDED
from tests.torture.history import History
from tests.torture.matrix import Broken, Size, Torture, cell
from tests.torture.nemesis.clock import ClockJump, Skew
from tests.torture.probe import within
from tests.torture.stage import HOLD_SECONDS, Stage, open_stage

HOUR, MINUTES = 3_600.0, 300.0
LATE = "late"
EARLY, ENDS = ("before it could end", "before its deadline, and has expired"), {"I3", "I6", "I7"}
MADE_BY, OVER = {"hold": "hold", "booking": "book"}, {*ENDED, "cancelled"}
FAST = 50_000
"""Parts per million by which a clock that is being slewed runs fast: 1.05."""


@cell(
    23,
    fault="one server's clock jumps by ±1 h and ±5 min, and runs 5 % fast",
    workload="W1",
    sizes=("full", "long"),
)
async def server_clock_jumps(torture: Torture, size: Size) -> None:
    """A server that believes it is another hour sells nothing twice, whatever it ends too early."""
    with Skew(torture.folder) as skew:

        def each(number: int) -> Mapping[str, str]:
            return skew.environment if number == 0 else {}

        jumps = _jumps(skew)
        losing = [jump.name for jump in jumps]
        async with open_stage(torture, size, each=each, losing=losing) as stage:
            await stage.arrive()
            async with stage.nemesis(jumps, every=4.0, lasts=2.0):
                await stage.sale()
    _excuses(torture)


@cell(23, fault="Redis' clock jumps ahead again and again, then back", workload="W1", sizes=("full", "long"))
async def redis_clock_jumps(torture: Torture, size: Size) -> None:
    """Holds end by Redis' clock: a jump ends them too early, and sells nothing twice.

    Once it is right again, what was held by the later time ends as soon as what is held then.
    """
    with Skew(torture.folder) as skew:
        redis = Redis(torture.folder / "redis")
        with _environment(skew.environment):
            redis.start()
        try:
            async with open_stage(torture, size, within=5.0, redis=redis, losing=[Ahead(skew).name]) as stage:
                await stage.arrive()
                async with stage.nemesis([Ahead(skew)], every=3.0):
                    await stage.sale()
                await _is_put_right(stage, skew)
        finally:
            redis.stop()
    _excuses(torture)


async def _is_put_right(stage: Stage, skew: Skew) -> None:
    """The clock goes back by all that it was ahead; somebody holds a place by then, and stays away."""
    await stage.street.sells(LATE, seats=1, hold_seconds=HOLD_SECONDS)
    buyer = Buyer(stage.street.servers[0].base_url, "json")
    async with buyer.http:
        await buyer.opens_session()
        held = await buyer.changes("POST", "/api/holds", {"resource": LATE, "items": [["A-0", 1]]})
    assert held.status_code == 201, held.text
    skew.is_off(0)
    began, deadlines = time.monotonic(), key(LATE, "deadlines")

    async def is_free() -> bool:
        return not await stage.street.client.zcard(deadlines)

    await until(is_free, 2 * HOLD_SECONDS)
    took = time.monotonic() - began
    within(stage.torture, "what was held by a later time is free", took, HOLD_SECONDS + 2)


class Ahead(ClockJump):
    """Each strike is another five minutes, and none is taken back."""

    def __init__(self, skew: Skew) -> None:
        super().__init__(skew, 0)
        self.name = "five minutes ahead"

    async def strike(self, chance: random.Random) -> str:
        self._seconds += MINUTES
        return await super().strike(chance)

    async def heal(self) -> None:
        """The cell does so, once for all."""


def _excuses(torture: Torture) -> None:
    """What ended too early while a clock that it goes by was wrong is counted. Money is never excused."""
    history = History.read(*torture.folder.glob("*.jsonl"))
    wrong, lives = windows(history, Terms()), _lives(history)
    early = [each for each in torture.outcome.violations if _is_by_a_clock(each, lives, wrong)]
    torture.outcome.violations[:] = [each for each in torture.outcome.violations if each not in early]
    note = "not promised: whoever runs the machines keeps their clocks"
    torture.figure("ended too early, by a wrong clock", str(len(early)), note=note)


def _is_by_a_clock(
    broken: Broken, lives: Mapping[str, tuple[int, int]], wrong: Sequence[tuple[int, int]]
) -> bool:
    """Whether a hold or a booking ended too early, and a clock was wrong, or had just been, meanwhile."""
    if broken.promise not in ENDS or not broken.text.endswith(EARLY):
        return False
    since, until = lives.get(broken.text.partition(" ")[0], (0, 0))
    return any(start <= until and since <= end for start, end in wrong)


def _lives(history: History) -> dict[str, tuple[int, int]]:
    """From when each hold or booking was asked for until its owner was told that it had ended."""
    told: dict[str, int] = {}
    for seen in history.observations:
        if seen.kind in MADE_BY and seen.what["status"] in OVER:
            told.setdefault(seen.what[seen.kind], seen.at)
    lives: dict[str, tuple[int, int]] = {}
    for kind, operation in MADE_BY.items():
        for each in history.operations:
            if each.kind == operation and each.outcome == "ok":
                name = each.result[kind]
                lives.setdefault(name, (each.invoked, told.get(name, FOREVER)))
    return lives


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
