"""Time passes for a grid: what has begun is off sale, at its midnight another day is shown."""

import asyncio

import pytest

from server.errors import SlotTaken, Unavailable
from server.holds.passing import Passing, next_minute, pass_time
from tests.holds.conftest import MakeWorld
from tests.holds.grids import ALWAYS, STARTED, Driveway, books, driveway, kept, passes, sees, takes
from tests.holds.world import Hall, World, hall, rows

HOUR = 3600


@pytest.fixture
def drive() -> Driveway:
    return driveway()


@pytest.fixture
def world(make_world: MakeWorld, drive: Driveway) -> World:
    return make_world(drive)


async def test_what_has_begun_is_off_sale(world: World, drive: Driveway) -> None:
    """All tests begin at 08:00 sharp."""
    assert await sees(world, drive, "00:00", "08:30", days=0) == {(0, 0)}
    assert await sees(world, drive, "08:30", "23:30", days=0) == {(1, 0)}


async def test_a_step_that_begins_is_a_change_like_any_other(world: World, drive: Driveway) -> None:
    before = await world.main.read("drive")
    await takes(world.buyer("ann"), drive, "09:00", "10:00", days=0)
    async with world.listening() as listener:
        await passes(world, drive, HOUR + 60)
        heard = await listener.so_far()
    ((name, epoch, _, end, changes),) = heard.changes
    assert (name, epoch) == ("drive", before.epoch)
    assert changes == [drive.step("08:30", 0), 0, 0, drive.step("09:00", 0), 0, 1]
    fresh = await world.main.read("drive")
    assert (fresh.version, fresh.first) == (end, before.first)
    steps = await world.main.changes_since("drive", before.epoch, before.version)
    assert steps is not None
    assert len(steps) == 2


async def test_it_happens_once_and_never_goes_back(world: World, drive: Driveway) -> None:
    await passes(world, drive, HOUR)
    version = (await world.main.read("drive")).version
    async with world.listening() as listener:
        await passes(world, drive, 60)
        await passes(world, drive, -2 * HOUR)
        assert (await listener.so_far()).changes == []
    assert (await world.main.read("drive")).version == version
    assert await sees(world, drive, "08:30", "09:30", days=0) == {(0, 0)}


async def test_a_clock_that_was_set_back_brings_nothing_back(world: World, drive: Driveway) -> None:
    """Though one process has read the day before that, and another the time after it."""
    await passes(world, drive, 12 * HOUR)
    world.time_passes(-3 * HOUR)
    answer = await world.main.store.run(
        "pass",
        "drive",
        layout=1,
        origin=drive.steps.origin,
        step_ms=drive.steps.step_ms,
        first=drive.step("00:00", 1),
        count=drive.steps.horizon(drive.step("00:00", 1)),
    )
    assert (answer.passed, answer.first) == (drive.step("20:30", 0), drive.step("00:00", 1))


async def test_whoever_reads_a_grid_that_is_behind_lets_its_time_pass(world: World, drive: Driveway) -> None:
    await world.main.ensure("drive")
    async with world.listening() as listener:
        world.time_passes(HOUR)
        await asyncio.gather(*(sees(world, drive, "08:30", "09:30", days=0) for _ in range(4)))
        assert len((await listener.so_far()).changes) == 1
    assert await sees(world, drive, "08:30", "09:30", days=0) == {(0, 0)}


async def test_at_midnight_everybody_reads_anew_in_the_same_epoch(world: World, drive: Driveway) -> None:
    old = await world.main.read("drive")
    await takes(world.buyer("ann"), drive, "23:00", "00:30", days=0, until=1)
    before = await world.main.read("drive")
    assert await world.main.changes_since("drive", old.epoch, old.version)
    async with world.listening() as listener:
        await passes(world, drive, 16 * HOUR + 60)
        ((_, epoch, start, end, changes),) = (await listener.so_far()).changes
    assert (epoch, start, changes) == (before.epoch, before.version, None)
    after = await world.main.read("drive")
    assert (after.epoch, after.version) == (before.epoch, end)
    assert (before.first, after.first) == (drive.step("00:00", 0), drive.step("00:00", 1))
    assert (after.count, after.window) == (21 * 48, 7 * 48)
    for position in (old, before):
        assert await world.main.changes_since("drive", position.epoch, position.version) is None
    assert await world.main.changes_since("drive", after.epoch, after.version) == []


async def test_midnight_is_the_zones_own(make_world: MakeWorld) -> None:
    drive = driveway(zone="America/New_York", origin="2026-01-01T05:00:00.000Z")
    world = make_world(drive)
    assert (await world.main.read("drive")).first == drive.step("00:00", 0)
    world.time_passes(20 * HOUR + 1800)  # 04:30 UTC of the next day
    assert (await world.main.read("drive")).first == drive.step("00:00", 0)
    world.time_passes(1800)
    assert (await world.main.read("drive")).first == drive.step("00:00", 1)


