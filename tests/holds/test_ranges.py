"""Ranges of time: all their steps or none, one item in the cart, the same rules as of places."""

import pytest

from server.errors import InvalidRange, LimitExceeded, SlotTaken
from server.holds.requests import shown_items
from server.holds.rules import Best, HoldRequest
from tests.holds.conftest import MakeWorld
from tests.holds.grids import MORNINGS, Driveway, books, driveway, kept, sees, takes
from tests.holds.world import Hall, World, hall, rows


@pytest.fixture
def drive() -> Driveway:
    return driveway()


@pytest.fixture
def world(make_world: MakeWorld, drive: Driveway) -> World:
    return make_world(drive)


async def test_a_range_takes_all_its_steps(world: World, drive: Driveway) -> None:
    held = await takes(world.buyer("ann"), drive, "09:00", "17:00")
    assert await sees(world, drive, "09:00", "17:00") == {(0, 1)}
    assert (
        await sees(world, drive, "00:00", "09:00") == await sees(world, drive, "17:00", "23:30") == {(1, 0)}
    )
    hold = held.hold
    assert [item.index for item in hold.items] == list(range(drive.step("09:00"), drive.step("17:00")))
    assert {item.price for item in hold.items} == {200}
    assert (hold.total, held.cart.total, hold.currency) == (3200, 3200, "gbp")
    assert hold.range == (drive.moment("09:00"), drive.moment("17:00"))
    assert shown_items(drive, hold.items) == [("2027-01-16T09:00:00Z", 1)]


async def test_an_overlap_is_refused_and_takes_nothing(world: World, drive: Driveway) -> None:
    await takes(world.buyer("ann"), drive, "09:00", "17:00")
    with pytest.raises(SlotTaken) as refused:
        await takes(world.buyer("ben"), drive, "16:00", "18:00")
    assert refused.value.slots == ["2027-01-16T16:00:00Z", "2027-01-16T16:30:00Z"]
    assert await sees(world, drive, "17:00", "18:00") == {(1, 0)}
    await takes(world.buyer("ben"), drive, "17:00", "18:00")


async def test_the_same_range_again_is_the_hold_one_has(world: World, drive: Driveway) -> None:
    ann = world.buyer("ann")
    first = await takes(ann, drive, "09:00", "10:00")
    again = await takes(ann, drive, "09:00", "10:00")
    assert (again.created, again.hold) == (False, first.hold)
    with pytest.raises(SlotTaken):
        await takes(ann, drive, "09:30", "10:30")
    further = await takes(ann, drive, "10:00", "10:30")
    assert further.cart.reference == first.hold.reference
    assert len(further.cart.holds) == 2


async def test_the_same_op_is_one_effect(world: World, drive: Driveway) -> None:
    ann = world.buyer("ann")
    first = await takes(ann, drive, "09:00", "10:00", op="01HX")
    again = await takes(ann, drive, "09:00", "10:00", op="01HX")
    assert (again.hold.id, again.version) == (first.hold.id, first.version)


async def test_a_buffer_stays_free_and_costs_nothing(make_world: MakeWorld) -> None:
    drive = driveway(buffer_minutes=60)
    world = make_world(drive)
    held = await takes(world.buyer("ann"), drive, "09:00", "10:00")
    assert [item.price for item in held.hold.items] == [200, 200, 0, 0]
    assert await sees(world, drive, "10:00", "11:00") == {(0, 1)}
    with pytest.raises(SlotTaken):
        await takes(world.buyer("ben"), drive, "10:30", "12:00")
    await takes(world.buyer("ben"), drive, "11:00", "12:00")
    with pytest.raises(SlotTaken):  # its own buffer would not be free
        await takes(world.buyer("cleo"), drive, "08:00", "08:30")
    await takes(world.buyer("cleo"), drive, "07:30", "08:00")


async def test_a_buffer_beyond_the_opening_hours_is_not_taken(make_world: MakeWorld) -> None:
    drive = driveway(buffer_minutes=60, opening_hours=MORNINGS)
    world = make_world(drive)
    held = await takes(world.buyer("ann"), drive, "11:00", "11:30")
    assert len(held.hold.items) == 2
    assert await sees(world, drive, "12:00", "13:00") == {(0, 0)}


