"""A grid is rebuilt from what PostgreSQL has booked and what Redis still holds: no hold is lost."""

import asyncio
from typing import Any

import msgspec
import pytest

from server.holds.packing import Packed
from server.holds.rules import Hold
from server.holds.sources import Booked
from server.holds.store import Answer
from server.inventory.grid.rules import MOST_STEPS
from server.inventory.rules import HoldPolicy
from tests.holds.conftest import MakeWorld
from tests.holds.grids import MORNINGS, Driveway, books, driveway, kept, passes, sees, takes
from tests.holds.world import World


@pytest.fixture
def drive() -> Driveway:
    return driveway()


@pytest.fixture
def world(make_world: MakeWorld, drive: Driveway) -> World:
    return make_world(drive)


def pays(drive: Driveway, holds: list[Hold]) -> None:
    """PostgreSQL has them as pending lines."""
    drive.pending += [
        msgspec.structs.replace(hold, status="paying", booking="booking", expires_at=2**41) for hold in holds
    ]


async def test_a_grid_of_which_nothing_is_taken_takes_no_room(world: World, drive: Driveway) -> None:
    await world.main.ensure("drive")
    assert await kept(world, drive) == {}
    assert await world.redis.keys("{drive}:*") == [b"{drive}:meta"]


async def test_what_is_booked_and_being_paid_is_loaded(world: World, drive: Driveway) -> None:
    held = await takes(world.buyer("ann"), drive, "09:00", "10:00", days=2)
    books(drive, "09:00", "10:00", days=1)
    pays(drive, [held.hold])
    await world.redis.flushall()
    assert await sees(world, drive, "09:00", "10:00") == {(0, 0)}
    assert await sees(world, drive, "09:00", "10:00", days=2) == {(0, 1)}
    assert len(await kept(world, drive)) == 96
    (hold,) = await world.buyer("ann").has()
    assert (hold.status, hold.range) == ("paying", held.hold.range)


async def test_holds_are_kept_in_days_that_only_redis_knows(world: World, drive: Driveway) -> None:
    for days in (1, 5, 9):
        await takes(world.buyer(f"buyer-{days}"), drive, "23:00", "01:00", days=days, until=days + 1)
    books(drive, "12:00", "13:00", days=3)
    await world.main.load("drive")
    for days in (1, 5, 9):
        (hold,) = await world.buyer(f"buyer-{days}").has()
        assert hold.status == "held"
        assert await sees(world, drive, "23:00", "23:30", days=days) == {(0, 1)}
    assert await sees(world, drive, "12:00", "13:00", days=3) == {(0, 0)}


async def test_a_hold_that_comes_while_a_rebuild_reads_is_kept(world: World, drive: Driveway) -> None:
    """Twice: before the first try to write, and between that one and the next."""
    store, tries = world.main.store, 0
    load = store.load
    await world.main.ensure("drive")

    async def slow(resource: str, token: str, packed: Packed, booked: Booked) -> Answer:
        nonlocal tries
        tries += 1
        if tries < 4:
            await takes(world.buyer(f"buyer-{tries}"), drive, "09:00", "10:00", days=tries)
        return await load(resource, token, packed, booked)

    store.load = slow  # type: ignore[method-assign]
    await world.main.load("drive")
    assert tries == 4
    for days in (1, 2, 3):
        assert [hold.status for hold in await world.buyer(f"buyer-{days}").has()] == ["held"]
        assert await sees(world, drive, "09:00", "10:00", days=days) == {(0, 1)}


async def test_new_hours_lose_the_holds_they_close_but_no_booking(world: World, drive: Driveway) -> None:
    ann, ben = world.buyer("ann"), world.buyer("ben")
    await takes(ann, drive, "09:00", "10:00")
    await takes(ben, drive, "11:30", "12:30")
    books(drive, "18:00", "19:00")
    drive.changes_rules(opening_hours=MORNINGS)
    async with world.listening() as listener:
        await world.main.load("drive")
        (event,) = (await listener.so_far()).events
    assert (event.hold.session, event.hold.status) == ("ben", "lost")
    assert [hold.status for hold in await ann.has()] == ["held"]
    assert (await kept(world, drive))[drive.step("18:00")] == (0, 0, 1, 0)
    assert await sees(world, drive, "12:00", "23:30") == {(0, 0)}
    assert await sees(world, drive, "11:30", "12:00") == {(1, 0)}


