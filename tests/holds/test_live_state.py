"""What channels read: versions that only rise, a log that connects, and old state + deltas = new state."""

import random

import pytest

from channels.replica import Change, State
from server.errors import HoldfastError
from server.holds.live_state import MOST_STEPS
from server.holds.packing import numbers
from tests.holds.conftest import MakeWorld
from tests.holds.world import World, hall, places


def apply(state: State, steps: list[Change]) -> State:
    available, held = numbers(state.available, state.width), numbers(state.held, state.width)
    for step in steps:
        for place in range(0, len(step.changes), 3):
            index, available[step.changes[place]], held[step.changes[place]] = step.changes[place : place + 3]
            assert place == 0 or index > step.changes[place - 3]
    width = state.width
    return State(
        state.epoch,
        steps[-1].to_version if steps else state.version,
        state.layout,
        width,
        0,
        state.count,
        b"".join(number.to_bytes(width, "little") for number in available),
        b"".join(number.to_bytes(width, "little") for number in held),
    )


@pytest.mark.parametrize("capacity", [1, 300, 70_000])
async def test_an_old_state_and_the_log_make_the_new_state(make_world: MakeWorld, capacity: int) -> None:
    world = make_world(hall("hall", places(**{f"s{n}": capacity for n in range(8)})), max_hold_items=0)
    chance = random.Random(capacity)  # the same each time
    states = [await world.state()]
    for _ in range(120):
        buyer = world.buyer(f"buyer-{chance.randrange(4)}")
        try:
            match chance.randrange(5):
                case 0:
                    await buyer.releases_all()
                case 1:
                    world.time_passes(300)
                    await world.main.expire()
                case _:
                    await buyer.holds(*(f"s{n}" for n in chance.sample(range(8), 3)))
        except HoldfastError:
            pass
        states.append(await world.state())
    for old in states:
        steps = await world.main.changes_since("hall", old.epoch, old.version)
        assert steps is not None
        assert apply(old, steps) == states[-1]


async def test_versions_follow_the_clock_and_never_go_back(world: World) -> None:
    assert world.clock is not None
    first = await world.buyer("ann").holds("A-1")
    assert first.version == world.clock.micros + 1  # after the rebuild, in the same microsecond
    world.time_passes(5)
    second = await world.buyer("ann").holds("A-2")
    assert second.version == world.clock.micros
    world.clock.micros -= 3_600_000_000
    third = await world.buyer("ben").holds("A-3")
    assert third.version == second.version + 1


async def test_a_position_that_never_was_is_unknown(world: World) -> None:
    first = await world.buyer("ann").holds("A-1")
    second = await world.buyer("ann").holds("A-2")
    changes = world.main.changes_since
    assert await changes("hall", "epoch-1", second.version) == []
    assert await changes("hall", "epoch-1", first.version) == [
        Change(first.version, second.version, [1, 0, 1])
    ]
    assert await changes("hall", "epoch-1", first.version - 5) is None
    assert await changes("hall", "epoch-1", second.version + 1) is None
    assert await changes("hall", "epoch-0", first.version) is None
    assert await changes("nowhere", "epoch-1", first.version) is None


async def test_a_rebuild_begins_a_new_log(world: World) -> None:
    first = await world.buyer("ann").holds("A-1")
    await world.main.load("hall")
    assert await world.main.changes_since("hall", "epoch-1", first.version) is None
    state = await world.state()
    assert state.version > first.version
    assert await world.main.changes_since("hall", state.epoch, state.version) == []


async def log_length(world: World) -> int:
    return int(await world.redis.xlen("{hall}:log"))


async def test_the_log_keeps_a_minute_and_a_thousand_changes(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", places(morning=100_000), kind="sessions"), max_hold_items=0)
    ann = world.buyer("ann")
    first = await ann.holds("morning*4000")
    for left in range(2_100):
        await ann.releases(first, "morning")
        if left % 100 == 0:
            world.time_passes(1)
    # All within a minute: nothing was dropped.
    assert await log_length(world) == 2_101
    world.time_passes(60)
    for _ in range(700):
        await ann.releases(first, "morning")
    assert 1_000 <= await log_length(world) <= 2_101


async def test_too_many_steps_are_no_catching_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.holds.live_state.MOST_STEPS", 3)
    assert MOST_STEPS == 5_000
    ann = world.buyer("ann")
    first = await ann.holds("A-1")
    for name in ("A-2", "A-3", "A-4"):
        await ann.holds(name)
    steps = await world.main.changes_since("hall", "epoch-1", first.version)
    assert steps is not None
    assert len(steps) == 3
    await ann.holds("A-5")
    assert await world.main.changes_since("hall", "epoch-1", first.version) is None


async def test_what_changes_no_place_steps_no_version(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    before = await world.state()
    world.time_passes(1)
    async with world.listening() as listener:
        await ann.extends()
        await ann.pays("booking")
        heard = await listener.so_far()
    assert heard.changes == []
    assert len(heard.events) == 2
    assert await world.state() == before


async def test_positions_are_asked_all_at_once(world: World) -> None:
    held = await world.buyer("ann").holds("A-1")
    assert await world.main.positions(["hall", "nowhere"]) == {
        "hall": ("epoch-1", held.version),
        "nowhere": None,
    }
    assert await world.main.positions([]) == {}