async def test_a_car_park_has_room_for_several(make_world: MakeWorld) -> None:
    drive = driveway(capacity=2)
    world = make_world(drive)
    await takes(world.buyer("ann"), drive, "09:00", "12:00")
    await takes(world.buyer("ben"), drive, "11:00", "13:00")
    assert await sees(world, drive, "11:00", "12:00") == {(0, 2)}
    assert await sees(world, drive, "09:00", "11:00") == {(1, 1)}
    with pytest.raises(SlotTaken) as refused:
        await takes(world.buyer("cleo"), drive, "08:00", "12:00")
    assert len(refused.value.slots or ()) == 2
    await takes(world.buyer("cleo"), drive, "08:00", "11:00")


async def test_a_range_counts_as_one_item(make_world: MakeWorld, drive: Driveway) -> None:
    world = make_world(drive, max_hold_items=2)
    ann = world.buyer("ann")
    await takes(ann, drive, "09:00", "17:00")
    await takes(ann, drive, "18:00", "22:00")
    with pytest.raises(LimitExceeded):
        await takes(ann, drive, "22:00", "22:30")


async def test_a_grid_is_booked_by_ranges_alone(world: World) -> None:
    caller = world.buyer("ann").caller
    for request in (
        HoldRequest(resource="drive", items=(("2027-01-16T09:00:00Z", 1),)),
        HoldRequest(resource="drive", best=Best(quantity=1)),
    ):
        with pytest.raises(InvalidRange, match="range of time"):
            await world.main.hold(caller, request, op=None, connected=False)


async def test_other_resources_are_not_booked_by_ranges(make_world: MakeWorld, drive: Driveway) -> None:
    world = make_world(hall("hall", rows(A=2)), drive)
    span = (drive.moment("09:00"), drive.moment("10:00"))
    request = HoldRequest(resource="hall", range=span)
    with pytest.raises(InvalidRange):
        await world.main.hold(world.buyer("ann").caller, request, op=None, connected=False)


async def test_a_range_is_given_back_as_a_whole(world: World, drive: Driveway) -> None:
    ann = world.buyer("ann", hall="drive")
    held = await takes(ann, drive, "09:00", "10:00")
    with pytest.raises(InvalidRange, match="as a whole"):
        await ann.releases(held, "2027-01-16T09:00:00Z")
    assert await sees(world, drive, "09:00", "10:00") == {(0, 1)}
    assert (await ann.releases(held)).status == "released"
    assert await sees(world, drive, "09:00", "10:00") == {(1, 0)}


async def test_a_range_ends_by_its_deadline(world: World, drive: Driveway) -> None:
    await takes(world.buyer("ann"), drive, "09:00", "10:00")
    world.time_passes(901)
    await takes(world.buyer("ben"), drive, "09:30", "10:30")  # counts as free, swept or not
    await world.main.expire()
    assert await sees(world, drive, "09:00", "09:30") == {(1, 0)}


async def test_a_range_is_paid_for_booked_and_given_up(world: World, drive: Driveway) -> None:
    ann = world.buyer("ann")
    await takes(ann, drive, "23:00", "01:00", until=2)
    holds = await ann.pays("booking")
    await world.main.confirm(holds, "booking")
    assert await sees(world, drive, "23:00", "23:30") == {(0, 0)}
    assert (await kept(world, drive))[drive.step("00:30", 2)] == (0, 0, 1, 1)
    epoch = await world.main.epoch("drive")
    assert epoch is not None
    await world.main.unbook(holds, "booking", epoch)
    await world.main.unbook(holds, "booking", epoch)
    assert await sees(world, drive, "23:00", "23:30") == {(1, 0)}
    assert set((await kept(world, drive)).values()) == {(1, 0, 0, 1)}


