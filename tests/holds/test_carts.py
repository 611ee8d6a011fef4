import asyncio

import msgspec
import pytest

from server.errors import Conflict, HoldExpired, SlotTaken, Unavailable
from server.holds.index import OpenCart
from server.holds.rules import Cart
from server.inventory.rules import HoldPolicy
from tests.holds.conftest import MakeWorld
from tests.holds.world import Buyer, World, hall, rows

pytestmark = pytest.mark.usefixtures("either_redis")


@pytest.fixture
def two(make_world: MakeWorld) -> World:
    """Halls of olga's, `other` with shorter holds, one of otto's, and one for dollars."""
    short = HoldPolicy(hold_seconds=300, hold_max_seconds=1200)
    return make_world(
        hall("hall", rows(A=6)),
        hall("other", rows(C=6), policy=short),
        hall("twin", rows(B=6)),
        hall("ottos", rows(D=6), owner="otto"),
        hall("dollars", rows(E=6), currency="usd"),
    )


async def means_to_hold(buyer: Buyer, seat: str, *, op: str) -> None:
    """Its process dies, or its resource can't be had, between the intent and the hold."""
    holds = buyer.process
    run, beside = holds.loader.run, holds.index.is_beside_resources

    async def crash(*_: object, **__: object) -> object:
        raise Unavailable

    holds.loader.run = crash  # type: ignore[method-assign,assignment]
    holds.index.is_beside_resources = False
    with pytest.raises(Unavailable):
        await buyer.holds(seat, op=op)
    holds.loader.run, holds.index.is_beside_resources = run, beside  # type: ignore[method-assign]


OPEN = OpenCart(reference="BK-OPEN", owner="olga", currency="eur", first_hold_at=0)


async def deadlines(buyer: Buyer) -> set[int]:
    return {hold.expires_at for hold in await buyer.has()}


async def test_an_add_moves_the_deadline_of_all(world: World) -> None:
    ann = world.buyer("ann")
    first = await ann.holds("A-1")
    world.time_passes(100)
    second = await ann.holds("A-2")
    assert second.cart.reference == first.cart.reference
    assert second.cart.first_hold_at == first.hold.created_at
    assert await deadlines(ann) == {first.hold.expires_at + 100_000}
    assert await ann.cart() == second.cart
    assert second.cart.total == 10_000


async def test_a_failed_add_moves_nothing(world: World) -> None:
    ann = world.buyer("ann")
    first = await ann.holds("A-1")
    await world.buyer("ben").holds("A-2")
    world.time_passes(100)
    with pytest.raises(SlotTaken):
        await ann.holds("A-2")
    assert await ann.cart() == first.cart


async def test_an_extension_moves_the_deadline_below_the_ceiling(world: World) -> None:
    ann = world.buyer("ann")
    first = await ann.holds("A-1")
    for passed in (800, 1600, 2400):
        world.time_passes(800)
        cart = await ann.extends()
        assert cart.expires_at == first.hold.created_at + (passed + 900) * 1000
    world.time_passes(800)
    assert (await ann.extends()).expires_at == first.hold.created_at + 3_600_000
    added = await ann.holds("A-2")
    assert added.hold.expires_at == first.hold.created_at + 3_600_000


async def test_without_a_cart_nothing_is_extended(world: World) -> None:
    ann = world.buyer("ann")
    with pytest.raises(Conflict):
        await ann.extends()
    await ann.holds("A-1")
    world.time_passes(901)
    with pytest.raises(HoldExpired):
        await ann.extends()


async def test_an_extension_by_op_is_done_once(two: World) -> None:
    ann = two.buyer("ann")
    await ann.holds("A-1")
    await ann.holds("C-1", hall="other")
    two.time_passes(10)
    first = await ann.extends(op="01HX")
    two.time_passes(10)
    assert await ann.extends(op="01HX") == first
    assert await deadlines(ann) == {first.expires_at}


