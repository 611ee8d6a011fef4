"""Ranges of time: counted step by step, apart by a constraint, shown as one thing."""

import asyncio
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

import asyncpg
import msgspec
import pytest

from server.bookings.booked import PAST_MS, PostgresBooked
from server.bookings.pricing import Offer, filled, new_quote, priced
from server.bookings.rates import Rates
from server.bookings.rules import Line
from server.bookings.store import moment
from server.bookings.views import booking_view, item_views
from server.errors import HoldExpired, InvalidFields, SlotTaken
from server.inventory.rules import Money, Resource, ResourceDraft, Slot, SlotDraft
from tests.bookings.driveways import DRIVEWAY, Street, at, rules
from tests.payments.house import FORM, House

SPAN = "09:00–10:00"  # noqa: RUF001  # as spans are written


@pytest.fixture
def street(house: House) -> Street:
    return Street(house)


async def test_a_range_is_booked_as_its_steps_and_its_buffer_and_shown_as_one_thing(street: Street) -> None:
    await street.sells(rules(buffer_minutes=30))
    ann = street.driver("ann")
    booking = await street.books(ann, "09:00", "10:00")
    assert await street.taken() == [
        (clock, 1) for clock in ("09:00", "09:15", "09:30", "09:45", "10:00", "10:15")
    ]
    assert await street.ranges() == [(DRIVEWAY, "09:00", "10:00", True)]
    day = datetime.fromisoformat(at("09:00"))
    view = booking_view(booking)
    assert view["items"] == [
        {
            "resource": DRIVEWAY,
            "slot": at("09:00").replace(".000", ""),
            "label": f"{day:%a} {day.day} {day:%b}, {SPAN}",
            "quantity": 1,
            "price": {"amount": 400, "currency": "gbp"},
            "hold": booking.lines[0].hold,
            "range": (at("09:00"), at("10:00")),
        }
    ]
    assert view["total"] == {"amount": 400, "currency": "gbp"}
    assert (view["starts_at"], view["ends_at"]) == (at("09:00"), at("10:00"))


async def test_validating_shows_one_thing_too_before_any_step_of_it_was_ever_booked(street: Street) -> None:
    await street.sells(rules(buffer_minutes=15))
    ann = street.driver("ann")
    street.holds_for(ann, "09:00", "17:00")
    quoted, new = await street.office.bookings.validate(ann.caller, FORM)
    assert new
    (item,) = booking_view(quoted)["items"]
    assert (item["price"]["amount"], item["range"]) == (3200, (at("09:00"), at("17:00")))
    assert await street.house.value("select count(*) from slot where resource_id = $1", DRIVEWAY) == 0


async def test_a_quote_has_the_range_as_one_thing_at_what_all_of_it_comes_to(street: Street) -> None:
    await street.sells()
    ann = street.driver("ann")
    street.holds_for(ann, "09:00", "10:00")
    quoted = await street.office.bookings.quotes.present(ann.caller)
    assert quoted is not None
    (item,) = item_views(quoted.lines, "gbp")
    assert (item["price"]["amount"], item["label"].split(", ")[1]) == (400, SPAN)


async def test_no_step_of_a_range_is_sold_twice_and_nothing_of_it_is_left_behind(street: Street) -> None:
    await street.sells()
    ann, ben = street.driver("ann"), street.driver("ben")
    await street.books(ann, "09:00", "10:00")
    with pytest.raises(SlotTaken) as refusal:
        await street.books(ben, "08:00", "09:30")
    assert [slot[11:16] for slot in refusal.value.slots or ()] == ["09:00", "09:15"]
    assert street.holds.loaded == [DRIVEWAY]  # Redis should not have given it
    assert await street.ranges() == [(DRIVEWAY, "09:00", "10:00", True)]
    assert [clock for clock, _ in await street.taken()] == ["09:00", "09:15", "09:30", "09:45"]