async def test_a_late_payment_takes_the_range_again(world: World, drive: Driveway) -> None:
    ann = world.buyer("ann")
    await takes(ann, drive, "09:00", "10:00")
    holds = await ann.pays("booking")
    await world.main.end(holds, "booking", "expired", "deadline")
    await world.main.load("drive")  # and nothing of that day is left in Redis
    assert await kept(world, drive) == {}
    assert await world.main.retake(holds, "booking", holds[0].expires_at + 1000)
    assert await sees(world, drive, "09:00", "10:00") == {(0, 1)}
    await world.main.end(holds, "booking", "expired", "deadline")
    await takes(world.buyer("ben"), drive, "09:30", "11:00")
    assert not await world.main.retake(holds, "booking", holds[0].expires_at + 1000)
    assert await sees(world, drive, "09:00", "09:30") == {(1, 0)}


async def test_several_days_and_only_the_days_that_are_touched(world: World, drive: Driveway) -> None:
    held = await takes(world.buyer("ann"), drive, "22:00", "06:00", days=3, until=6)
    assert len(held.hold.items) == 2 * 56
    chunks = {index // 48 for index in await kept(world, drive)}
    assert chunks == {drive.step("00:00", day) // 48 for day in (3, 4, 5, 6)}


async def test_a_range_over_a_night_when_clocks_are_set(make_world: MakeWorld) -> None:
    """London, 28 March 2027: from 01:00 it is 02:00. Ten hours by the clock are nine, and cost as much."""
    drive = driveway(horizon_days=100)
    world = make_world(drive)
    held = await takes(world.buyer("ann"), drive, "20:00", "06:00", days=71, until=72)
    assert drive.moment("06:00", 72) == "2027-03-28T05:00:00.000Z"
    assert (len(held.hold.items), held.hold.total) == (18, 3600)
    assert await sees(world, drive, "20:00", "23:30", days=71) == {(0, 1)}


async def test_what_is_closed_is_never_available(make_world: MakeWorld) -> None:
    drive = driveway(opening_hours=MORNINGS)
    world = make_world(drive)
    await takes(world.buyer("ann"), drive, "08:00", "09:00")
    assert await sees(world, drive, "12:00", "23:30") == {(0, 0)}
    assert await sees(world, drive, "09:00", "12:00") == {(1, 0)}
    with pytest.raises(InvalidRange):
        await takes(world.buyer("ben"), drive, "11:00", "13:00")


async def test_who_knows_older_hours_asks_again(make_world: MakeWorld) -> None:
    """A process that has not heard of new hours neither opens what is closed nor asks the old price."""
    drive, old = driveway(), driveway()
    world = make_world(drive)
    drive.changes_rules(price_per_hour=800)
    await world.main.load("drive")
    truly = world.catalogue.get

    async def get(resource_id: str, layout: int | None = None) -> Hall:
        return old if layout is None else await truly(resource_id, layout)

    world.catalogue.get = get  # type: ignore[method-assign]  # a process that is behind
    held = await takes(world.buyer("ann"), drive, "09:00", "10:00")
    assert held.hold.total == 800
    world.catalogue.get = truly  # type: ignore[method-assign]
    drive.changes_rules(opening_hours=MORNINGS)
    await world.main.load("drive")
    world.catalogue.get = get  # type: ignore[method-assign]
    with pytest.raises(InvalidRange, match="closed"):
        await takes(world.buyer("ben"), drive, "14:00", "15:00")
    assert (await world.main.index.read("ben")).entries == ()


async def test_who_knows_newer_hours_has_redis_rebuilt(world: World, drive: Driveway) -> None:
    await takes(world.buyer("ann"), drive, "09:00", "10:00")
    drive.changes_rules(price_per_hour=800)
    held = await takes(world.buyer("ben"), drive, "10:00", "11:00")
    assert held.hold.total == 800
    assert await world.main.epoch("drive") == "epoch-2"
    assert await sees(world, drive, "09:00", "11:00") == {(0, 1)}
    assert (await world.main.read("drive")).layout == 2


async def test_a_rebuild_counts_what_is_booked(world: World, drive: Driveway) -> None:
    books(drive, "09:00", "10:00")
    with pytest.raises(SlotTaken):
        await takes(world.buyer("ann"), drive, "08:00", "10:00")
    await takes(world.buyer("ann"), drive, "08:00", "09:00")
