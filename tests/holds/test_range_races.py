"""Many drivers want overlapping ranges at once, while time passes and all is rebuilt: none is had twice."""

import asyncio
import random
from collections import Counter

import pytest

from server.errors import HoldfastError, SlotTaken
from server.holds.passing import pass_time
from tests.holds.conftest import MakeWorld
from tests.holds.grids import Driveway, driveway, shown, takes
from tests.holds.world import Buyer, World

DRIVERS = 80


async def drives(buyer: Buyer, drive: Driveway, chance: random.Random) -> int:
    """A few tries; how many ranges were had, some of which were given back."""
    had = 0
    for _ in range(4):
        start, length, days = chance.randrange(40), chance.randrange(1, 8), chance.randrange(1, 3)
        stop = start + length
        try:
            held = await takes(
                buyer,
                drive,
                f"{start // 2:02}:{start % 2 * 30:02}",
                f"{stop // 2 % 24:02}:{stop % 2 * 30:02}",
                days=days,
                until=days + stop // 48,
            )
        except SlotTaken:
            continue
        had += 1
        if chance.random() < 0.3:
            await buyer.releases(held)
    return had


async def is_held(world: World, drive: Driveway) -> Counter[int]:
    """How often each step is held, by what the holds say."""
    sessions = [f"driver-{n}" for n in range(DRIVERS)]
    standings = await asyncio.gather(*map(world.main.holds, sessions))
    assert all(hold.resource == drive.resource.id for holds in standings for hold in holds)
    return Counter(item.index for holds in standings for hold in holds for item in hold.items)


@pytest.mark.parametrize(("capacity", "buffer"), [(1, 0), (1, 60), (3, 30)])
async def test_no_step_is_had_more_often_than_there_is_room(
    make_world: MakeWorld, capacity: int, buffer: int
) -> None:
    drive = driveway(capacity=capacity, buffer_minutes=buffer)
    world = make_world(drive)
    processes, chance = [world.main, world.process("two")], random.Random(capacity + buffer)
    await world.main.ensure("drive")

    async def meanwhile() -> None:
        for turn in range(6):
            await asyncio.sleep(0.01)
            world.time_passes(60)
            await asyncio.gather(*(pass_time(each.loader, "drive") for each in processes))
            if turn % 2:
                drive.changes_rules(price_per_hour=100 + turn)
                await world.main.load("drive")

    buyers = [world.buyer(f"driver-{n}", process=processes[n % 2], hall="drive") for n in range(DRIVERS)]
    had, _ = await asyncio.gather(
        asyncio.gather(*(drives(each, drive, random.Random(chance.random())) for each in buyers)), meanwhile()
    )
    assert sum(had) > 10
    counted, state = await is_held(world, drive), shown(await world.main.read("drive"))
    assert max(counted.values()) == capacity
    assert {index: held for index, (_, held) in state.items() if held} == counted
    assert all(free == capacity - counted[index] for index, (free, _) in state.items() if counted[index])


async def test_five_hundred_want_the_same_evening(make_world: MakeWorld) -> None:
    drive = driveway()
    world = make_world(drive)
    processes = [world.main, world.process("two")]
    answers = await asyncio.gather(
        *(
            takes(world.buyer(f"driver-{n}", process=processes[n % 2]), drive, "18:00", "23:00")
            for n in range(500)
        ),
        return_exceptions=True,
    )
    winners = [each for each in answers if not isinstance(each, BaseException)]
    assert len(winners) == 1
    assert all(isinstance(each, SlotTaken) for each in answers if isinstance(each, HoldfastError))
