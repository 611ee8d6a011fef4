"""What goes wrong: each fault strikes, lasts for a while of virtual time, and is healed."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.simulation.world import World

Fault = Callable[["World", random.Random], Awaitable[None]]


async def a_process_dies(world: "World", chance: random.Random) -> None:
    """`kill -9`; another one takes its place."""
    at = chance.choice(list(world.processes))
    world.kills(at, in_flight=chance.random() < 0.7)
    await asyncio.sleep(chance.choice((0.05, 0.5, 3.0)))
    world.starts(at)


async def a_builder_dies(world: "World", chance: random.Random) -> None:
    """`kill -9` of a process while it rebuilds a hall: another one has to finish that."""
    at = chance.choice(list(world.processes))
    process = world.processes[at]
    building = process.begin(process.holds.load("hall"))
    await asyncio.wait([building], timeout=chance.uniform(0.0, 0.06))
    world.kills(at, in_flight=chance.random() < 0.7)
    await asyncio.gather(building, return_exceptions=True)
    await asyncio.sleep(chance.choice((0.05, 0.5, 3.0)))
    world.starts(at)


async def all_processes_die(world: "World", chance: random.Random) -> None:
    """The power fails where the processes run."""
    for at in world.processes:
        world.kills(at, in_flight=chance.random() < 0.5)
    await asyncio.sleep(chance.choice((0.1, 2.0, 8.0)))
    for at in list(world.processes):
        world.starts(at)


async def redis_restarts(world: "World", chance: random.Random) -> None:
    """With all of its data."""
    world.redis_down()
    await asyncio.sleep(chance.choice((0.1, 1.0, 4.0, 12.0)))
    world.redis.restarts()
    world.redis_up()


async def redis_is_lost(world: "World", chance: random.Random) -> None:
    """It comes back without anything."""
    world.redis_down()
    await asyncio.sleep(chance.choice((0.1, 1.0, 4.0)))
    world.redis.starts_empty()
    world.properties.forget()
    world.redis_up()


async def redis_goes_back(world: "World", chance: random.Random) -> None:
    """A replica that lags, or a disk that was written a second ago, takes its place."""
    snapshot = world.redis.snapshot()
    await asyncio.sleep(chance.uniform(0.2, 2.5))
    world.redis_down()
    await asyncio.sleep(chance.choice((0.1, 1.0)))
    world.redis.goes_back(snapshot)
    world.properties.forget(behind=world.redis.resources)
    world.redis_up()


async def a_process_is_cut_off(world: "World", chance: random.Random) -> None:
    """From Redis: wholly, or so that its calls arrive and their answers do not."""
    at = world.processes[chance.choice(list(world.processes))]
    mode = chance.choice(("away", "deaf"))
    world.cuts_off(at, mode)  # type: ignore[arg-type]  # one of the two
    await asyncio.sleep(chance.choice((0.3, 2.0, 8.0)))
    world.cuts_off(at, "open")


async def postgresql_restarts(world: "World", chance: random.Random) -> None:
    """What was committed is there; what was not is not."""
    world.says("postgresql is down")
    world.postgres.goes_down()
    world.stumbles()
    await asyncio.sleep(chance.choice((0.1, 1.0, 6.0)))
    world.postgres.is_up = True
    world.says("postgresql is up")
    world.stumbles()


async def a_process_loses_postgresql(world: "World", chance: random.Random) -> None:
    """Wholly, or so that it never hears what came of a commit."""
    at = world.processes[chance.choice(list(world.processes))]
    at.office.pool.becomes(chance.choice(("away", "deaf")))
    await asyncio.sleep(chance.choice((0.3, 2.0, 8.0)))
    at.office.pool.becomes("open")


async def the_provider_is_away(world: "World", chance: random.Random) -> None:
    """For everybody: refusing, or silent, or doing what it is asked and not saying so."""
    how = chance.choice(("down", "away", "deaf"))
    world.says(f"the provider is {how}")
    if how == "down":
        world.bank.goes_down()
    for link in world.bank.links:
        link.mode = "open" if how == "down" else how  # type: ignore[assignment]  # a mode
    await asyncio.sleep(chance.choice((0.5, 4.0, 15.0)))
    world.bank.is_up = True
    for link in world.bank.links:
        link.mode = "open"


async def pubsub_breaks(world: "World", chance: random.Random) -> None:
    """What is on its way to a process is lost, and what comes until it is back."""
    at = world.processes[chance.choice(list(world.processes))]
    at.bus.cut_off(is_away=True)
    await asyncio.sleep(chance.choice((0.1, 1.0, 5.0)))
    at.bus.cut_off(is_away=False)


async def connections_break(world: "World", chance: random.Random) -> None:
    """Every so often under a call, before its effect or after it."""
    world.weather.breaks = chance.choice((0.01, 0.05))
    world.is_rough = True
    await asyncio.sleep(chance.uniform(1, 8))
    world.weather.breaks = 0.0
    world.is_rough = False


async def the_network_is_slow(world: "World", chance: random.Random) -> None:
    """A tenth of a second for each message."""
    before, world.weather.slowest = world.weather.slowest, 0.15
    world.is_rough = True
    await asyncio.sleep(chance.uniform(1, 6))
    world.weather.slowest = before
    world.is_rough = False


async def a_clock_jumps(world: "World", chance: random.Random) -> None:
    """Of one process' machine, and later back again."""
    at = world.processes[chance.choice(list(world.processes))]
    jump = chance.choice((-3.0, -0.8, 0.8, 3.0))
    at.clock.ahead += jump
    await asyncio.sleep(chance.uniform(1, 8))
    at.clock.ahead -= jump


async def redis_clock_jumps(world: "World", chance: random.Random) -> None:
    """Forward, or back, for good."""
    world.redis_clock.ahead += chance.choice((-1.5, 1.5))
    world.stumbles()


HOLDS_FAULTS: Final[tuple[Fault, ...]] = (
    a_process_dies,
    a_process_dies,
    a_builder_dies,
    all_processes_die,
    redis_restarts,
    redis_is_lost,
    redis_goes_back,
    a_process_is_cut_off,
    pubsub_breaks,
    connections_break,
    the_network_is_slow,
    a_clock_jumps,
    redis_clock_jumps,
)
FAULTS: Final = (
    *HOLDS_FAULTS,
    postgresql_restarts,
    postgresql_restarts,
    a_process_loses_postgresql,
    a_process_loses_postgresql,
    the_provider_is_away,
    the_provider_is_away,
)


async def trouble(world: "World", faults: tuple[Fault, ...], chance: random.Random) -> None:
    """One fault after the other, until the story has had its operations; one at least."""
    while True:
        await asyncio.sleep(chance.uniform(0.5, world.calm_seconds))
        fault = chance.choice(faults)
        world.says(f"fault: {fault.__name__}")
        world.faults += 1
        await fault(world, chance)
        world.says(f"healed: {fault.__name__}")
        if world.is_over:
            return
