import msgspec
import pytest

from server.errors import Conflict, SlotTaken, Unavailable
from server.holds.rules import Hold
from tests.holds.conftest import MakeWorld
from tests.holds.world import World, hall, rows


@pytest.fixture
def two(make_world: MakeWorld) -> World:
    return make_world(
        hall("hall", rows(A=6)), hall("other", rows(C=6)), hall("ottos", rows(D=2), owner="otto")
    )


async def test_paying_ends_the_cart_and_keeps_the_places(two: World) -> None:
    ann = two.buyer("ann")
    first = await ann.holds("A-1")
    await ann.holds("C-1", hall="other")
    holds = await ann.pays("booking")
    assert len(holds) == 2
    assert await ann.cart() is None
    assert [(hold.status, hold.booking) for hold in await ann.has()] == [("paying", "booking")] * 2
    two.time_passes(1799)
    assert await two.main.expire() == []
    assert await two.of("A-1") == (0, 1, 0)
    assert (await ann.holds("A-2")).cart.reference != first.cart.reference


async def test_what_is_paid_elsewhere_stays_listed_when_a_run_out_cart_gives_way_to_a_new_one(
    two: World,
) -> None:
    ann = two.buyer("ann")
    paid = await ann.holds("C-1", hall="other")
    await ann.pays("booking", seconds=10_000)
    await ann.holds("A-1")
    two.time_passes(901)
    new = await ann.holds("A-2")
    assert {hold.id: hold.status for hold in await ann.has()} == {
        paid.hold.id: "paying",
        new.hold.id: "held",
    }


async def test_paying_begins_for_all_or_for_none(two: World) -> None:
    ann = two.buyer("ann")
    await ann.holds("A-1")
    lost = await ann.holds("C-1", hall="other")
    cart = await ann.cart()
    assert cart is not None
    await ann.releases(lost)
    until = cart.expires_at + 1_000_000
    as_booked = [msgspec.structs.replace(hold, expires_at=until) for hold in cart.holds]
    as_booked.sort(key=lambda hold: hold.id == lost.hold.id)  # what has ended is found last
    ended = await two.main.begin_paying(as_booked, "booking", until)
    assert [hold.id for hold in ended] == [lost.hold.id]
    left = await ann.cart()
    assert left is not None
    assert (left.reference, left.expires_at) == (cart.reference, cart.expires_at)
    assert [hold.status for hold in left.holds] == ["held"]


async def test_paying_that_began_for_a_part_is_undone_after_a_rebuild_too(two: World) -> None:
    """By then PostgreSQL's word is all that is known of when it ends, but for what Redis still has."""
    ann = two.buyer("ann")
    await ann.holds("A-1")
    lost = await ann.holds("C-1", hall="other")
    cart = await ann.cart()
    assert cart is not None
    until = cart.expires_at + 1_000_000
    mine = [hold for hold in cart.holds if hold.resource == "hall"]
    assert await two.main.begin_paying(mine, "booking", until) == []
    paying = msgspec.structs.replace(mine[0], status="paying", booking="booking", expires_at=until)
    two.hall.pending = [msgspec.structs.replace(paying, first_hold_at=0)]
    await two.main.load("hall")
    await ann.releases(lost)
    assert await two.main.begin_paying([paying, lost.hold], "booking", until) == [lost.hold]
    left = await ann.cart()
    assert left is not None
    assert left.expires_at == cart.expires_at


