"""Redis follows PostgreSQL, whatever happens in between."""

import asyncio

import msgspec
import pytest

from server.bookings.announcer import CHANNEL, read_event
from server.bookings.booked import PostgresBooked
from server.bookings.rules import Booking
from server.errors import Overloaded, Unavailable, UnknownResource
from server.holds import loading
from server.holds.store import Outdated
from tests.payments.between import around
from tests.payments.house import HALL, House


async def test_listeners_hear_of_every_change(house: House) -> None:
    async with house.redis.pubsub() as listener:
        await listener.subscribe(CHANNEL)
        await listener.get_message(timeout=30)
        ann = house.buyer("ann")
        await ann.holds("A-1")
        await ann.books()
        await ann.pays()
        heard = []
        while message := await listener.get_message(ignore_subscribe_messages=True, timeout=0.2):
            heard.append(read_event(message["data"]))
    assert {event.session for event in heard} == {ann.caller.session}
    states = [(event.booking["status"], event.booking["payment_status"]) for event in heard]
    assert states[0] == ("pending", "pending")
    assert states[-1] == ("confirmed", "paid")
    assert heard[-1].booking["id"] == str(ann.own.id)
    assert heard[-1].booking["expires_at"] == ann.own.expires_at
    assert msgspec.json.encode(heard[-1])


async def test_with_redis_at_another_epoch_nothing_is_applied_until_it_is_rebuilt(house: House) -> None:
    """A rebuild that was cut short after PostgreSQL's half."""
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await PostgresBooked(house.database).bump_epoch_and_read(HALL)
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    assert await house.booked_and_free("A-1") == (1, 0)
    for _ in range(3):
        house.clock.passes(2)
        await house.office.loops_run(1)
    assert await house.value("select epoch from resource") == await house.office.holds.epoch(HALL)
    assert await house.value("select count(*) from booking where applied_version < version") == 0
    await house.is_whole()


