"""Moving a range of time: what both have is kept, the rest is had before the old is free."""

from typing import Any

import pytest
from redis.asyncio import Redis

from server.bookings.changes import ChangeRequest
from server.bookings.rules import Booking
from server.bookings.views import booking_view
from server.errors import InvalidRange, SlotTaken
from server.holds.rules import HoldRequest
from server.inventory.rules import HoldPolicy, ResourceDraft
from server.ops.auditor import audit
from server.payments.rules import Payment
from tests.bookings.driveways import DRIVEWAY, HOURLY, OWNER, at, rules
from tests.payments.house import FORM, Buyer, House


@pytest.fixture
async def street(house: House) -> House:
    """A driveway with half an hour of nothing after each booking, and a car park for two."""
    for name, grid in ((DRIVEWAY, rules(buffer_minutes=30)), ("park", rules(capacity=2))):
        draft = ResourceDraft(
            id=name,
            kind="grid",
            title=name,
            owner=OWNER,
            time_zone="UTC",
            currency="gbp",
            policy=HoldPolicy(),
            grid=grid,
        )
        await house.office.inventory.create(draft)
    return house


async def _sold(street: House, name: str, start: str, end: str, resource: str = DRIVEWAY) -> Buyer:
    ann = street.buyer(name)
    request = HoldRequest(resource=resource, range=(at(start), at(end)))
    await street.office.holds.hold(ann.caller, request, op=None, connected=False)
    await ann.books(FORM)
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    return ann


async def _moves(ann: Buyer, start: str, end: str) -> tuple[Booking, Payment | None]:
    wanted = ChangeRequest(range=(at(start), at(end)))
    return await ann.office.payments.changes.change(ann.caller, str(ann.own.id), wanted)


async def _pays(ann: Buyer, payment: Payment | None) -> None:
    assert payment is not None
    await ann.office.payments.act(ann.caller, str(payment.id), "succeed", delay_ms=0, twice=False)
    await ann.office.money_moves()
    await ann.office.payments.changes.worker._work()


async def _taken(street: House, resource: str = DRIVEWAY) -> list[str]:
    """The first and the last step that are taken, and how many are."""
    async with street.database.connection() as connection:
        rows = await connection.fetch(
            "select id from slot where resource_id = $1 and taken > 0 order by index", resource
        )
    names = [row["id"][11:16] for row in rows]
    return [names[0], names[-1], str(len(names))] if names else []


async def _ranges(street: House) -> list[tuple[str, str]]:
    async with street.database.connection() as connection:
        rows = await connection.fetch(
            """
            select to_char(lower(during) at time zone 'UTC', 'HH24:MI') as start,
              to_char(upper(during) at time zone 'UTC', 'HH24:MI') as until from booking_range order by 1, 2
            """
        )
    return [(row["start"], row["until"]) for row in rows]


async def _is_whole(street: House, redis: Redis, resource: str = DRIVEWAY) -> None:
    await street.office.loops_run(1)
    await street.is_whole(resources=[resource])
    assert await audit(street.database, redis, settle_seconds=0) == []


def _item(booking: Booking) -> dict[str, Any]:
    (item,) = booking_view(booking)["items"]
    return dict(item)


async def test_half_an_hour_later_at_the_same_price(street: House, redis: Redis) -> None:
    ann = await _sold(street, "ann", "09:00", "12:00")
    changed, payment = await _moves(ann, "09:30", "12:30")
    assert payment is None
    item = _item(changed)
    assert (item["slot"], item["range"]) == (at("09:30")[:-5] + "Z", (at("09:30"), at("12:30")))
    assert item["price"]["amount"] == 3 * HOURLY
    assert "09:30" in item["label"]
    assert await _taken(street) == ["09:30", "12:45", "14"]  # the half hour after it with it
    assert await _ranges(street) == [("09:30", "12:30")]
    assert changed.starts_at is not None
    assert changed.ends_at is not None
    assert (changed.ends_at - changed.starts_at) == 3 * 3_600_000
    back, _ = await _moves(ann, "08:00", "11:00")
    assert (await _taken(street), back.starts_at) == (["08:00", "11:15", "14"], changed.starts_at - 5_400_000)
    await _is_whole(street, redis)