async def test_the_buffer_after_a_booking_is_nobodys(street: Street) -> None:
    await street.sells(rules(buffer_minutes=30))
    ann, ben = street.driver("ann"), street.driver("ben")
    await street.books(ann, "09:00", "10:00")
    with pytest.raises(SlotTaken) as refusal:
        await street.books(ben, "10:15", "11:00")
    assert [slot[11:16] for slot in refusal.value.slots or ()] == ["10:15"]
    cleo = street.driver("cleo")
    await street.books(cleo, "10:30", "11:00")


async def test_the_constraint_keeps_ranges_apart_where_the_count_would_not(street: Street) -> None:
    """What the steps' rows say is wrong, as if something had counted them out twice."""
    await street.sells()
    ann, ben = street.driver("ann"), street.driver("ben")
    await street.books(ann, "09:00", "10:00")
    await street.house.execute("update slot set taken = 0")
    with pytest.raises(SlotTaken) as refusal:
        await street.books(ben, "09:30", "10:30")
    assert [slot[11:16] for slot in refusal.value.slots or ()] == ["09:30", "09:45", "10:00", "10:15"]
    assert await street.house.value("select count(*) from booking") == 1
    with pytest.raises(asyncpg.ExclusionViolationError):
        await street.house.execute(
            "insert into booking_range"
            " select booking_id, 'another', resource_id, during, true from booking_range"
        )


async def test_a_car_park_takes_as_many_as_it_has_places_and_counts_each_step(street: Street) -> None:
    await street.sells(rules(capacity=2))
    drivers = [street.driver(name) for name in ("ann", "ben", "cleo")]
    await street.books(drivers[0], "09:00", "10:00")
    await street.books(drivers[1], "09:30", "10:30")
    with pytest.raises(SlotTaken) as refusal:
        await street.books(drivers[2], "09:45", "10:15")
    assert [slot[11:16] for slot in refusal.value.slots or ()] == ["09:45"]
    assert ("09:45", 2) in await street.taken()
    assert {exclusive for *_, exclusive in await street.ranges()} == {False}


async def test_a_car_park_that_grew_or_shrank_sells_what_it_has_now(street: Street) -> None:
    await street.sells(rules(capacity=2))
    ann, ben, cleo, dan = (street.driver(name) for name in ("ann", "ben", "cleo", "dan"))
    await street.books(ann, "09:00", "10:00")
    await street.books(ben, "09:00", "10:00")
    await _has_room_for(street, 3, layout=2)
    await street.books(cleo, "09:00", "10:00")
    await _has_room_for(street, 1, layout=3)
    with pytest.raises(SlotTaken):
        await street.books(dan, "09:00", "10:00")


async def _has_room_for(street: Street, places: int, *, layout: int) -> None:
    await street.house.execute(
        "update resource set layout = $1, grid = jsonb_set(grid, '{capacity}', $2) where kind = 'grid'",
        layout,
        places,
    )
    await street.office.inventory.get(DRIVEWAY, layout)


async def test_drivers_who_race_for_overlapping_ranges_never_overlap(street: Street) -> None:
    await street.sells()
    drivers = [street.driver(f"d{number}") for number in range(12)]
    spans = [("09:00", "10:00"), ("09:30", "10:30"), ("09:45", "11:00"), ("08:30", "09:15")]
    outcomes = await asyncio.gather(
        *(street.books(driver, *spans[number % 4]) for number, driver in enumerate(drivers)),
        return_exceptions=True,
    )
    assert all(not isinstance(each, BaseException) or isinstance(each, SlotTaken) for each in outcomes)
    found = await street.ranges()
    assert found
    assert all(before[2] <= after[1] for before, after in pairwise(found))


async def test_steps_are_given_back_with_their_range_and_come_back_with_a_late_payment(
    street: Street,
) -> None:
    await street.sells()
    ann = street.driver("ann")
    await street.books(ann, "09:00", "10:00")
    await ann.acts("succeed", delay=3600)
    await street.house.expires(ann)
    assert (await ann.sees()).cancel_reason == "expired"
    assert await street.ranges() == []
    assert await street.taken() == []
    street.house.clock.passes(3600)
    await street.office.loops_run()
    assert await ann.status() == ("confirmed", "paid")
    assert await street.ranges() == [(DRIVEWAY, "09:00", "10:00", True)]
    assert len(await street.taken()) == 4