async def test_a_retake_waits_for_a_rebuild(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("succeed", delay=3_000)
    await house.expires(ann)
    house.clock.passes(3_000)
    await PostgresBooked(house.database).bump_epoch_and_read(HALL)
    await house.office.money_moves()
    for _ in range(4):
        house.clock.passes(5)
        await house.office.loops_run(1)
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_rebuilds_in_the_middle_of_everything_change_nothing(house: House) -> None:
    names = [f"R-{number}" for number in range(24)]
    await house.sells(names, resource="rebuilt")
    stop = asyncio.Event()

    async def rebuild() -> None:
        while not stop.is_set():
            try:
                await house.office.holds.load("rebuilt")
            except Unavailable:
                continue

    async def buy(slot: str) -> None:
        ann = house.buyer(slot)
        for _ in range(20):
            try:
                await ann.holds(slot, resource="rebuilt")
                await ann.books()
                await ann.acts("succeed")
            except Unavailable:
                continue
            else:
                break

    rebuilding = asyncio.create_task(rebuild())
    for start in range(0, len(names), 4):
        await asyncio.gather(*(buy(slot) for slot in names[start : start + 4]))
        await house.office.loops_run(1)
    stop.set()
    await rebuilding
    for _ in range(3):
        house.clock.passes(20)
        await house.office.loops_run()
    assert await house.value("select count(*) from booking where status = 'confirmed'") == len(names)
    await house.is_whole(resources=["rebuilt"])


async def test_a_resource_that_is_being_rebuilt_keeps_no_other_waiting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process died in the middle of rebuilding one: only its own bookings wait for the lease to run out."""
    monkeypatch.setattr(loading, "PATIENCE_SECONDS", 3_600.0)  # whoever waited for it would wait for ever
    await house.sells(resource="other")
    await house.office.hears_nothing()
    buyers = [house.buyer(name) for name in ("ann", "ben", "cem", "dia")]
    for buyer, slot in zip(buyers, ("A-1", "A-2", "A-3", "A-4"), strict=True):
        await buyer.holds(slot, resource=HALL if buyer in buyers[:2] else "other")
        await buyer.books()
        await buyer.acts("succeed")
    lease = f"{{{HALL}}}:loading"
    await house.redis.set(lease, "of one who died")
    settling = [asyncio.create_task(house.office.payments.settle(each.attempt.id)) for each in buyers]
    async with asyncio.timeout(60):
        await asyncio.gather(*settling)
    sold = [await buyer.sees() for buyer in buyers]
    assert [booking.status for booking in sold] == ["confirmed"] * 4
    assert [booking.applied_version == booking.version for booking in sold] == [False, False, True, True]
    await house.redis.delete(lease)
    house.clock.passes(2)
    await house.office.loops_run(1)
    assert await house.value("select count(*) from booking where applied_version < version") == 0
    await house.is_whole(resources=[HALL, "other"])


async def test_what_stands_in_redis_under_an_older_layout_is_built_anew(house: House) -> None:
    """Its epoch is right all the while, and nobody else may be at it."""
    holds = house.office.bookings._applier._holds
    confirm, load, built = holds.confirm, holds.load, []

    async def is_outdated(*_: object) -> None:
        raise Outdated(HALL, 2)

    async def builds(resource: str) -> None:
        await load(resource)
        built.append(resource)
        holds.confirm = confirm  # type: ignore[method-assign]  # as it is once it is built

    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    holds.confirm, holds.load = is_outdated, builds  # type: ignore[method-assign,assignment]  # an owner's change
    await ann.pays()
    assert (await ann.status(), built) == (("confirmed", "paid"), [HALL])
    house.clock.passes(2)
    await house.office.loops_run(1)
    assert await house.value("select count(*) from booking where applied_version < version") == 0
    await house.is_whole()


async def test_a_redis_with_too_much_to_do_stops_no_payment_on_its_way(house: House) -> None:
    applier = house.office.bookings._applier
    announce = applier._announce

    async def refuses(_booking: object) -> None:
        raise Overloaded(retry_after=1)

    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    applier._announce = refuses
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    assert await ann.paid() == "paid"
    assert await house.value("select count(*) from booking where applied_version < version") == 1
    applier._announce = announce
    house.clock.passes(2)
    await house.office.loops_run(1)
    assert await house.value("select count(*) from booking where applied_version < version") == 0
    await house.is_whole()


async def test_one_booking_that_can_not_be_applied_does_not_keep_the_others_waiting(house: House) -> None:
    ann, ben = house.buyer("ann"), house.buyer("ben")
    for buyer, slot in ((ann, "A-1"), (ben, "A-2")):
        await buyer.holds(slot)
        await buyer.books()
    await house.execute("update booking set version = version + 1")
    announce = house.office.bookings._applier._announce

    async def fails(booking: object) -> None:
        if getattr(booking, "id", None) == ann.own.id:
            raise ValueError("a bug")
        await announce(booking)  # type: ignore[arg-type]  # passed on

    house.office.bookings._applier._announce = fails
    house.clock.passes(2)
    await house.office.loops_run(1)
    assert (await ann.sees()).applied_version < (await ann.sees()).version
    assert (await ben.sees()).applied_version == (await ben.sees()).version


async def test_a_whole_batch_that_can_not_be_applied_does_not_keep_the_others_waiting(house: House) -> None:
    buyers = [house.buyer(name) for name in ("ann", "ben", "cem")]
    for buyer, slot in zip(buyers, ("A-1", "A-2", "A-3"), strict=True):
        await buyer.holds(slot)
        await buyer.books()
    await house.execute("update booking set version = version + 1")
    applier = house.office.bookings._applier
    applier._backlog.batch = 2
    announce, broken = applier._announce, {buyer.own.id for buyer in buyers[:2]}

    async def fails(booking: Booking) -> None:
        if booking.id in broken:
            raise ValueError("a bug")
        await announce(booking)

    async def unapplied() -> object:
        return await house.value("select count(*) from booking where applied_version < version")

    applier._announce = fails
    house.clock.passes(2)
    for left in (3, 2):
        await applier.work()
        assert await unapplied() == left
    broken.clear()
    await applier.work()
    assert await unapplied() == 0


@pytest.mark.parametrize("heard", [False, True])
async def test_of_what_was_deleted_redis_is_told_nothing_more(house: House, *, heard: bool) -> None:
    """A booking was given up while Redis was away; all its places free, its hall could be deleted."""
    await house.sells(["B-1"], resource="other")
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.holds("B-1", resource="other")
    await ann.books()

    async def is_away() -> None:
        raise Unavailable("Redis does not answer")

    ann.office = house.opens_office(around("holds", "return_to_cart", before=is_away))
    await ann.cancels()
    await house.office.inventory.delete(HALL)
    if heard:
        await house.office.holds.store.forget(HALL)
    for _ in range(3):
        house.clock.passes(2)
        await house.office.loops_run(1)
    assert await house.value("select count(*) from booking where applied_version < version") == 0
    cart = await ann.cart()
    assert cart is not None
    assert [hold.resource for hold in cart.holds] == ["other"]
    await house.is_whole(resources=["other"])


async def test_what_was_deleted_while_it_was_booked_is_not_booked(house: House) -> None:
    """Another process deletes it behind the reading of the cart; this one knows it from a moment ago."""
    office = house.opens_office(around("holds", "cart_to_book", after=lambda: _deletes(house)))
    ann = house.buyer("ann", office)
    await ann.holds("A-1")
    with pytest.raises(Unavailable):
        await ann.books()
    for _ in range(2):
        house.clock.passes(2)
        await house.office.loops_run(1)
    assert await house.value("select status || ' ' || cancel_reason from booking") == "cancelled hold_expired"
    assert await house.value("select count(*) from booking where applied_version < version") == 0
    await house.is_whole(resources=())


async def _deletes(house: House) -> None:
    await house.office.inventory.delete(HALL)
    await house.office.holds.store.forget(HALL)


async def test_a_resource_that_is_gone_has_nothing_to_be_built_from(house: House) -> None:
    with pytest.raises(UnknownResource):
        await PostgresBooked(house.database).bump_epoch_and_read("nothing")
