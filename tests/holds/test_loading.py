"""Redis can lose everything, or its last seconds: what PostgreSQL knows comes back, what fits is kept."""

import asyncio
from typing import Any

import msgspec
import pytest

from server.errors import NotFound, SlotTaken, Unavailable, UnknownResource
from server.holds.rules import Hold
from server.holds.store import Rebuilding
from server.inventory.rules import HoldPolicy
from tests.holds.conftest import MakeWorld
from tests.holds.world import World, hall, places, rows, slot


def books(world: World, **counts: int) -> None:
    for name, count in counts.items():
        world.hall.confirmed[world.hall.by_id[name.replace("_", "-")]] = count


def pays(world: World, holds: list[Hold], booking: str = "booking") -> None:
    """PostgreSQL has them as pending lines, as bookings write them."""
    world.hall.pending += [
        msgspec.structs.replace(hold, status="paying", booking=booking, first_hold_at=0, expires_at=2**41)
        for hold in holds
    ]


async def test_what_is_booked_is_loaded_from_postgresql(world: World) -> None:
    books(world, A_1=1)
    assert await world.of("A-1") == (0, 0, 1)
    with pytest.raises(SlotTaken):
        await world.buyer("ann").holds("A-1")
    assert await world.main.epoch("hall") == "epoch-1"


async def test_a_flushed_redis_is_rebuilt_and_keeps_what_is_paid_for(world: World) -> None:
    ann, ben = world.buyer("ann"), world.buyer("ben")
    held = await ann.holds("A-1")
    await ben.holds("A-2")
    paying = await ben.pays("booking")
    books(world, A_3=1)
    pays(world, paying)
    await world.redis.flushall()
    with pytest.raises(SlotTaken) as refused:
        await world.buyer("cleo").holds("A-1", "A-2", "A-3")
    assert refused.value.slots == ["A-2", "A-3"]
    assert await world.main.epoch("hall") == "epoch-2"
    with pytest.raises(NotFound):
        await ann.finds(held)
    assert [hold.status for hold in await ben.has()] == ["paying"]
    await world.main.confirm(paying, "booking")
    assert await world.of("A-2") == (0, 0, 1)


async def test_the_sweep_finds_what_was_flushed(world: World) -> None:
    keeper = world.keeper(world.main)
    await world.buyer("ann").holds("A-1")
    await keeper.sweep()
    await world.redis.flushall()
    async with world.listening() as listener:
        await keeper.sweep()
        ((name, epoch, _, _, changes),) = (await listener.so_far()).changes
    assert (name, epoch, changes) == ("hall", "epoch-2", None)


async def test_a_rebuild_keeps_holds_that_still_fit_and_tells_the_others(world: World) -> None:
    ann, ben = world.buyer("ann"), world.buyer("ben")
    kept = await ann.holds("A-1")
    lost = await ben.holds("A-2", "A-3")
    books(world, A_3=1)
    async with world.listening() as listener:
        await world.main.load("hall")
        heard = await listener.so_far()
    ((_, epoch, start, end, changes),) = heard.changes
    assert (epoch, start, changes) == ("epoch-2", lost.version, None)
    (event,) = heard.events
    assert (event.hold.id, event.hold.status, event.reason) == (lost.hold.id, "lost", "lost")
    assert event.version == end
    assert (await ann.cart()) == kept.cart
    assert await ben.cart() is None
    assert [hold.status for hold in await world.main.ended("ben")] == ["lost"]
    assert await world.of("A-2") == (1, 0, 0)
    assert await world.of("A-3") == (0, 0, 1)