async def test_past_its_deadline_a_hold_is_not_paid_for(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    world.time_passes(900)
    ended = await world.main.begin_paying([held.hold], "booking", held.hold.expires_at + 1)
    assert ended == [held.hold]


async def test_no_deadline_of_its_own_ends_what_is_being_paid(world: World) -> None:
    """Its booking ends it, once its provider was asked."""
    ann = world.buyer("ann")
    await ann.holds("A-1")
    await ann.pays("booking", seconds=1800)
    world.time_passes(3600)
    assert await world.main.expire() == []
    assert (await world.of("A-1"))[1] == 1
    assert [hold.status for hold in await ann.has()] == ["paying"]


async def test_beginning_twice_is_beginning_once(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    holds = await ann.pays("booking")
    world.time_passes(1)
    async with world.listening() as listener:
        assert await world.main.begin_paying(holds, "booking", 1) == []
        assert (await listener.so_far()).events == []
    assert await world.main.begin_paying(holds, "another", 1) == holds


async def test_what_is_paid_for_is_not_released_but_by_its_booking(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    await ann.pays("booking")
    with pytest.raises(Conflict, match="cancel its booking"):
        await ann.releases(held)
    await ann.releases_all()
    assert await world.of("A-1") == (0, 1, 0)
    with pytest.raises(SlotTaken):
        await ann.holds("A-1")


async def test_a_confirmed_hold_is_booked_once(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1", "A-2")
    holds = await ann.pays("booking")
    async with world.listening() as listener:
        await world.main.confirm(holds, "booking")
        await world.main.confirm(holds, "booking")
        heard = await listener.so_far()
    assert await world.of("A-1") == (0, 0, 1)
    assert [(event.hold.status, event.reason) for event in heard.events] == [("confirmed", "confirmed")]
    assert [changes for *_, changes in heard.changes] == [[0, 0, 0, 1, 0, 0]]
    assert (await ann.finds(held)).status == "confirmed"
    assert await ann.has() == []


async def test_a_held_hold_may_be_confirmed_at_once(world: World) -> None:
    held = await world.buyer("ann").holds("A-1")
    await world.main.confirm([held.hold], "booking")
    assert await world.of("A-1") == (0, 0, 1)


async def test_another_bookings_hold_is_left_alone(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    holds = await ann.pays("booking")
    await world.main.confirm(holds, "another")
    await world.main.end(holds, "another", "expired", "deadline")
    await world.main.return_to_cart(holds, "another")
    # …by the script itself too, whatever was read before it.
    await world.main.loader.run(
        "return_to_cart", "hall", holds=[holds[0].id], booking="another", expires_at=1
    )
    assert [hold.status for hold in await ann.has()] == ["paying"]


async def test_an_ended_booking_gives_its_places_free(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    holds = await ann.pays("booking")
    async with world.listening() as listener:
        await world.main.end(holds, "booking", "expired", "deadline")
        await world.buyer("ben").holds("A-1")
        await world.main.end(holds, "booking", "expired", "deadline")
        (ended, _) = (await listener.so_far()).events
    assert (ended.hold.status, ended.reason) == ("expired", "deadline")
    assert (await ann.finds(held)).status == "expired"
    assert await world.of("A-1") == (0, 1, 0)


async def test_a_cancelled_booking_gives_its_holds_back_under_its_reference(two: World) -> None:
    ann = two.buyer("ann")
    first = await ann.holds("A-1")
    second = await ann.holds("C-1", hall="other")
    holds = await ann.pays("booking")
    two.time_passes(1000)
    async with two.listening() as listener:
        cart = await two.main.return_to_cart(holds, "booking")
        reasons = {event.reason for event in (await listener.so_far()).events}
    assert reasons == {"cancelled"}
    assert cart == await ann.cart()
    assert cart is not None
    assert cart.reference == first.cart.reference
    assert cart.expires_at == first.hold.created_at + 1_900_000
    assert {hold.id for hold in cart.holds} == {first.hold.id, second.hold.id}
    assert await two.main.return_to_cart(holds, "booking") == cart
    assert await two.main.return_to_cart([], "booking") is None


async def test_a_crash_before_the_cart_is_open_again_heals(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    holds = await ann.pays("booking")
    write = world.main.index.write

    async def crash(*_: object, **__: object) -> None:
        raise Unavailable

    world.main.index.write = crash  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await world.main.return_to_cart(holds, "booking")
    world.main.index.write = write  # type: ignore[method-assign]
    cart = await world.main.return_to_cart(holds, "booking")
    assert cart is not None
    assert (cart.owner, cart.reference) == ("olga", holds[0].reference)
    assert (await ann.holds("A-2")).cart.reference == cart.reference


async def test_who_cancels_has_not_left(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    holds = await ann.pays("booking")
    await ann.leaves()
    await world.main.return_to_cart(holds, "booking")
    world.time_passes(world.settings.disconnect_grace_seconds + 1)
    assert await world.main.expire() == []


async def test_giving_back_keeps_below_the_ceiling(world: World) -> None:
    ann = world.buyer("ann")
    first = await ann.holds("A-1")
    holds = await ann.pays("booking", seconds=9000)
    world.time_passes(3000)
    cart = await world.main.return_to_cart(holds, "booking")
    assert cart is not None
    assert cart.expires_at == first.hold.created_at + 3_600_000


async def test_what_is_given_back_joins_the_cart_that_was_opened_meanwhile(two: World) -> None:
    ann = two.buyer("ann")
    first = await ann.holds("A-1")
    holds = await ann.pays("booking")
    two.time_passes(100)
    second = await ann.holds("A-2")
    third = await ann.holds("C-1", hall="other")
    cart = await two.main.return_to_cart(holds, "booking")
    assert cart == await ann.cart()
    assert cart is not None
    assert cart.reference == first.cart.reference
    assert {hold.id for hold in cart.holds} == {first.hold.id, second.hold.id, third.hold.id}
    assert {hold.reference for hold in cart.holds} == {first.cart.reference}
    assert {hold.first_hold_at for hold in cart.holds} == {first.hold.created_at}
    assert (await ann.holds("A-3")).cart.reference == first.cart.reference


async def test_another_owners_cart_keeps_it_from_coming_back(two: World) -> None:
    ann = two.buyer("ann")
    await ann.holds("A-1")
    holds = await ann.pays("booking")
    others = await ann.holds("D-1", hall="ottos")
    with pytest.raises(Conflict, match="release them first"):
        await two.main.return_to_cart(holds, "booking")
    assert {hold.status for hold in await ann.has()} == {"paying", "held"}
    await ann.releases(others)
    assert (await two.main.return_to_cart(holds, "booking")) is not None


async def paid_too_late(world: World) -> list[Hold]:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    if "other" in world.catalogue.halls:
        await ann.holds("C-1", hall="other")
    holds = await ann.pays("booking")
    await world.main.end(holds, "booking", "expired", "deadline")
    return holds


async def test_a_late_payment_takes_the_same_again(two: World) -> None:
    holds = await paid_too_late(two)
    assert await two.main.retake(holds, "booking", holds[0].expires_at + 1000)
    assert await two.main.retake(holds, "booking", holds[0].expires_at + 1000)
    assert [hold.status for hold in await two.buyer("ann").has()] == ["paying", "paying"]
    await two.main.confirm(holds, "booking")
    assert await two.of("A-1") == (0, 0, 1)


async def test_a_late_payment_takes_nothing_where_somebody_has_any_of_it(two: World) -> None:
    holds = await paid_too_late(two)
    await two.buyer("ben").holds("C-1", hall="other")
    assert not await two.main.retake(holds, "booking", holds[0].expires_at + 1000)
    assert await two.of("A-1") == (1, 0, 0)
    assert await two.buyer("ann").has() == []


async def test_a_late_payment_takes_what_has_run_out(world: World) -> None:
    holds = await paid_too_late(world)
    await world.buyer("ben").holds("A-1")
    world.time_passes(901)
    assert await world.main.retake(holds, "booking", holds[0].expires_at + 10_000_000)


async def test_a_late_payment_takes_over_what_has_gone_back_to_the_cart(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    holds = await ann.pays("booking")
    await world.main.return_to_cart(holds, "booking")
    assert await world.main.retake(holds, "booking", holds[0].expires_at + 1000)
    assert await ann.cart() is None
    assert await world.of("A-1") == (0, 1, 0)


async def test_slots_that_are_gone_are_not_retaken(world: World) -> None:
    (hold,) = await paid_too_late(world)
    beyond = msgspec.structs.replace(hold, id="x", items=(msgspec.structs.replace(hold.items[0], index=99),))
    assert not await world.main.retake([beyond], "booking", hold.expires_at)


async def test_what_was_freed_and_never_booked_is_not_unbooked(world: World) -> None:
    """The answer to `end` was lost; the booking was then paid too late and refunded, which unbooks it."""
    ann = world.buyer("ann")
    await ann.holds("A-1")
    holds = await ann.pays("booking")
    epoch = await world.main.epoch("hall")
    assert epoch is not None
    await world.main.end(holds, "booking", "released", "cancelled")
    await world.main.confirm(holds, "booking")
    await world.main.unbook(holds, "booking", epoch)
    assert await world.of("A-1") == (1, 0, 0)


async def test_a_cancelled_confirmation_is_unbooked_once_and_only_in_its_epoch(world: World) -> None:
    ann = world.buyer("ann")
    first, second = await ann.holds("A-1"), await ann.holds("A-2")
    holds = await ann.pays("booking")
    await world.main.confirm(holds, "booking")
    epoch = await world.main.epoch("hall")
    assert epoch is not None
    await world.main.unbook(holds, "booking", "another epoch")
    assert await world.of("A-1") == (0, 0, 1)
    for hold in (first.hold, first.hold, second.hold):
        await world.main.unbook([hold], "booking", epoch)
    assert await world.of("A-1") == (1, 0, 0)
    assert await world.of("A-2") == (1, 0, 0)