async def test_a_cart_that_goes_away_while_it_is_extended_has_ended(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    standing = await world.main.standing("ann")
    await ann.releases(held)

    async def before(_: str) -> object:
        return standing

    world.main.carts.read = before  # type: ignore[method-assign,assignment]  # what was read just before
    with pytest.raises(HoldExpired):
        await ann.extends()


async def test_a_cart_ends_with_its_last_hold(world: World) -> None:
    ann = world.buyer("ann")
    first = await ann.holds("A-1")
    second = await ann.holds("A-2")
    await ann.releases(first)
    third = await ann.holds("A-3")
    assert third.cart.reference == second.cart.reference
    await ann.releases(second)
    await ann.releases(third)
    assert await ann.cart() is None
    assert (await ann.holds("A-1")).cart.reference != first.cart.reference


async def test_a_cart_that_expired_is_not_taken_up_again(world: World) -> None:
    ann = world.buyer("ann")
    first = await ann.holds("A-1")
    world.time_passes(901)
    second = await ann.holds("A-1")
    assert second.cart.reference != first.cart.reference
    assert second.cart.holds == (second.hold,)
    assert second.cart.first_hold_at == second.hold.created_at
    assert await ann.cart() == second.cart
    third = await ann.holds("A-2")
    assert third.cart.reference == second.cart.reference
    entries = (await world.main.index.read("ann")).entries
    assert {entry.hold for entry in entries} == {second.hold.id, third.hold.id}


async def test_all_of_a_cart_is_released_at_once(two: World) -> None:
    ann = two.buyer("ann")
    await ann.holds("A-1")
    await ann.holds("C-1", hall="other")
    await ann.releases_all()
    assert await ann.cart() is None
    assert await two.of("A-1") == (1, 0, 0)
    assert await two.of("C-1", "other") == (1, 0, 0)
    await ann.releases_all()


async def test_a_cart_spans_resources_of_one_owner(two: World) -> None:
    ann = two.buyer("ann")
    first = await ann.holds("A-1")
    two.time_passes(10)
    second = await ann.holds("C-1", hall="other")
    assert second.cart.reference == first.cart.reference
    assert [hold.resource for hold in second.cart.holds] == ["hall", "other"]
    # Of different lengths the shortest counts, for the ceiling too.
    assert await deadlines(ann) == {first.hold.created_at + 310_000}
    assert await ann.cart() == second.cart
    for _ in range(4):
        two.time_passes(250)
        cart = await ann.extends()
    assert cart.expires_at == first.hold.created_at + 1_200_000


async def test_the_shortest_no_longer_counts_when_it_is_gone(two: World) -> None:
    ann = two.buyer("ann")
    await ann.holds("A-1")
    short = await ann.holds("C-1", hall="other")
    await ann.releases(short)
    cart = await ann.extends()
    assert cart.expires_at == cart.first_hold_at + 900_000


@pytest.mark.parametrize(("seat", "where"), [("D-1", "ottos"), ("E-1", "dollars")])
async def test_a_cart_has_one_owner_and_one_currency(two: World, seat: str, where: str) -> None:
    ann = two.buyer("ann")
    first = await ann.holds("A-1")
    two.time_passes(5)
    with pytest.raises(Conflict, match="one owner and one currency"):
        await ann.holds(seat, hall=where)
    assert await ann.cart() == first.cart
    assert await two.of(seat, where) == (1, 0, 0)
    await ann.releases(first)
    assert (await ann.holds(seat, hall=where)).cart.owner == two.catalogue.halls[where].resource.owner


async def test_a_dead_cart_keeps_nobody_from_another_owner(two: World) -> None:
    ann = two.buyer("ann")
    await ann.holds("A-1")
    two.time_passes(901)
    assert (await ann.holds("D-1", hall="ottos")).cart.owner == "otto"


async def test_a_cart_filled_meanwhile_is_a_conflict(two: World) -> None:
    ann = two.buyer("ann")
    await ann.holds("A-1")
    two.time_passes(901)
    index = two.main.index
    join = index.join

    async def join_and_be_overtaken(*given: object, **more: object) -> object:
        joined = await join(*given, **more)  # type: ignore[arg-type]  # as given
        return msgspec.structs.replace(joined, status="differs")

    index.join = join_and_be_overtaken  # type: ignore[method-assign,assignment]
    with pytest.raises(Conflict, match="just now"):
        await ann.holds("D-1", hall="ottos")


async def test_two_tabs_that_begin_at_once_share_one_cart(two: World) -> None:
    ann = two.buyer("ann")
    for _ in range(20):
        first, second, third = await asyncio.gather(
            ann.holds("A-1"), ann.holds("A-2"), ann.holds("B-1", hall="twin")
        )
        cart = await ann.cart()
        assert cart is not None
        assert {held.hold.reference for held in (first, second, third)} == {cart.reference}
        assert len(cart.holds) == 3
        assert len({hold.expires_at for hold in cart.holds}) == 1
        await ann.releases_all()


async def test_a_crash_after_the_intent_leaves_nothing(world: World) -> None:
    ann = world.buyer("ann")
    await means_to_hold(ann, "A-1", op="01HX")
    assert await ann.cart() is None
    assert len((await world.main.index.read("ann")).entries) == 1
    world.time_passes(16)
    assert await ann.cart() is None
    assert (await world.main.index.read("ann")).entries == ()


async def test_an_op_whose_hold_was_never_made_may_be_tried_again(world: World) -> None:
    """Whoever looked meanwhile, and however late it is: nothing was held that could have ended."""
    ann = world.buyer("ann")
    for seconds in (6, 16):
        await means_to_hold(ann, "A-1", op="01HX")
        world.time_passes(seconds)
        assert await ann.cart() is None
    held = await ann.holds("A-1", op="01HX")
    assert (held.created, await ann.cart()) == (True, held.cart)


async def test_an_intent_that_is_noted_again_has_its_time_again(world: World) -> None:
    ann = world.buyer("ann")
    await means_to_hold(ann, "A-1", op="01HX")
    world.time_passes(14)
    listing = await world.main.index.read("ann")
    await means_to_hold(ann, "A-1", op="01HX")
    world.time_passes(2)
    assert (await world.main.carts.read("ann")).resources == {"hall"}
    # Nor does it go by what somebody saw of it before, who comes to put the index right only now.
    await world.main.index.write("ann", forget=[(each.hold, each.written_at) for each in listing.entries])
    assert len((await world.main.index.read("ann")).entries) == 1


async def test_a_hold_that_comes_when_its_intent_may_be_forgotten_is_not_made(world: World) -> None:
    """A resource was long in being rebuilt: the hold would be there, and in no index."""
    ann = world.buyer("ann")
    world.main.index.is_beside_resources = False
    run = world.main.loader.run

    async def run_late(name: str, *given: object, **named: object) -> object:
        if name == "hold":
            world.time_passes(16)
            assert await ann.cart() is None
        return await run(name, *given, **named)  # type: ignore[arg-type]  # as given

    world.main.loader.run = run_late  # type: ignore[method-assign,assignment]
    with pytest.raises(Unavailable, match="too long"):
        await ann.holds("A-1", op="01HX")
    world.main.loader.run = run  # type: ignore[method-assign]
    assert await world.of("A-1") == (1, 0, 0)
    held = await ann.holds("A-1", op="01HX")
    assert await ann.cart() == held.cart


async def test_a_hold_on_its_way_keeps_its_cart_open(two: World) -> None:
    """A second tab joins the cart of a first hold that has been noted and not yet been made."""
    ann = two.buyer("ann")
    on_its_way = await two.main.index.join("ann", "h1", "other", OPEN, lasts_ms=1000)
    assert (await ann.holds("A-1")).cart.reference == on_its_way.reference
    with pytest.raises(Conflict):
        await ann.holds("D-1", hall="ottos")


async def test_a_hold_on_its_way_here_keeps_its_cart_open(two: World) -> None:
    ann = two.buyer("ann")
    on_its_way = await two.main.index.join("ann", "h1", "hall", OPEN, lasts_ms=1000)
    assert (await ann.holds("A-1")).cart.reference == on_its_way.reference


async def test_a_hold_on_its_way_stays_noted_when_its_cart_is_put_right(world: World) -> None:
    ann, index = world.buyer("ann"), world.main.index
    held = await ann.holds("A-1")
    await index.write("ann", put=[(held.hold.id, OPEN.reference, "hall")], cart=OPEN)
    await index.join("ann", "h1", "hall", OPEN, lasts_ms=1000)
    assert (await ann.holds("A-2")).cart.reference == held.cart.reference
    assert "h1" in {entry.hold for entry in (await index.read("ann")).entries}


async def test_a_crash_before_the_index_is_repaired_heals(two: World) -> None:
    """The resource's holds decide: a cart whose index names another reference is found all the same."""
    ann = two.buyer("ann")
    await ann.holds("A-1")
    two.time_passes(901)
    write = two.main.index.write

    async def crash(*_: object, **__: object) -> None:
        raise Unavailable

    two.main.index.write = crash  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await ann.holds("A-2")
    two.main.index.write = write  # type: ignore[method-assign]
    third = await ann.holds("C-1", hall="other")
    cart = await ann.cart()
    assert cart is not None
    assert {hold.reference for hold in cart.holds} == {third.cart.reference}
    assert len(cart.holds) == 2


async def test_what_ended_is_told_until_a_new_cart_is_opened(world: World) -> None:
    ann = world.buyer("ann")
    first = await ann.holds("A-1")
    second = await ann.holds("A-2")
    await ann.releases(second)
    assert await world.main.ended("ann") == []
    world.time_passes(901)
    assert [hold.id for hold in await world.main.ended("ann")] == [first.hold.id]
    assert (await world.main.ended("ann"))[0].status == "expired"
    await world.main.expire()
    assert [hold.status for hold in await world.main.ended("ann")] == ["expired"]
    assert (await world.main.expire()) == []
    await ann.holds("A-3")
    assert await world.main.ended("ann") == []


async def test_the_buyer_takes_note_of_what_ended_by_releasing_it(world: World) -> None:
    ann = world.buyer("ann")
    held = await ann.holds("A-1")
    world.time_passes(901)
    await world.main.expire()
    assert (await ann.releases(held)).status == "expired"
    assert await world.main.ended("ann") == []


async def test_an_expired_cart_is_put_aside_by_releasing_all(world: World) -> None:
    ann = world.buyer("ann")
    await ann.holds("A-1")
    world.time_passes(901)
    await ann.releases_all()
    assert await world.main.ended("ann") == []


async def test_references_are_of_letters_that_nobody_misreads(world: World) -> None:
    cart = (await world.buyer("ann").holds("A-1")).cart
    assert isinstance(cart, Cart)
    assert len(cart.reference) == 13
    assert not set(cart.reference[3:]) & set("ILOU")