async def test_a_day_on_which_clocks_are_set_has_its_own_length(make_world: MakeWorld) -> None:
    """London, 28 March 2027, has 23 hours."""
    drive = driveway()
    world = make_world(drive)
    world.time_passes(72 * 24 * HOUR - 9 * HOUR)
    state = await world.main.read("drive")
    assert state.first == drive.step("00:00", 71)
    assert (state.count, state.window) == (21 * 48 - 2, 7 * 48 - 2)
    for hours, day in ((1, 72), (22, 72), (1, 73)):
        world.time_passes(hours * HOUR)
        assert (await world.main.read("drive")).first == drive.step("00:00", day)


async def test_all_that_is_shown_is_told_whatever_its_length(make_world: MakeWorld) -> None:
    """The horizon has an hour more once the day on which clocks are set is over: that is told too."""
    drive = driveway()
    world = make_world(drive)
    for hours in (72 * 24 - 10, 40):
        await passes(world, drive, hours * HOUR)
        state = await world.main.read("drive")
        today = drive.steps.day_of(state.first).toordinal() - STARTED.date().toordinal()
        async with world.listening() as listener:
            held = await takes(world.buyer("ann"), drive, "23:00", "00:00", days=today + 20, until=today + 21)
            ((*_, changes),) = (await listener.so_far()).changes
        last = state.first + state.count - 1
        assert changes == [last - 1, 0, 1, last, 0, 1]
        await world.buyer("ann").releases(held)


async def test_old_days_are_forgotten_and_changes_to_them_are_none(world: World, drive: Driveway) -> None:
    ann = world.buyer("ann")
    await takes(ann, drive, "09:00", "10:00", days=0)
    holds = await ann.pays("booking", seconds=10**6)
    await passes(world, drive, 2 * 24 * HOUR)
    assert len(await kept(world, drive)) == 48  # the day before yesterday's is still there
    await passes(world, drive, 24 * HOUR)
    assert await kept(world, drive) == {}
    assert await world.redis.keys("{drive}:day*") == []
    version = (await world.main.read("drive")).version
    await world.main.confirm(holds, "booking")
    await world.main.unbook(holds, "booking", "epoch-1")
    assert (await world.main.read("drive")).version == version
    assert await kept(world, drive) == {}


async def test_what_is_given_back_of_the_past_cannot_be_had_again(world: World, drive: Driveway) -> None:
    held = await takes(world.buyer("ann"), drive, "08:30", "11:00", days=0)
    await passes(world, drive, 600 + HOUR)  # 09:10
    async with world.listening() as listener:
        await world.buyer("ann").releases(held)
        ((*_, changes),) = (await listener.so_far()).changes
    first = drive.step("08:30", 0)
    assert changes == [
        number for place, free in enumerate((0, 0, 1, 1, 1)) for number in (first + place, free, 0)
    ]
    assert await sees(world, drive, "08:30", "09:30", days=0) == {(0, 0)}
    assert await sees(world, drive, "09:30", "11:00", days=0) == {(1, 0)}


async def test_a_running_hold_outlives_a_rebuild(make_world: MakeWorld, drive: Driveway) -> None:
    world = make_world(drive, hold_seconds=3000)
    await takes(world.buyer("ann"), drive, "08:30", "11:00", days=0)
    await passes(world, drive, 1801)
    await world.main.load("drive")
    (hold,) = await world.buyer("ann").has()
    assert hold.status == "held"
    assert await sees(world, drive, "08:30", "11:00", days=0) == {(0, 1)}


async def test_a_late_payment_may_take_what_has_begun_meanwhile(world: World, drive: Driveway) -> None:
    ann = world.buyer("ann")
    await takes(ann, drive, "08:30", "11:00", days=0)
    holds = await ann.pays("booking")
    await world.main.end(holds, "booking", "expired", "deadline")
    await passes(world, drive, HOUR)
    assert await world.main.retake(holds, "booking", holds[0].expires_at + 10**7)
    assert await sees(world, drive, "08:30", "11:00", days=0) == {(0, 1)}


async def test_a_late_payment_for_days_of_which_some_are_forgotten(world: World, drive: Driveway) -> None:
    ann = world.buyer("ann")
    await takes(ann, drive, "09:00", "09:00", days=0, until=5)
    holds = await ann.pays("booking", seconds=10**6)
    await passes(world, drive, 4 * 24 * HOUR)
    await world.main.end(holds, "booking", "expired", "deadline")
    assert await world.main.retake(holds, "booking", holds[0].expires_at + 10**7)
    assert await sees(world, drive, "00:00", "09:00", days=5) == {(0, 1)}
    assert min(await kept(world, drive)) == drive.step("00:00", 2)


async def test_nobody_takes_what_has_begun(make_world: MakeWorld) -> None:
    """Though their process's clock be slow."""
    drive = driveway()
    world = make_world(drive)
    await passes(world, drive, HOUR)
    world.main._taking._clock = lambda: drive.steps.starts_at(drive.step("08:00", 0))
    with pytest.raises(SlotTaken):
        await takes(world.buyer("ann"), drive, "09:00", "10:00", days=0)
    await takes(world.buyer("ann"), drive, "09:30", "10:00", days=0)