async def test_another_capacity_is_another_width(world: World, drive: Driveway) -> None:
    await takes(world.buyer("ann"), drive, "09:00", "10:00")
    drive.changes_rules(capacity=300)
    await world.main.load("drive")
    state = await world.main.read("drive")
    assert state.width == 2
    assert await sees(world, drive, "09:00", "10:00") == {(299, 1)}


async def test_days_that_are_long_past_are_not_loaded(world: World, drive: Driveway) -> None:
    for days in (-6, -3, -2, 1):
        books(drive, "09:00", "10:00", days=days)
    await world.main.load("drive")
    oldest = min(await kept(world, drive))
    assert oldest == drive.step("00:00", -2)


async def test_a_grid_that_is_gone_leaves_nothing(world: World, drive: Driveway) -> None:
    await takes(world.buyer("ann"), drive, "09:00", "17:00")
    await takes(world.buyer("ben"), drive, "09:00", "17:00", days=4)
    await world.main.store.forget("drive")
    left = {key.split(b":")[1] for key in await world.redis.keys("{drive}:*") if isinstance(key, bytes)}
    assert left == {b"hold"}  # what became of them, for ten minutes


async def test_six_weeks_at_once(make_world: MakeWorld) -> None:
    """The longest range there may be: one script call takes it, one gives it back, a rebuild keeps it."""
    drive = driveway(step_minutes=15, horizon_days=60, max_minutes=42 * 1440)
    world = make_world(drive)
    held = await takes(world.buyer("ann"), drive, "00:00", "00:00", days=1, until=43)
    assert len(held.hold.items) == MOST_STEPS
    await world.main.load("drive")
    assert await sees(world, drive, "00:00", "23:45", days=42) == {(0, 1)}
    await world.buyer("ann", hall="drive").releases(held)
    assert {record[1] for record in (await kept(world, drive)).values()} == {0}


async def test_lines_of_days_that_are_forgotten_are_no_obstacle(world: World, drive: Driveway) -> None:
    """A pending booking that has been running for a week."""
    await world.main.ensure("drive")
    held = await takes(world.buyer("ann"), drive, "09:00", "09:30")
    long = [
        msgspec.structs.replace(item, index=index)
        for item in held.hold.items
        for index in range(drive.step("00:00", -7), drive.step("00:00", 2))
    ]
    hold = msgspec.structs.replace(held.hold, status="paying", booking="booking", items=tuple(long))

    async def read(resource_id: str, _require: object) -> Booked:
        return Booked(f"{resource_id}-again", 1, {}, [hold])

    world.catalogue.bump_epoch_and_read = read  # type: ignore[method-assign,assignment]
    await world.main.load("drive")
    assert await sees(world, drive, "00:00", "23:30") == {(0, 1)}
    await world.main.confirm([hold], "booking")
    records = await kept(world, drive)
    assert {records[index][:3] for index in records} == {(0, 0, 1)}


async def test_all_who_find_it_outdated_share_one_rebuild(world: World, drive: Driveway) -> None:
    await world.main.ensure("drive")
    leases, take_lease = 0, world.main.store.take_lease

    async def count(*given: Any) -> Any:
        nonlocal leases
        leases += 1
        return await take_lease(*given)

    world.main.store.take_lease = count  # type: ignore[method-assign,assignment]  # a spy
    drive.changes_rules(price_per_hour=800)
    buyers = [world.buyer(f"buyer-{n}") for n in range(40)]
    await asyncio.gather(
        *(takes(buyer, drive, "09:00", "10:00", days=1 + n % 19) for n, buyer in enumerate(buyers)),
        return_exceptions=True,
    )
    assert leases == 1
    assert await world.main.epoch("drive") == "epoch-2"


async def test_a_hold_that_is_older_than_what_is_kept(make_world: MakeWorld) -> None:
    """Where an owner lets holds live for a week."""
    week = 7 * 86_400
    drive = driveway(policy=HoldPolicy(hold_seconds=week, hold_max_seconds=week))
    world = make_world(drive)
    await takes(world.buyer("ann"), drive, "09:00", "08:00", days=1, until=6)
    await passes(world, drive, 5 * 86_400)
    await world.main.load("drive")
    (hold,) = await world.buyer("ann").has()
    assert hold.status == "held"
    assert await sees(world, drive, "09:00", "10:00", days=5) == {(0, 1)}
    assert min(await kept(world, drive)) == drive.step("00:00", 3)
