"""One seed from its beginning to its end: what `make test` runs a thousand of, and how one is told again."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.simulation.determinism import Troubles, determined
from tests.simulation.faults import FAULTS, HOLDS_FAULTS, trouble
from tests.simulation.loop import SimulatedLoop
from tests.simulation.people import Buyer
from tests.simulation.process import task_factory
from tests.simulation.properties import Broken
from tests.simulation.shopping import Shopper
from tests.simulation.world import PROCESSES, World

BUYERS: Final = ("ann", "ben", "cem", "dora", "emil")
SETTLES_WITHIN: Final = 4000.0
"""A refund that takes long is asked after seldomer and seldomer."""


Story = Callable[[World, Troubles], Awaitable[None]]


class Failed(AssertionError):
    """A seed that breaks a property; it says how to see it again. `text` is the whole trace."""

    def __init__(self, world: World, error: BaseException) -> None:
        self.text = text_of(world.trace)
        super().__init__(
            f"{type(error).__name__}: {error}\nseed {world.seed}; all of it: "
            f"python -m tests.simulation --seed {world.seed}\n{text_of(world.trace[-40:])}"
        )


def text_of(trace: list[tuple[float, str]]) -> str:
    return "\n".join(f"{at:10.4f} {line}" for at, line in trace)


@dataclass(frozen=True)
class Told:
    """A seed's story as it went: its lines, and a hash of them."""

    seed: int
    trace: list[tuple[float, str]]
    faults: int
    seconds: float

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text().encode()).hexdigest()

    def text(self) -> str:
        return text_of(self.trace)


def tell(seed: int, story: Story | None = None) -> Told:
    """Run a seed, or another story by it; Failed with its trace where anything is broken."""
    loop = SimulatedLoop(seed)
    loop.set_task_factory(task_factory)
    world = World(loop, seed)
    try:
        with determined(seed, loop) as troubles:
            try:
                loop.run_until_complete((story or _day)(world, troubles))
                _is_whole(world, troubles)
            finally:
                _end(loop, world)
    except Exception as error:
        raise Failed(world, error) from error
    finally:
        loop.close()
    return Told(seed, world.trace, world.faults, loop.time())


async def _day(world: World, _: Troubles) -> None:
    for name in PROCESSES:
        world.starts(name)
    think = world.chance.choice((0.2, 0.4, 0.8))
    kind, faults = (Shopper, FAULTS) if world.sells else (Buyer, HOLDS_FAULTS)
    for name in BUYERS:
        world.buyers[name] = kind(world, name, random.Random(f"{name} {world.seed}"), think)
    watching = asyncio.ensure_future(world.watch())
    troubling = trouble(world, faults, random.Random(f"faults {world.seed}"))
    acting = asyncio.gather(troubling, *(buyer.lives() for buyer in world.buyers.values()))
    await _first_of(acting, watching)
    await _first_of(asyncio.ensure_future(world.settles(SETTLES_WITHIN)), watching)
    watching.cancel()


def _is_whole(world: World, troubles: Troubles) -> None:
    """Nothing was broken, whether or not anybody watched, and nothing logged that only a defect logs."""
    if world.broken is not None:
        raise world.broken
    if troubles.found:
        raise Broken(f"logged, and may never be: {troubles.found[0]}")


async def _first_of(work: "asyncio.Future[Any]", watching: "asyncio.Future[Any]") -> None:
    """`work` done, unless who watches sees something broken before."""
    await asyncio.wait([work, watching], return_when=asyncio.FIRST_COMPLETED)
    if watching.done():
        work.cancel()
        watching.result()
    await work


def _end(loop: SimulatedLoop, world: World) -> None:
    """Nobody is left behind: every task is cancelled and comes to its end, without an effect."""
    loop.set_exception_handler(lambda _loop, _context: None)
    for _ in range(10):
        if not loop.run_until_complete(_all_end(world)):
            break


async def _all_end(world: World) -> bool:
    """Whether there was anybody."""
    for process in world.processes.values():
        if process.is_alive:
            process.dies(in_flight=False)
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=5) if tasks else None
    return bool(tasks)