async def test_longer_on_both_sides_is_paid_first(street: House, redis: Redis) -> None:
    ann = await _sold(street, "ann", "10:00", "12:00")
    standing, payment = await _moves(ann, "09:00", "13:00")
    assert payment is not None
    assert payment.amount == 2 * HOURLY
    assert _item(standing)["range"] == (at("10:00"), at("12:00"))
    assert await _taken(street) == ["09:00", "13:15", "18"]
    with pytest.raises(SlotTaken):
        await _sold(street, "ben", "08:00", "09:15")
    await _is_whole(street, redis)
    await _pays(ann, payment)
    assert _item(await ann.sees())["range"] == (at("09:00"), at("13:00"))
    assert await _ranges(street) == [("09:00", "13:00")]
    await _is_whole(street, redis)


async def test_who_does_not_pay_for_longer_keeps_the_old(street: House, redis: Redis) -> None:
    ann = await _sold(street, "ann", "10:00", "12:00")
    await _moves(ann, "09:00", "13:00")
    street.clock.passes(street.settings.payment_seconds + 1)
    await street.office.loops_run()
    assert await _taken(street) == ["10:00", "12:15", "10"]
    assert await _ranges(street) == [("10:00", "12:00")]
    await _is_whole(street, redis)


async def test_shorter_gives_back_and_frees(street: House, redis: Redis) -> None:
    ann = await _sold(street, "ann", "09:00", "13:00")
    await _moves(ann, "10:00", "11:00")
    await street.office.refunds_run()
    assert await street.refunds() == [("changed", 3 * HOURLY)]
    assert await _taken(street) == ["10:00", "11:15", "6"]
    await _sold(street, "ben", "11:30", "13:00")
    await _is_whole(street, redis)


async def test_into_anothers_range_or_the_quiet_after_it_nobody_moves(street: House, redis: Redis) -> None:
    ann = await _sold(street, "ann", "09:00", "11:00")
    await _sold(street, "ben", "12:00", "14:00")
    cem = street.buyer("cem")
    held = HoldRequest(resource=DRIVEWAY, range=(at("15:00"), at("16:00")))
    await street.office.holds.hold(cem.caller, held, op=None, connected=False)
    for start, end in (("10:00", "12:15"), ("09:00", "11:45"), ("12:00", "14:00"), ("15:30", "17:30")):
        with pytest.raises(SlotTaken) as taken:
            await _moves(ann, start, end)
        assert taken.value.slots, (start, end)
    assert await _ranges(street) == [("09:00", "11:00"), ("12:00", "14:00")]
    assert _item(await ann.sees())["range"] == (at("09:00"), at("11:00"))
    await _is_whole(street, redis)


async def test_what_cannot_be_booked_cannot_be_moved_to(street: House) -> None:
    ann = await _sold(street, "ann", "09:00", "11:00")
    for start, end in (("11:00", "09:00"), ("09:07", "11:00")):
        with pytest.raises(InvalidRange):
            await _moves(ann, start, end)
    with pytest.raises(InvalidRange):
        await ann.office.payments.changes.change(
            ann.caller, str(ann.own.id), ChangeRequest(items=(("x", 1),))
        )


async def test_in_a_car_park_each_step_is_counted(street: House, redis: Redis) -> None:
    ann = await _sold(street, "ann", "09:00", "11:00", "park")
    await _sold(street, "ben", "10:00", "12:00", "park")
    await _moves(ann, "10:00", "12:00")
    with pytest.raises(SlotTaken):
        await _sold(street, "cem", "11:45", "13:00", "park")
    await _sold(street, "dan", "09:00", "10:00", "park")
    await _is_whole(street, redis, "park")


async def test_a_moved_range_is_cancelled_as_a_whole(street: House, redis: Redis) -> None:
    ann = await _sold(street, "ann", "09:00", "11:00")
    _, payment = await _moves(ann, "10:00", "13:00")
    await _pays(ann, payment)
    await ann.cancels()
    await street.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert (await _taken(street), await _ranges(street)) == ([], [])
    await _is_whole(street, redis)