@pytest.mark.parametrize("counted", [True, False])
async def test_a_late_payment_takes_no_range_that_somebody_has_by_now(street: Street, counted: bool) -> None:
    await street.sells()
    ann, ben = street.driver("ann"), street.driver("ben")
    await street.books(ann, "09:00", "10:00")
    await ann.acts("succeed", delay=3600)
    await street.house.expires(ann)
    await street.sold(ben, "09:45", "11:00")
    if not counted:
        await street.house.execute("update slot set taken = 0")
    street.house.clock.passes(3600)
    await street.office.loops_run()
    assert await ann.status() == ("cancelled", "refunded")
    assert [span[1:3] for span in await street.ranges()] == [("09:45", "11:00")]


async def test_cancelling_a_pending_one_frees_its_range_and_its_holds_are_booked_again(
    street: Street,
) -> None:
    await street.sells()
    ann = street.driver("ann")
    await street.books(ann, "09:00", "10:00")
    await ann.cancels()
    assert await street.ranges() == []
    await ann.books(FORM)
    assert await street.ranges() == [(DRIVEWAY, "09:00", "10:00", True)]


async def test_a_lost_range_is_named_by_its_steps_without_those_after_it(street: Street) -> None:
    await street.sells(rules(buffer_minutes=30))
    ann = street.driver("ann")
    street.holds.lost = [street.holds_for(ann, "09:00", "09:30")]
    with pytest.raises(HoldExpired) as refusal:
        await ann.books(FORM)
    assert [slot[11:16] for slot in refusal.value.slots or ()] == ["09:00", "09:15"]


async def test_a_range_has_room_for_one_attendee_and_two_ranges_for_two(street: Street) -> None:
    await street.sells()
    ann = street.driver("ann")
    street.holds_for(ann, "09:00", "17:00")
    two = msgspec.structs.replace(FORM, attendees=("Ann", "Ben"))
    with pytest.raises(InvalidFields):
        await ann.books(two)
    street.holds_for(ann, "18:00", "19:00")
    await ann.books(two)
    assert len(booking_view(ann.own)["items"]) == 2


async def test_ranges_and_seats_go_together_in_one_booking(street: Street) -> None:
    await street.sells()
    await street.house.sells(["A-1"], resource="show", owner="olga")
    ann = street.driver("ann")
    hold = street.holds_for(ann, "09:00", "09:30")
    seat = msgspec.structs.replace(hold, id="seat", resource="show", range=None, items=(hold.items[0],))
    seat = msgspec.structs.replace(seat, items=(msgspec.structs.replace(hold.items[0], index=0),))
    street.holds.put(seat)
    await ann.books(FORM)
    items = booking_view(ann.own)["items"]
    assert sorted(item["resource"] for item in items) == [DRIVEWAY, "show"]
    assert ann.own.ends_at is None  # nobody says when the show is over
    assert ann.own.starts_at is not None


async def test_a_rebuild_reads_nothing_of_a_grid_that_is_long_over(street: Street) -> None:
    made = await street.sells()
    ann, ben = street.driver("ann"), street.driver("ben")
    await street.sold(ann, "09:00", "10:00")
    await street.books(ben, "09:00", "10:00", days=11)
    booked = PostgresBooked(street.house.database)
    found = await booked.bump_epoch_and_read(DRIVEWAY)
    first = street.calendars[DRIVEWAY].index_at(ann.own.starts_at or 0)
    assert found.layout == made.layout
    assert found.lines == {first + number: 1 for number in range(4)}
    assert [hold.range for hold in found.pending] == [(at("09:00", 11), at("10:00", 11))]
    assert [item.index for item in found.pending[0].items] == [first + 96 + number for number in range(4)]
    later = PostgresBooked(street.house.database, lambda: (ann.own.ends_at or 0) + PAST_MS)
    assert (await later.bump_epoch_and_read(DRIVEWAY)).lines == {}


