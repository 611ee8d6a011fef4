"""What a buyer may say of a booking later on: who comes, what they wish, and where they are."""

import math
from typing import Any

import msgspec
import pytest

from server.accounts.rules import Caller
from server.bookings.details import Attendee, BookingPatch, DriverLocation
from server.bookings.views import booking_view
from server.errors import Conflict, InvalidFields, NotFound
from tests.payments.house import FORM, Buyer, House

OWNER = Caller(session="", user="owner")
HERE = DriverLocation(latitude=51.5, longitude=-0.12, accuracy=20)
SHOWN = {"latitude": 51.5, "longitude": -0.12, "accuracy": 20}


async def _booked(house: House, **form: Any) -> Buyer:
    ann = house.buyer("ann")
    await ann.holds("A-1", "A-2")
    await ann.books(msgspec.structs.replace(FORM, **form))
    await ann.pays()
    return ann


async def _patches(ann: Buyer, **patch: Any) -> dict[str, Any]:
    booking = await ann.office.bookings.patch(ann.caller, str(ann.own.id), BookingPatch(**patch))
    return booking_view(booking)


async def test_attendees_and_requests_are_changed_one_by_one(house: House) -> None:
    ann = await _booked(house, special_requests="a ramp")
    view = await _patches(ann, attendees=("Ann", Attendee(name="Ben", email="ben@example.com")))
    assert view["attendees"] == ({"name": "Ann"}, {"name": "Ben", "email": "ben@example.com"})
    assert view["special_requests"] == "a ramp"
    assert (await _patches(ann, special_requests=None))["special_requests"] == ""
    assert (await _patches(ann, attendees=()))["attendees"] == ()
    told = await house.value("select count(*) from outbox where kind = 'booking_changed'")
    assert told == 3


async def test_the_same_again_changes_and_tells_nothing(house: House) -> None:
    ann = await _booked(house)
    for _ in range(2):
        await _patches(ann, special_requests="a ramp", driver_location=HERE)
    version = (await ann.sees()).version
    await _patches(ann, special_requests="a ramp", driver_location=HERE)
    assert (await ann.sees()).version == version
    assert await house.value("select count(*) from outbox where kind = 'booking_changed'") == 1


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"attendees": ("Ann", "Ben", "Cleo")}, "attendees"),
        ({"attendees": ("",)}, "attendees.0"),
        ({"special_requests": "x" * 2001}, "special_requests"),
        ({"driver_location": DriverLocation(latitude=91, longitude=0)}, "driver_location.latitude"),
        (
            {"driver_location": DriverLocation(latitude=0, longitude=math.nan)},
            "driver_location.longitude",
        ),
        (
            {"driver_location": DriverLocation(latitude=0, longitude=0, accuracy=-1)},
            "driver_location.accuracy",
        ),
        (
            {"driver_location": DriverLocation(latitude=0, longitude=0, accuracy=math.inf)},
            "driver_location.accuracy",
        ),
        ({"driver_location": ""}, "driver_location"),
    ],
)
async def test_what_does_not_hold_is_named_and_changes_nothing(
    house: House, patch: dict[str, Any], field: str
) -> None:
    ann = await _booked(house)
    before = await ann.sees()
    with pytest.raises(InvalidFields) as refusal:
        await _patches(ann, **patch)
    assert [error.field for error in refusal.value.errors or ()] == [field]
    assert (await ann.sees()).version == before.version


async def test_only_its_buyer_may(house: House) -> None:
    ann = await _booked(house)
    for caller in (OWNER, Caller(session="session-ben"), Caller(session="", user="ann")):
        with pytest.raises(NotFound):
            await house.office.bookings.patch(caller, str(ann.own.id), BookingPatch(special_requests="x"))


async def test_where_a_driver_is_goes_to_buyer_and_owner_and_into_no_notice(house: House) -> None:
    ann = await _booked(house)
    written = "select count(*) from outbox"
    before = await house.value(written)
    assert (await _patches(ann, driver_location=HERE))["driver_location"] == SHOWN
    for caller in (ann.caller, OWNER):
        found = await house.office.bookings.find(caller, str(ann.own.id))
        assert booking_view(found)["driver_location"] == SHOWN
    with pytest.raises(NotFound):
        await house.office.bookings.find(Caller(session="session-ben"), str(ann.own.id))
    assert await house.value(written) == before
    await _patches(ann, driver_location=HERE, special_requests="soon there")
    assert await house.value("select count(*) from outbox where facts::text ~ '51.5|latitude'") == 0
    assert (await _patches(ann, driver_location=None))["driver_location"] is None


@pytest.mark.parametrize("ends", ["cancelled", "completed"])
async def test_where_a_driver_was_is_gone_once_it_is_over(house: House, ends: str) -> None:
    ann = await _booked(house, driver_location=HERE)
    assert (await ann.sees()).driver_location == SHOWN
    if ends == "cancelled":
        await ann.cancels()
    else:
        await house.execute("update booking set ends_at = now() - interval '1 second'")
        await house.office.loops_run(1)
    assert (await ann.sees()).status == ends
    assert await house.value("select driver_location from booking") is None
    with pytest.raises(Conflict, match=ends):
        await _patches(ann, driver_location=HERE)