async def test_changes_beyond_what_is_shown_are_not_told(make_world: MakeWorld) -> None:
    """A booking that began yesterday and a hold before midnight's turn are of days that nobody sees."""
    drive = driveway()
    world = make_world(drive)
    held = await takes(world.buyer("ann"), drive, "22:00", "01:00", days=0, until=1)
    await world.buyer("ann").pays("booking")
    await passes(world, drive, 16 * HOUR + 60)
    async with world.listening() as listener:
        await world.main.end([held.hold], "booking", "expired", "deadline")
        ((*_, changes),) = (await listener.so_far()).changes
    first = drive.step("00:00", 1)
    assert changes == [first, 0, 0, first + 1, 1, 0]


async def test_hours_that_are_new_move_what_is_shown(world: World, drive: Driveway) -> None:
    await world.main.ensure("drive")
    drive.changes_rules(horizon_days=3)
    state = await world.main.read("drive")
    assert (state.layout, state.count, state.window) == (2, 4 * 48, 4 * 48)


# Who does it.


async def test_a_process_passes_the_time_of_what_it_follows(make_world: MakeWorld) -> None:
    drive, far, unseen = driveway(), driveway("far", zone="Asia/Kathmandu"), driveway("unseen")
    world = make_world(drive, far, unseen, hall("hall", rows(A=2)))
    for name in ("drive", "far", "unseen"):
        await world.main.ensure(name)
    followed = ["drive", "far", "hall", "gone"]
    passing = Passing(world.main.loader, world.catalogue, lambda: followed)
    await passing.pass_due()
    async with world.listening() as listener:
        world.time_passes(1799)
        await passing.pass_due()
        assert (await listener.so_far()).changes == []
        world.time_passes(1)
        await passing.pass_due()
        await passing.pass_due()
        heard = {name: changes for name, *_, changes in (await listener.so_far()).changes}
    assert heard == {
        "drive": [drive.step("08:30", 0), 0, 0],
        "far": [far.steps.index_at(world.clock.milliseconds), 0, 0],  # type: ignore[union-attr]  # there is a clock
    }


async def test_it_goes_on_after_redis_was_away(
    world: World, drive: Driveway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.main.ensure("drive")  # whoever rebuilds sleeps, too
    passing = Passing(world.main.loader, world.catalogue, lambda: ["drive"])
    slept: list[float] = []
    monkeypatch.setattr("server.holds.passing.random.uniform", lambda *_: 0.0)
    away = True

    async def now() -> int:
        if away:
            raise Unavailable
        return await truly()

    async def sleep(seconds: float) -> None:
        nonlocal away
        slept.append(seconds)
        away = False
        if len(slept) == 3:
            raise asyncio.CancelledError
        if len(slept) > 1:
            world.time_passes(seconds)

    truly = world.main.store.now
    monkeypatch.setattr(world.main.store, "now", now)
    monkeypatch.setattr("server.holds.passing.asyncio.sleep", sleep)
    world.time_passes(1785)
    with pytest.raises(asyncio.CancelledError):
        await passing.run()
    assert slept == [0.5, 15.0, 60.0]
    assert await sees(world, drive, "08:30", "09:00", days=0) == {(0, 0)}


async def test_one_that_cannot_be_read_keeps_no_other_from_passing(
    make_world: MakeWorld, drive: Driveway
) -> None:
    world = make_world(driveway("away"), drive)
    await world.main.ensure("drive")
    truly = world.catalogue.get

    async def get(resource_id: str, layout: int | None = None) -> Hall:
        if resource_id == "away":
            raise Unavailable
        return await truly(resource_id, layout)

    world.catalogue.get = get  # type: ignore[method-assign]  # PostgreSQL does not answer
    passing = Passing(world.main.loader, world.catalogue, lambda: ["away", "drive"])
    world.time_passes(1805)
    assert world.clock is not None
    assert await passing.pass_due() == world.clock.milliseconds + 500
    reading = await world.main.store.days("drive")
    assert reading is not None
    assert reading.passed == drive.step("09:00", 0)
    world.catalogue.get = truly  # type: ignore[method-assign]
    assert await passing.pass_due() == next_minute(world.clock.milliseconds)


def test_the_next_minute() -> None:
    assert [next_minute(now) for now in (0, 1, 59_999, 60_000)] == [60_000, 60_000, 60_000, 120_000]


async def test_no_other_resource_has_a_time_to_pass(world: World, drive: Driveway) -> None:
    world.catalogue.halls["hall"] = hall("hall", rows(A=2))
    assert await pass_time(world.main.loader, "hall") is None
    assert drive.resource.grid is not None
    assert drive.resource.grid.opening_hours == ALWAYS


async def test_what_is_booked_for_today_is_past_too(world: World, drive: Driveway) -> None:
    books(drive, "08:30", "10:00", days=0)
    await passes(world, drive, HOUR)
    assert await sees(world, drive, "08:30", "10:00", days=0) == {(0, 0)}