async def test_of_what_is_long_over_a_rebuild_tells_only_what_redis_never_heard(street: Street) -> None:
    await street.sells()
    ann, ben = street.driver("ann"), street.driver("ben")
    await street.sold(ann, "09:00", "10:00")
    await street.sold(ben, "09:00", "10:00", days=20)
    later = (ann.own.ends_at or 0) + PAST_MS
    booked = PostgresBooked(street.house.database, lambda: later)
    async with street.house.database.connection() as connection:
        await connection.execute("update booking set touched_at = $1", moment(later))
        assert (await booked.bump_epoch_and_read(DRIVEWAY)).confirmed == [ben.own.lines[0].hold]
        await connection.execute("update booking_line set applied = null where booking_id = $1", ann.own.id)
    untold = (await booked.bump_epoch_and_read(DRIVEWAY)).confirmed
    assert sorted(untold) == sorted([ann.own.lines[0].hold, ben.own.lines[0].hold])


async def test_a_years_bookings_are_read_by_an_index_alone(street: Street) -> None:
    await street.sells()
    ann = street.driver("ann")
    await street.sold(ann, "09:00", "10:00")
    async with street.house.database.transaction() as connection:
        await connection.execute("set local enable_seqscan = off")
        plan = await connection.fetch(
            "explain select slot_index, sum(quantity) from booking_line where resource_id = 'driveway'"
            " and slot_index >= 1000 and state = 'confirmed' group by slot_index"
        )
    text = "\n".join(row[0] for row in plan)
    assert "booking_line_live" in text
    assert "slot_index >= 1000" in text.partition("Index Cond")[2].splitlines()[0]


async def test_when_a_show_takes_place_is_its_slots_or_its_own(house: House) -> None:
    slots = [
        SlotDraft(id=name, label=name, price=0, starts_at=start, ends_at=end)
        for name, start, end in (
            ("early", "2030-05-01T10:00:00.000Z", "2030-05-01T11:00:00.000Z"),
            ("late", "2030-05-01T14:00:00.000Z", "2030-05-01T15:00:00.000Z"),
        )
    ]
    await house.office.inventory.create(_tour(slots))
    ann = house.buyer("ann")
    await ann.holds("late", resource="tour")
    await ann.holds("early", resource="tour")
    await ann.books()
    assert (moment(ann.own.starts_at or 0).hour, moment(ann.own.ends_at or 0).hour) == (10, 15)


def _tour(slots: list[SlotDraft]) -> ResourceDraft:
    return ResourceDraft(
        id="tour",
        kind="sessions",
        title="Tour",
        owner="owner",
        time_zone="Europe/Berlin",
        currency="eur",
        slots=tuple(slots),
    )


def test_a_range_in_another_currency_comes_to_what_all_of_it_would() -> None:
    lines = [
        Line(
            position=number,
            resource=DRIVEWAY,
            index=number,
            slot="",
            label="",
            quantity=1,
            price=1 if number < 9 else 0,
            hold="h",
            range=(at("09:00"), at("09:45")),
        )
        for number in range(10)
    ]
    slot = Slot(index=0, id="s", label="", price=Money(1, "gbp"))
    park = Resource(
        id="p",
        kind="grid",
        title="",
        owner="",
        time_zone="UTC",
        currency="gbp",
        layout=1,
        epoch="",
        grid=rules(),
    )
    offers = [Offer(line=line, slot=slot, resource=park) for line in lines]
    rates = Rates(base="gbp", at=0, rates={"eur": Decimal("1.17")})
    quote = filled(new_quote("BK", "gbp", "eur", 0), offers, rates)
    prices = [line.price for line in priced(quote, offers)]
    assert (sum(prices), prices[-1]) == (11, 0)  # nine pence are 10.53 cents; one by one they would be nine
    (item,) = item_views(priced(quote, offers), "eur")
    assert item["price"]["amount"] == 11