async def test_of_two_that_do_not_both_fit_the_older_stays(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", places(morning=4), kind="sessions"))
    ann = await world.buyer("ann").holds("morning*2")
    world.time_passes(1)
    await world.buyer("ben").holds("morning*2")
    books(world, morning=1)
    await world.main.load("hall")
    assert [hold.id for hold in await world.buyer("ann").has()] == [ann.hold.id]
    assert await world.buyer("ben").has() == []
    assert await world.of("morning") == (1, 2, 1)


async def test_a_hold_whose_booking_began_meanwhile_is_paying_after_a_rebuild(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    pays(world, [held.hold])
    await world.main.load("hall")
    (hold,) = await ann.has()
    assert (hold.status, hold.booking, hold.first_hold_at) == ("paying", "booking", held.hold.created_at)
    assert await world.main.begin_paying([held.hold], "booking", 2**41) == []
    assert await world.of("A-1") == (0, 1, 0)


async def test_a_paying_hold_that_postgresql_no_longer_counts_is_over(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    holds = await ann.pays("booking")
    books(world, A_1=1)  # confirmed, and the process died before it told Redis
    async with world.listening() as listener:
        await world.main.load("hall")
        (event,) = (await listener.so_far()).events
    assert (event.hold.id, event.hold.status) == (held.hold.id, "released")
    assert await world.of("A-1") == (0, 0, 1)
    await world.main.confirm(holds, "booking")
    assert await world.of("A-1") == (0, 0, 1)


async def test_a_rolled_back_redis_is_noticed_and_rebuilt(world: World) -> None:
    """The tail of Redis' file is lost: its state is an older one, and its versions would come twice."""
    keeper = world.keeper(world.main)
    ann, ben = world.buyer("ann"), world.buyer("ben")
    first = await ann.holds("A-1")
    dump = {name: await world.redis.dump(name) for name in await world.redis.keys("*")}
    world.time_passes(1)
    await ben.holds("A-2")
    paying = await ben.pays("booking")
    world.time_passes(1)
    last = await world.buyer("cleo").holds("A-3")
    await keeper.sweep()
    pays(world, paying)
    await world.redis.flushall()
    for name, value in dump.items():
        assert value is not None
        await world.redis.restore(name, 0, value)
    assert (await world.state()).version == first.version
    world.time_passes(0.001)
    await keeper.sweep()
    state = await world.state()
    assert state.epoch == "epoch-2"
    assert state.version > last.version
    assert list(state.held) == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert [hold.status for hold in await ben.has()] == ["paying"]
    assert [hold.id for hold in await ann.has()] == [first.hold.id]


async def test_another_run_of_redis_is_noticed_and_rebuilt_once(world: World) -> None:
    await world.buyer("ann").holds("A-1")
    await world.redis.hset("{hall}:meta", "run_id", "the one before")
    first, second = world.keeper(world.main), world.keeper(world.process("two"))
    await asyncio.gather(first.sweep(), second.sweep())
    assert world.catalogue.epochs == 2
    await first.sweep()
    assert world.catalogue.epochs == 2
    assert not world.main.trust or not second._holds.trust
    assert await world.of("A-1") == (0, 1, 0)


async def test_changed_slots_keep_their_holds(world: World) -> None:
    held = await world.buyer("ann").holds("A-1", "A-2")
    slots = world.hall.slots
    world.hall.changes((*slots, slot(10, "C-1")))
    await world.main.load("hall")
    state = await world.state()
    assert (state.layout, state.count) == (2, 11)
    assert [hold.id for hold in await world.buyer("ann").has()] == [held.hold.id]
    assert await world.of("C-1") == (1, 0, 0)


async def test_a_slot_that_is_taken_off_sale_loses_its_holds(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    slots = world.hall.slots
    world.hall.changes((msgspec.structs.replace(slots[0], blocked=True), *slots[1:]))
    await world.main.load("hall")
    assert (await world.records())[0] == (0, 0, 0, 0)
    assert [hold.status for hold in await world.main.ended("ann")] == ["lost"]


async def test_what_is_being_paid_stays_on_a_slot_that_is_taken_off_sale(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    holds = await ann.pays("booking")
    pays(world, holds)
    slots = world.hall.slots
    world.hall.changes((msgspec.structs.replace(slots[0], blocked=True), *slots[1:]))
    await world.main.load("hall")
    assert (await world.records())[0] == (0, 1, 0, 0)
    await world.main.end(holds, "booking", "released", "cancelled")
    assert (await world.records())[0] == (0, 0, 0, 0)


async def test_wider_numbers_come_with_larger_capacities(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", places(small=2)))
    await world.buyer("ann").holds("small")
    for size, width in ((255, 1), (256, 2), (70_000, 4)):
        world.hall.changes(places(small=2, big=size))
        await world.main.load("hall")
        await world.buyer(f"ben-{size}").holds("big*2")
        assert (await world.state()).width == width
        assert await world.of("small") == (1, 1, 0)
        assert (await world.of("big"))[0] <= size - 2


async def test_many_who_find_it_missing_rebuild_it_once(world: World) -> None:
    processes = [world.process(f"process-{number}") for number in range(5)]
    buyers = [world.buyer(f"buyer-{number}", process=processes[number % 5]) for number in range(10)]
    names = [slot.id for slot in world.hall.slots]
    await asyncio.gather(*(buyer.holds(name) for buyer, name in zip(buyers, names, strict=True)))
    assert world.catalogue.epochs == 1


async def test_bookings_wait_for_a_rebuild_and_buyers_do_not(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    store = world.main.store
    assert await store.take_lease("hall", "somebody", 60_000)
    assert (await world.buyer("ben").holds("A-2")).created
    with pytest.raises(Rebuilding):
        await store.run("pay", "hall", holds=[held.hold.id], booking="booking", until_ms=2**41)
    waiting = asyncio.create_task(world.main.begin_paying([held.hold], "booking", 2**41))
    await asyncio.wait({waiting}, timeout=0.1)
    assert not waiting.done()
    await store.release_lease("hall", "somebody else")
    assert await store.has_lease("hall")
    await store.release_lease("hall", "somebody")
    assert await waiting == []


async def test_a_rebuild_that_lost_its_lease_changes_nothing(world: World) -> None:
    await world.main.ensure("hall")
    bump = world.catalogue.bump_epoch_and_read

    async def too_slow(resource: str, _require: object) -> object:
        booked = await bump(resource)
        await world.redis.set("{hall}:loading", "somebody else")
        return booked

    world.catalogue.bump_epoch_and_read = too_slow  # type: ignore[method-assign,assignment]
    with pytest.raises(Unavailable, match="Another process"):
        await world.main.load("hall")
    assert await world.main.epoch("hall") == "epoch-1"


async def test_nobody_waits_for_ever_for_a_rebuild(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.holds.loading.PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr("server.holds.leases.PATIENCE_SECONDS", 0.05)
    await world.main.store.take_lease("hall", "somebody", 60_000)
    with pytest.raises(Unavailable):
        await world.main.load("hall")
    with pytest.raises(Unavailable):
        await world.buyer("ann").holds("A-1")
    await world.main.store.release_lease("hall", "somebody")
    held = await world.buyer("ann").holds("A-1")
    await world.main.store.take_lease("hall", "somebody", 60_000)
    with pytest.raises(Unavailable):
        await world.main.confirm([held.hold], "booking")


async def test_without_postgresql_a_lost_resource_is_unavailable_and_the_others_go_on(
    make_world: MakeWorld,
) -> None:
    world = make_world(hall("a-lost-one", rows(A=2)), hall("hall", rows(A=2)))
    keeper = world.keeper(world.main)
    await world.main.ensure("a-lost-one")
    await world.buyer("ann").holds("A-1")
    await keeper.sweep()
    await world.redis.delete("{a-lost-one}:meta")
    world.catalogue.failure = Unavailable("PostgreSQL is away")
    with pytest.raises(Unavailable):
        await world.buyer("ann").holds("A-1", hall="a-lost-one")
    world.time_passes(901)
    await keeper.sweep()
    assert await world.of("A-1") == (1, 0, 0)
    world.catalogue.failure = None
    await keeper.sweep()
    assert (await world.state("a-lost-one")).epoch == "epoch-3"


async def test_a_resource_that_is_gone_is_forgotten_and_its_holds_are_lost(world: World) -> None:
    ann, ben = world.buyer("ann"), world.buyer("ben")
    await ann.holds("A-1")
    await ben.holds("A-2")
    await ben.pays("booking")
    keeper = world.keeper(world.main)
    await keeper.sweep()
    async with world.listening() as listener:
        del world.catalogue.halls["hall"]
        with pytest.raises(UnknownResource):
            await world.main.load("hall")
        heard = await listener.so_far()
    assert {(event.hold.session, event.reason) for event in heard.events} == {
        ("ann", "lost"),
        ("ben", "lost"),
    }
    assert await world.main.store.resources() == set()
    left: list[Any] = await world.redis.keys("{hall}:*")
    assert all(name.startswith(b"{hall}:hold:") for name in left)
    assert all([await world.redis.ttl(name) > 0 for name in left])
    await keeper.sweep()
    assert await ann.cart() is None
    with pytest.raises(UnknownResource):
        await world.main.load("hall")


async def test_callers_that_go_away_leave_the_rebuild_to_the_others(world: World) -> None:
    loader = world.main.loader
    task = asyncio.create_task(loader.ensure("hall"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await loader.ensure("hall")
    assert world.catalogue.epochs == 1


async def test_a_policy_of_its_own_is_not_kept_in_redis(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", rows(A=2), policy=HoldPolicy(hold_seconds=100)))
    held = await world.buyer("ann").holds("A-1")
    assert held.hold.expires_at == held.hold.created_at + 100_000


async def test_many_that_saw_a_later_version_have_it_built_anew_once(world: World) -> None:
    await world.buyer("ann").holds("A-1")
    seen = await world.state()
    await world.redis.hset("{hall}:meta", "version", seen.version - 1)
    other = world.process("two")
    await asyncio.gather(
        *(each.went_back("hall", seen.epoch, seen.version) for each in (world.main, other, other))
    )
    assert (await world.state()).epoch == "epoch-2"
    await other.went_back("hall", seen.epoch, seen.version)
    assert (await world.state()).epoch == "epoch-2"
