"""What is about to be booked ends no sooner than its booking can be told to Redis (decision 25)."""

import asyncio

from server.holds.carts import WAIT_MS
from tests.holds.conftest import MakeWorld
from tests.holds.world import World, hall, rows

WAIT = WAIT_MS // 1000


async def test_a_hold_in_its_last_moment_waits_for_its_booking(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1", "A-2")
    world.time_passes(899)
    async with world.listening() as listener:
        standing = await world.main.cart_to_book("ann")
        heard = await listener.so_far()
    assert standing.cart is not None
    assert standing.cart.expires_at == held.hold.expires_at + 1000 * (WAIT - 1)
    assert [(event.hold, event.reason) for event in heard.events] == [(standing.cart.holds[0], "")]
    assert heard.changes == []
    world.time_passes(WAIT - 0.5)
    assert await world.main.expire() == []
    assert await world.main.begin_paying(standing.cart.holds, "booking", standing.cart.expires_at) == []


async def test_nobody_prolongs_a_hold_by_asking_again_and_again(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    world.time_passes(899)
    for _ in range(2 * WAIT):
        await world.main.cart_to_book("ann")
        world.time_passes(0.5)
    assert [hold.id for hold in await world.main.expire()] == [held.hold.id]
    ended = (await world.main.cart_to_book("ann")).ended
    assert [hold.id for hold in ended] == [held.hold.id]
    assert await world.of("A-1") == (1, 0, 0)


async def test_what_is_past_its_deadline_waits_for_nothing(world: World) -> None:
    await world.buyer("ann").holds("A-1")
    world.time_passes(900)
    standing = await world.main.cart_to_book("ann")
    assert (standing.cart, len(standing.ended)) == (None, 1)
    await world.buyer("ben").holds("A-1")


async def test_a_hold_with_time_left_is_read_and_left_as_it_is(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    before = await ann.cart()
    async with world.listening() as listener:
        standing = await world.main.cart_to_book("ann")
        assert (await listener.so_far()).events == []
    assert standing.cart == before


async def test_an_extension_brings_nothing_forward_and_earns_another_wait(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    world.time_passes(899)
    await world.main.cart_to_book("ann")
    extended = await ann.extends()
    world.time_passes(899)
    standing = await world.main.cart_to_book("ann")
    assert standing.cart is not None
    assert standing.cart.expires_at == extended.expires_at + 1000 * (WAIT - 1)


async def test_at_its_ceiling_a_hold_waits_once_and_an_extension_ends_it_no_sooner(
    make_world: MakeWorld,
) -> None:
    world = make_world(hold_max_seconds=900)
    ann = world.buyer("ann")
    await ann.holds("A-1")
    world.time_passes(899)
    waits = (await world.main.cart_to_book("ann")).cart
    assert await ann.extends() == waits
    world.time_passes(1)
    assert (await world.main.cart_to_book("ann")).cart == waits
    world.time_passes(WAIT - 1)
    assert [hold.status for hold in await world.main.expire()] == ["expired"]


async def test_given_back_by_its_booking_a_hold_may_wait_again(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    world.time_passes(899)
    await world.main.cart_to_book("ann")
    given = await world.main.return_to_cart(await ann.pays("booking"), "booking")
    assert given is not None
    world.time_passes(899)
    again = (await world.main.cart_to_book("ann")).cart
    assert again is not None
    assert again.expires_at == given.expires_at + 1000 * (WAIT - 1)


async def test_a_short_hold_that_waits_is_not_taken_for_one_by_a_later_clock(make_world: MakeWorld) -> None:
    world = make_world(hold_seconds=2)
    await world.buyer("ann").holds("A-1")
    waits = (await world.main.cart_to_book("ann")).cart
    assert await world.main.expire() == []
    assert await world.main.cart("ann") == waits
    assert waits is not None
    assert waits.expires_at == waits.first_hold_at + 1000 * WAIT


async def test_once_the_clock_has_gone_back_a_hold_may_wait_again(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    world.time_passes(899)
    await world.main.cart_to_book("ann")
    world.time_passes(-3600)
    await world.main.expire()
    world.time_passes(899)
    before = await ann.cart()
    waits = (await world.main.cart_to_book("ann")).cart
    assert before is not None
    assert waits is not None
    assert waits.expires_at == before.expires_at + 1000 * (WAIT - 1)


async def test_whoever_is_about_to_book_is_there(world: World) -> None:
    """Their page may have gone a while ago; that it left counts again once the moment is over."""
    ann, keeper = world.buyer("ann"), world.keeper(world.main)
    keeper.socket_opened("ann", "tab")
    await ann.holds("A-1", connected=True)
    keeper.socket_left("ann", "tab")
    await keeper.flush()
    world.time_passes(9)
    await world.main.cart_to_book("ann")
    world.time_passes(WAIT - 1)
    assert await world.main.expire() == []
    world.time_passes(1)
    assert [hold.status for hold in await world.main.expire()] == ["released"]


async def test_whoever_never_had_a_socket_is_not_gone_when_the_moment_is_over(world: World) -> None:
    await world.buyer("ann").holds("A-1")
    await world.main.cart_to_book("ann")
    world.time_passes(WAIT + 1)
    assert await world.main.expire() == []


async def test_a_cart_waits_in_each_of_its_resources(make_world: MakeWorld) -> None:
    world = make_world(hall("hall", rows(A=2)), hall("other", rows(C=2)))
    ann = world.buyer("ann")
    await ann.holds("A-1")
    await ann.holds("C-1", hall="other")
    world.time_passes(899)
    one, other = await asyncio.gather(world.main.cart_to_book("ann"), world.main.cart_to_book("ann"))
    assert one == other
    world.time_passes(WAIT - 1)
    assert await world.main.expire() == []


async def test_what_waits_still_waits_when_its_resource_is_built_anew(world: World) -> None:
    await world.buyer("ann").holds("A-1")
    world.time_passes(899)
    waits = (await world.main.cart_to_book("ann")).cart
    await world.main.load("hall")
    assert (await world.main.cart_to_book("ann")).cart == waits
    world.time_passes(WAIT - 1)
    assert await world.main.expire() == []
