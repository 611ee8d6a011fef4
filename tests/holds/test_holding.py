import pytest

from server.accounts.rules import Caller
from server.errors import (
    BadRequest,
    HoldExpired,
    InvalidFields,
    InvalidRange,
    LimitExceeded,
    NotFound,
    SlotTaken,
    Unauthorized,
    UnknownResource,
    UnknownSlot,
)
from server.holds.rules import HoldRequest
from server.inventory.rules import HoldPolicy
from tests.holds.conftest import MakeWorld
from tests.holds.world import World, hall, places, rows, slot, slots_of

pytestmark = pytest.mark.usefixtures("either_redis")


async def test_a_hold_takes_its_seats_at_their_price(world: World) -> None:
    held = await world.buyer("ann").holds("A-2", "A-1")
    assert held.created
    assert held.hold.status == "held"
    assert slots_of(held, world.hall) == ["A-1", "A-2"]
    assert held.hold.total == 10_000
    assert held.hold.expires_at == held.hold.created_at + 900_000
    assert held.cart.holds == (held.hold,)
    assert held.cart.reference.startswith("BK-")
    assert await world.of("A-1") == (0, 1, 0)


async def test_it_is_all_or_nothing(world: World) -> None:
    await world.buyer("ann").holds("A-2")
    with pytest.raises(SlotTaken) as refused:
        await world.buyer("ben").holds("A-1", "A-2", "A-3")
    assert refused.value.slots == ["A-2"]
    assert await world.of("A-1") == (1, 0, 0)
    assert await world.buyer("ben").cart() is None


