import asyncio
import random

import pytest

from server.errors import HoldfastError, SlotTaken
from tests.holds.conftest import MakeWorld
from tests.holds.world import World, hall, places, rows

pytestmark = pytest.mark.usefixtures("either_redis")


async def test_two_hundred_buyers_race_for_fifty_seats(make_world: MakeWorld) -> None:
    """Over two processes, on Redis' own clock, 20 rounds: each seat once, to one buyer."""
    world = make_world(hall("hall", rows(A=25, B=25)), real_time=True)
    processes = [world.main, world.process("two")]
    names = [slot.id for slot in world.hall.slots]
    chance = random.Random(1)  # the same each time
    for round_ in range(20):
        buyers = [world.buyer(f"{round_}-{n}", process=processes[n % 2]) for n in range(200)]
        results = await asyncio.gather(
            *(buyer.holds(chance.choice(names) if n >= 50 else names[n]) for n, buyer in enumerate(buyers)),
            return_exceptions=True,
        )
        winners = [result for result in results if not isinstance(result, BaseException)]
        assert all(isinstance(result, SlotTaken) for result in results if isinstance(result, BaseException))
        taken = [item.index for held in winners for item in held.hold.items]
        assert sorted(taken) == sorted(set(taken))
        state = await world.state()
        assert list(state.held) == [1 if index in taken else 0 for index in range(50)]
        assert list(state.available) == [0 if index in taken else 1 for index in range(50)]
        await asyncio.gather(*(buyer.releases_all() for buyer in buyers))
        assert list((await world.state()).available) == [1] * 50


async def test_two_hundred_buyers_race_for_the_best_seats(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", rows(A=20, B=20, C=20)), real_time=True)
    buyers = [world.buyer(f"buyer-{n}") for n in range(200)]
    results = await asyncio.gather(*(buyer.takes_best(3) for buyer in buyers), return_exceptions=True)
    winners = [result for result in results if not isinstance(result, BaseException)]
    taken = [item.index for held in winners for item in held.hold.items]
    assert len(taken) == len(set(taken)) == 54
    for held in winners:
        first = held.hold.items[0].index
        assert [item.index for item in held.hold.items] == [first, first + 1, first + 2]


async def test_places_of_one_slot_are_never_sold_twice(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", places(morning=100), kind="sessions"), real_time=True)
    buyers = [world.buyer(f"buyer-{n}") for n in range(200)]
    results = await asyncio.gather(
        *(buyer.holds(f"morning*{1 + n % 3}") for n, buyer in enumerate(buyers)), return_exceptions=True
    )
    sold = sum(r.hold.items[0].quantity for r in results if not isinstance(r, BaseException))
    assert 98 <= sold <= 100
    assert await world.of("morning") == (100 - sold, sold, 0)


async def test_the_same_op_many_times_at_once_is_one_hold(world: World) -> None:
    ann, other = world.buyer("ann"), world.buyer("ann", process=world.process("two"))
    answers = await asyncio.gather(*(buyer.holds("A-1", op="01HX") for buyer in (ann, other) * 20))
    assert len({answer.hold.id for answer in answers}) == 1
    assert len({answer.version for answer in answers}) == 1
    assert len(await ann.has()) == 1


async def test_whoever_is_cancelled_takes_nobody_elses_answer(make_world: MakeWorld) -> None:
    """Sockets close all day and cancel what they asked for: answers still reach the right callers."""
    world = make_world(hall("hall", rows(A=100)), real_time=True, max_hold_items=0)
    chance = random.Random(2)  # the same each time

    async def buy(n: int) -> None:
        seat = f"A-{n % 100 + 1}"
        held = await world.buyer(f"buyer-{n}").holds(seat, op=f"op-{n}")
        assert held.hold.session == f"buyer-{n}"
        assert [item.index for item in held.hold.items] == [n % 100]

    tasks = [asyncio.create_task(buy(n)) for n in range(1_000)]
    while not all(task.done() for task in tasks):
        chance.choice(tasks).cancel()
        await asyncio.sleep(0)
        await asyncio.wait(tasks, timeout=0.0005)
    errors = [task.exception() for task in tasks if not task.cancelled()]
    assert all(error is None or isinstance(error, SlotTaken) for error in errors)
    state = await world.state()
    holds = [hold for n in range(1_000) for hold in await world.buyer(f"buyer-{n}").has()]
    assert sorted(item.index for hold in holds for item in hold.items) == [
        index for index, held in enumerate(state.held) if held
    ]


async def test_expiry_and_buyers_do_not_get_in_each_others_way(world: World) -> None:
    """Sweeps of two processes, buyers and releases at once: what is held is what holds say."""
    keepers = [world.keeper(world.main), world.keeper(world.process("two"))]

    async def buys(name: str) -> None:
        for round_ in range(15):
            try:
                await world.buyer(f"{name}-{round_}").holds(f"A-{round_ % 6 + 1}", f"B-{round_ % 4 + 1}")
            except HoldfastError:
                world.time_passes(200)

    async def sweeps(n: int) -> None:
        for _ in range(20):
            await keepers[n].sweep()

    await asyncio.gather(buys("ann"), buys("ben"), buys("cleo"), sweeps(0), sweeps(1))
    holds = [
        hold
        for name in ("ann", "ben", "cleo")
        for round_ in range(15)
        for hold in await world.main.holds(f"{name}-{round_}")
    ]
    await world.main.expire()
    expected = [0] * 10
    for hold in holds:
        for item in hold.items:
            expected[item.index] += 1
    assert [held for _, held, _, _ in await world.records()] == expected


@pytest.mark.parametrize("limit", [3])
async def test_the_limit_holds_in_a_race(make_world: MakeWorld, limit: int) -> None:
    world = make_world(real_time=True, max_hold_items=limit)
    ann = world.buyer("ann")
    await asyncio.gather(*(ann.holds(f"A-{n}") for n in range(1, 7)), return_exceptions=True)
    assert len(await ann.has()) == limit
