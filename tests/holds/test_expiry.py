import asyncio
from typing import Any

import msgspec
import pytest

from server.errors import SlotTaken
from server.holds import store, sweeper
from server.inventory.rules import HoldPolicy
from tests.holds.conftest import MakeWorld
from tests.holds.world import World, hall, places, rows
from tests.support.waiting import until


async def test_a_hold_ends_by_its_deadline_and_is_announced(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1", "A-2")
    async with world.listening() as listener:
        world.time_passes(899)
        assert await world.main.expire() == []
        world.time_passes(1)
        (ended,) = await world.main.expire()
        heard = await listener.so_far()
    assert (ended.id, ended.status) == (held.hold.id, "expired")
    ((_, _, start, end, changes),) = heard.changes
    assert (start, changes) == (held.version, [0, 1, 0, 1, 1, 0])
    (event,) = heard.events
    assert (event.hold.status, event.reason, event.version) == ("expired", "deadline", end)
    assert await ann.cart() is None
    assert (await ann.finds(held)).status == "expired"


async def test_giving_back_what_has_expired_is_no_news(world: World) -> None:
    """Its end is told by who expired it, with the reason."""
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    given = await world.main.release(ann.caller, (await ann.holds("A-2")).hold.id, op=None, resource="hall")
    assert (given.hold.status, given.is_news) == ("released", True)
    world.time_passes(900)
    await world.main.expire()
    given = await world.main.release(ann.caller, held.hold.id, op=None, resource="hall")
    assert (given.hold.status, given.is_news) == ("expired", False)


async def test_past_its_deadline_a_hold_counts_as_free_without_any_sweep(world: World) -> None:
    ann, ben = world.buyer("ann"), world.buyer("ben")
    held = await ann.holds("A-1", "A-2")
    world.time_passes(900)
    async with world.listening() as listener:
        taken = await ben.holds("A-1")
        heard = await listener.so_far()
    ((_, _, start, end, changes),) = heard.changes
    assert (start, end, changes) == (held.version, taken.version, [0, 0, 1, 1, 1, 0])
    assert [(event.hold.status, event.version) for event in heard.events] == [("expired", end), ("held", end)]


async def test_what_is_freed_on_the_way_to_a_refusal_is_announced_too(world: World) -> None:
    await world.buyer("ann").holds("A-1")
    world.time_passes(800)
    await world.buyer("ben").holds("A-2")
    world.time_passes(100)
    async with world.listening() as listener:
        with pytest.raises(SlotTaken):
            await world.buyer("cleo").holds("A-1", "A-2")
        heard = await listener.so_far()
    assert [changes for *_, changes in heard.changes] == [[0, 1, 0]]


async def test_where_a_resource_stands_is_read_behind_the_end_of_what_is_due(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By it a hold is refused without asking for it: nobody is refused because a sweep is late."""
    held = await world.buyer("ann").holds("A-1")
    epoch = await world.main.epoch("hall")
    assert await world.main.swept("hall") == (epoch, held.version)
    world.time_passes(900)
    swept = await world.main.swept("hall")
    assert swept is not None
    assert swept > (epoch, held.version)
    assert await world.of("A-1") == await world.of("A-2")
    await world.buyer("ben").holds("A-1")
    await world.buyer("cleo").holds("A-2")
    world.time_passes(900)
    monkeypatch.setattr(store, "BATCH", 2)
    monkeypatch.setattr("server.holds.service.BATCH", 2)
    assert await world.main.swept("hall") is None, "there may be more than one batch"
    assert await world.main.swept("hall") is not None


async def test_the_sweep_can_be_narrowed_to_one_cart(world: World) -> None:
    ann, ben = await world.buyer("ann").holds("A-1"), await world.buyer("ben").holds("A-2")
    world.time_passes(901)
    (ended,) = await world.main.expire(ben.cart.reference)
    assert ended.id == ben.hold.id
    (ended,) = await world.main.expire()
    assert ended.id == ann.hold.id


async def test_ten_thousand_holds_ending_at_once_are_given_back_in_batches(make_world: MakeWorld) -> None:
    count = 10_000
    world = make_world(hall("hall", places(morning=count, noon=count), kind="sessions"))
    buyers = [world.buyer(f"session-{number}") for number in range(count)]
    for start in range(0, count, 100):
        await asyncio.gather(*(buyer.holds("morning") for buyer in buyers[start : start + 100]))
    assert await world.of("morning") == (0, count, 0)
    world.time_passes(900)
    keeper = world.keeper(world.main)
    async with world.listening() as listener:
        await keeper.sweep()
        heard = await listener.so_far()
    assert await world.of("morning") == (count, 0, 0)
    assert len(heard.events) == count
    assert len({event.hold.id for event in heard.events}) == count
    assert len(heard.changes) == heard.batches == 100
    assert heard.changes[-1][4] == [0, count, 0]


async def test_what_ends_elsewhere_waits_for_one_batch_and_not_for_all(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BATCH", 2)
    monkeypatch.setattr(sweeper, "BATCH", 2)
    world = make_world(hall("large", rows(A=5)), hall("small", rows(A=1)))
    keeper = world.keeper(world.main)
    async with world.listening() as listener:
        for number in range(5):
            await world.buyer(f"session-{number}").holds(f"A-{number + 1}", hall="large")
        await world.buyer("ann").holds("A-1", hall="small")
        keeper.hear_events((await listener.so_far()).events)
        world.time_passes(900)
        await keeper.sweeper.expire_due()
        ended = [resource for resource, *_ in (await listener.so_far()).changes]
    assert ended.index("small") < 2
    assert ended.count("large") == 3


async def test_the_next_batches_end_while_one_is_told(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a batch is full, two are on their way at a time, and no more."""
    monkeypatch.setattr(store, "BATCH", 2)
    monkeypatch.setattr(sweeper, "BATCH", 2)
    world = make_world(hall("hall", places(morning=12), kind="sessions"))
    for number in range(12):
        await world.buyer(f"session-{number}").holds("morning")
    world.time_passes(900)
    expire, gates = store.HoldStore.expire, list[asyncio.Event]()

    async def held_up(*asked: Any, **more: Any) -> store.Answer:
        gates.append(asyncio.Event())
        await gates[-1].wait()
        return await expire(*asked, **more)

    monkeypatch.setattr(store.HoldStore, "expire", held_up)
    keeper = world.keeper(world.main)
    keeper.sweeper.expect("hall", keeper.sweeper.now())
    ending = asyncio.create_task(keeper.sweeper.expire_due())
    for done, on_their_way in enumerate((1, 3, 4, 5, 6, 7)):
        while len(gates) < on_their_way:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0)
        await _others_work()
        assert len(gates) == on_their_way
        gates[done].set()
    monkeypatch.setattr(store.HoldStore, "expire", expire)
    for gate in gates:
        gate.set()
    await ending

    async def are_free() -> bool:
        return await world.of("morning") == (12, 0, 0)

    await until(are_free)


async def _others_work() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_hold_itself_waits_for_no_batch(make_world: MakeWorld) -> None:
    """More than one batch stands in the way of a buyer, and is given back in one step."""
    count = 1_500
    world = make_world(hall("hall", places(morning=count), kind="sessions"), max_hold_items=0)
    await asyncio.gather(*(world.buyer(f"session-{number}").holds("morning") for number in range(count)))
    world.time_passes(900)
    assert (await world.buyer("ann").holds(f"morning*{count}")).created


async def test_the_keeper_sleeps_until_the_next_deadline(world: World) -> None:
    keeper = world.keeper(world.main)
    sweeper = keeper.sweeper
    assert sweeper.seconds_to_next(at_most=1) == 1
    async with world.listening() as listener:
        await world.buyer("ann").holds("A-1")
        world.time_passes(100)
        await world.buyer("ben").holds("A-2")
        keeper.hear_events((await listener.so_far()).events)
    assert sweeper.seconds_to_next(at_most=10_000) == 800
    world.time_passes(800)
    assert sweeper.seconds_to_next(at_most=10_000) == 0
    await sweeper.expire_due()
    assert await world.of("A-1") == (1, 0, 0)
    assert sweeper.seconds_to_next(at_most=10_000) == 100
    await asyncio.wait_for(sweeper.wait(at_most=0.01), 5)


async def test_an_extension_costs_one_look_at_most(world: World) -> None:
    keeper = world.keeper(world.main)
    ann = world.buyer("ann")
    async with world.listening() as listener:
        await ann.holds("A-1")
        world.time_passes(600)
        await ann.extends()
        keeper.hear_events((await listener.so_far()).events)
    world.time_passes(300)
    await keeper.sweeper.expire_due()
    assert await world.of("A-1") == (0, 1, 0)
    assert keeper.sweeper.seconds_to_next(at_most=10_000) == 600


async def test_a_sweep_covers_what_nobody_heard_of(make_world: MakeWorld) -> None:
    world = make_world(*(hall(f"hall-{number}", rows(A=2)) for number in range(20)))
    for number in range(20):
        await world.buyer("ann").holds("A-1", hall=f"hall-{number}")
    world.time_passes(901)
    await world.keeper(world.process("two")).sweep()
    for number in range(20):
        assert await world.of("A-1", f"hall-{number}") == (1, 0, 0)


async def test_when_the_clock_goes_back_nothing_is_held_longer_than_once_more(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    world.time_passes(-3600)
    async with world.listening() as listener:
        assert await world.main.expire() == []
        heard = await listener.so_far()
    cart = await ann.cart()
    assert cart is not None
    assert [(event.hold, event.reason) for event in heard.events] == [(cart.holds[0], "")]
    assert cart.expires_at == cart.first_hold_at + 1000 * 900
    world.time_passes(899)
    assert await world.main.expire() == []
    world.time_passes(1)
    assert [hold.status for hold in await world.main.expire()] == ["expired"]


async def test_when_the_clock_goes_back_nobody_prolongs_a_cart_by_its_first_hold(world: World) -> None:
    """Its ceiling follows from when that was made, which would be yet to come."""
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    world.time_passes(-3600)
    await world.main.expire()
    for _ in range(7):
        world.time_passes(500)
        cart = await ann.extends()
    assert cart.expires_at == held.hold.created_at - 3_600_000 + 1000 * world.settings.hold_max_seconds


async def test_what_was_held_by_a_clock_that_was_ahead_ends_when_that_is_put_right(world: World) -> None:
    ann, ben = world.buyer("ann"), world.buyer("ben")
    before = await ben.holds("A-2")
    world.time_passes(600)
    await ann.holds("A-1")
    world.time_passes(-600)
    await world.main.expire()
    assert await ben.cart() == before.cart
    world.time_passes(900)
    assert {hold.session for hold in await world.main.expire()} == {"ann", "ben"}


async def test_who_gives_holds_a_shorter_life_from_now_on_takes_nothing_of_those_there_are(
    world: World,
) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    world.hall.resource = msgspec.structs.replace(world.hall.resource, policy=HoldPolicy(hold_seconds=60))
    await world.buyer("ben").holds("A-2")
    world.time_passes(61)
    assert [hold.session for hold in await world.main.expire()] == ["ben"]
    assert await ann.cart() == held.cart