async def test_a_slot_of_many_places_is_taken_in_parts(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", places(morning=300), kind="sessions"))
    await world.buyer("ann").holds("morning*3")
    await world.buyer("ben").holds("morning*2")
    assert await world.of("morning") == (295, 5, 0)


async def test_holding_just_what_one_holds_answers_with_that_hold(world: World) -> None:
    ann = world.buyer("ann")
    first = await ann.holds("A-1", "A-2")
    world.time_passes(60)
    again = await ann.holds("A-2", "A-1")
    assert again.hold == first.hold
    assert not again.created
    assert again.cart == first.cart


async def test_a_partial_overlap_with_ones_own_hold_is_taken(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", rows(A=6)), hall("course", places(morning=10)))
    ann = world.buyer("ann")
    await ann.holds("A-1", "A-2")
    await ann.holds("morning*2", hall="course")
    for slots, where, overlap in (
        (["A-2", "A-3"], "hall", ["A-2"]),
        (["A-1"], "hall", ["A-1"]),
        (["morning*3"], "course", ["morning"]),
    ):
        with pytest.raises(SlotTaken) as refused:
            await ann.holds(*slots, hall=where)
        assert refused.value.slots == overlap


async def test_a_slot_is_named_once_in_a_request(world: World) -> None:
    with pytest.raises(BadRequest) as refused:
        await world.buyer("ann").holds("A-1", "A-2", "A-1")
    assert refused.value.slots == ["A-1"]


async def test_unknown_slots_are_all_named(world: World) -> None:
    with pytest.raises(UnknownSlot) as refused:
        await world.buyer("ann").holds("A-1", "Z-1", "*", "{hall}")
    assert refused.value.slots == ["Z-1", "", "{hall}"]


async def test_an_unknown_resource_is_nobodys(world: World) -> None:
    with pytest.raises(UnknownResource):
        await world.buyer("ann").holds("A-1", hall="{hall}:meta")


@pytest.mark.parametrize("quantity", [0, -1, True, 1.5, "1", None])
async def test_a_quantity_is_a_whole_number_from_one(world: World, quantity: object) -> None:
    request = HoldRequest(resource="hall", items=(("A-1", quantity),))  # type: ignore[arg-type]  # that is the point
    with pytest.raises(InvalidFields) as refused:
        await world.main.hold(Caller(session="ann"), request, op=None, connected=False)
    assert refused.value.errors is not None
    assert [error.field for error in refused.value.errors] == ["items[0][1]"]


async def test_more_than_a_slot_has_room_for_is_beyond_the_limit(world: World) -> None:
    with pytest.raises(LimitExceeded, match="A-1 has room for 1"):
        await world.buyer("ann").holds("A-1*1000000000")


async def test_there_is_a_limit_for_a_session_and_resource(make_world: MakeWorld) -> None:
    policy = HoldPolicy(max_hold_items=2)
    world = make_world(hall("hall", rows(A=6), policy=policy), hall("other", rows(C=6)), max_hold_items=3)
    ann = world.buyer("ann")
    await ann.holds("A-1")
    with pytest.raises(LimitExceeded, match="may hold 2 places of this at a time, and holds 1"):
        await ann.holds("A-2", "A-3")
    await ann.holds("A-2")
    with pytest.raises(LimitExceeded):
        await ann.takes_best(1)
    await ann.holds("C-1", "C-2", "C-3", hall="other")
    assert (await world.of("A-3"))[0] == 1


async def test_a_limit_of_none_is_none(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", rows(A=60)), max_hold_items=0)
    held = await world.buyer("ann").takes_best(60)
    assert len(held.hold.items) == 60


async def test_a_request_has_an_end_whatever_the_limits(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", rows(A=1001)), max_hold_items=0)
    ann = world.buyer("ann")
    with pytest.raises(LimitExceeded, match="At most 1000"):
        await ann.holds(*(f"A-{number}" for number in range(1, 1002)))
    with pytest.raises(LimitExceeded, match="At most 1000"):
        await ann.takes_best(1001)


async def test_blocked_slots_cannot_be_had(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", (slot(0, "A-1", blocked=True), slot(1, "A-2"))))
    with pytest.raises(SlotTaken) as refused:
        await world.buyer("ann").holds("A-1", "A-2")
    assert refused.value.slots == ["A-1"]
    assert await world.of("A-1") == (0, 0, 0)


async def test_what_has_begun_can_no_longer_be_had(make_world: MakeWorld) -> None:
    slots = (
        slot(0, "early", starts_at="2027-01-15T08:00:00.000Z"),
        slot(1, "late", starts_at="2027-01-15T08:00:01.000Z"),
    )
    world = make_world(hall("hall", slots, kind="sessions"))  # the clock stands at 08:00:00
    with pytest.raises(InvalidRange, match="early has begun") as refused:
        await world.buyer("ann").holds("early", "late")
    assert refused.value.slots == ["early"]
    assert slots_of(await world.buyer("ann").takes_best(1), world.hall) == ["late"]


@pytest.mark.parametrize(
    "request_",
    [
        HoldRequest(resource="hall"),
        HoldRequest(resource="hall", items=()),
        HoldRequest(resource="hall", items=(("A-1", 1),), range=("x", "y")),
    ],
)
async def test_a_request_names_one_thing(world: World, request_: HoldRequest) -> None:
    with pytest.raises(BadRequest):
        await world.main.hold(Caller(session="ann"), request_, op=None, connected=False)


async def test_seats_are_not_booked_by_ranges(world: World) -> None:
    request = HoldRequest(resource="hall", range=("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z"))
    with pytest.raises(InvalidRange):
        await world.main.hold(Caller(session="ann"), request, op=None, connected=False)


async def test_without_a_session_nothing_is_held(world: World) -> None:
    request = HoldRequest(resource="hall", items=(("A-1", 1),))
    with pytest.raises(Unauthorized):
        await world.main.hold(Caller(session="", user="ulla"), request, op=None, connected=False)


async def test_the_same_op_is_one_effect_and_the_first_answer(world: World) -> None:
    ann = world.buyer("ann")
    first = await ann.holds("A-1", op="01HX")
    world.time_passes(10)
    assert await ann.holds("A-1", op="01HX") == first
    await ann.releases(first)
    assert await ann.holds("A-1", op="01HX") == first
    assert await world.of("A-1") == (1, 0, 0)
    assert await ann.cart() is None


async def test_an_op_is_answered_from_its_hold_when_its_answer_is_forgotten(world: World) -> None:
    ann = world.buyer("ann")
    first = await ann.holds("A-1", op="01HX")
    for name in await world.redis.keys("*:op:*"):
        await world.redis.delete(name)
    assert (await ann.holds("A-1", op="01HX")).hold == first.hold
    await ann.releases(first)
    assert (await ann.holds("A-1", op="01HX")).hold.status == "released"
    await world.redis.delete("{hall}:hold:" + first.hold.id)
    with pytest.raises(HoldExpired):
        await ann.holds("A-1", op="01HX")


async def test_a_refused_op_stays_refused(world: World) -> None:
    ann, ben = world.buyer("ann"), world.buyer("ben")
    held = await ann.holds("A-1")
    with pytest.raises(SlotTaken):
        await ben.holds("A-1", op="01HX")
    await ann.releases(held)
    with pytest.raises(SlotTaken) as again:
        await ben.holds("A-1", op="01HX")
    assert again.value.slots == ["A-1"]
    assert await ben.cart() is None
    assert (await ben.holds("A-1", op="01HY")).created


async def test_ops_of_two_sessions_are_two(world: World) -> None:
    await world.buyer("ann").holds("A-1", op="01HX")
    assert (await world.buyer("ben").holds("A-2", op="01HX")).created


async def test_an_op_is_of_one_command_on_one_thing(world: World) -> None:
    ann = world.buyer("ann")
    first, second = await ann.holds("A-1", op="01HX"), await ann.holds("A-2", op="01HY")
    assert len((await ann.extends(op="01HX")).holds) == 2
    for held in (first, second):
        assert (await ann.releases(held, op="01HX")).id == held.hold.id
    assert await ann.cart() is None


async def test_an_op_for_a_hold_is_of_one_resource(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", rows(A=6)), hall("other", rows(C=6)))
    ann = world.buyer("ann")
    held = await ann.holds("A-1", op="01HX")
    with pytest.raises(BadRequest, match="another resource"):
        await ann.holds("C-1", hall="other", op="01HX")
    assert await ann.cart() == held.cart
    await ann.releases(held)
    with pytest.raises(BadRequest, match="another resource"):
        await ann.holds("C-1", hall="other", op="01HX")


async def test_no_op_passes_for_another_commands(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1", op="extend 01HX")
    with pytest.raises(BadRequest, match="another command"):
        await ann.extends(op="01HX")


async def test_an_op_is_remembered_as_long_as_its_hold_and_ten_minutes(world: World) -> None:
    await world.buyer("ann").holds("A-1", op="01HX")
    left = await world.redis.pttl("{hall}:op:ann:01HX")
    assert 1_490_000 < left <= 1_500_000


async def test_the_op_of_a_part_given_back_is_remembered_as_long_as_the_rest(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1", "A-2")
    await ann.releases(held, "A-1", op="01HX")
    (name,) = [name async for name in world.redis.scan_iter(match="{hall}:op:*")]
    assert 1_490_000 < await world.redis.pttl(name) <= 1_500_000


async def test_an_ended_hold_is_known_for_ten_minutes(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    await ann.releases(held)
    assert (await ann.finds(held)).status == "released"
    for name in ("{hall}:hold:", "{session:ann}:ended:"):
        assert 590_000 < await world.redis.pttl(name + held.hold.id) <= 600_000
    await world.redis.delete("{hall}:hold:" + held.hold.id)
    with pytest.raises(NotFound):
        await ann.finds(held)


async def test_what_is_somebody_elses_is_not_found(world: World) -> None:
    held = await world.buyer("ann").holds("A-1")
    ben = world.buyer("ben")
    with pytest.raises(NotFound):
        await ben.finds(held)
    with pytest.raises(NotFound):
        await ben.releases(held)
    # …not even with the way to it
    await world.main.index.write("ben", put=[(held.hold.id, "BK-X", "hall")])
    with pytest.raises(NotFound):
        await ben.finds(held)
    with pytest.raises(NotFound):
        await ben.releases(held)
    assert await world.of("A-1") == (0, 1, 0)


async def test_a_part_is_released(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", (*rows(A=2), slot(2, "standing", capacity=20))))
    ann = world.buyer("ann")
    held = await ann.holds("A-1", "A-2", "standing*5")
    world.time_passes(5)
    left = await ann.releases(held, "A-2", "standing*2")
    assert [(item.index, item.quantity) for item in left.items] == [(0, 1), (2, 3)]
    assert left.expires_at == held.hold.expires_at
    assert await world.of("standing") == (17, 3, 0)
    assert (await ann.releases(left, "A-1", "standing*3")).status == "released"
    assert await ann.cart() is None


async def test_no_more_is_released_than_there_is(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    for slots in (["A-1", "A-2"], ["A-2"], ["A-1*2"]):
        with pytest.raises(BadRequest, match="less than that"):
            await ann.releases(held, *slots)
    with pytest.raises(UnknownSlot):
        await ann.releases(held, "Z-1")
    assert await world.of("A-1") == (0, 1, 0)


async def test_releasing_twice_is_no_error(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    await ann.releases(held)
    await world.buyer("ben").holds("A-1")
    assert (await ann.releases(held)).status == "released"
    assert await world.of("A-1") == (0, 1, 0)


async def test_a_release_by_op_is_done_once(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1", "A-2")
    first = await ann.releases(held, "A-1", op="01HZ")
    assert await ann.releases(held, "A-1", op="01HZ") == first
    assert [item.index for item in first.items] == [1]


async def test_newer_slots_are_found_by_a_process_that_has_an_older_layout(world: World) -> None:
    old = hall("hall", world.hall.slots)
    newer = world.hall
    newer.changes((*old.slots, slot(10, "C-1")))
    await world.main.load("hall")
    calls: list[int | None] = []

    async def get(resource_id: str, layout: int | None = None) -> object:  # noqa: ARG001
        calls.append(layout)
        return old if layout is None else newer

    world.catalogue.get = get  # type: ignore[method-assign,assignment]  # an inventory that lags
    assert (await world.buyer("ann").holds("C-1")).created
    assert 2 in calls
    with pytest.raises(UnknownSlot):
        await world.buyer("ann").holds("Z-1")


async def test_slots_that_redis_does_not_know_yet_are_loaded(world: World) -> None:
    held = await world.buyer("ann").holds("A-1")
    world.hall.changes((*world.hall.slots, slot(10, "C-1")))
    # Who changed it died before it told Redis.
    assert (await world.buyer("ben").holds("C-1")).created
    assert (await world.state()).layout == 2
    assert (await world.buyer("ann").finds(held)).status == "held"
