"""Changing a booking over HTTP, answered as the document says."""

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from server.inventory.rules import ResourceDraft, SlotDraft
from server.specification.answers import ChangedBooking
from tests.payments.test_http import Visitor
from tests.support.house import House

PRICE = 2_500


@pytest.fixture
async def client(holdfast: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a house with three places."""
    await holdfast.parts.inventory.create(
        ResourceDraft(
            id="hall",
            kind="seats",
            title="Hall",
            owner="olga",
            time_zone="Europe/Berlin",
            currency="eur",
            slots=tuple(SlotDraft(id=slot, label=slot, price=PRICE) for slot in ("A-1", "A-2", "A-3")),
        )
    )
    async with httpx.AsyncClient(base_url=holdfast.base_url) as made:
        yield made


async def test_a_booking_is_changed_and_what_is_more_is_paid(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    booking, payment = await ann.books("A-1")
    await ann.pays(payment)
    await ann.sees(booking, status="confirmed", payment_status="paid")
    path = f"/api/bookings/{booking['id']}"

    moved = await ann.asks("PATCH", path, {"items": [["A-2", 1]]})
    assert moved.status_code == 200, moved.text
    told = msgspec.convert(moved.json(), ChangedBooking)
    assert ([item.slot for item in told.booking.items], told.payment) == (["A-2"], None)

    key = {"Idempotency-Key": "once"}
    asked = await ann.asks("PATCH", path, {"items": [["A-2", 1], ["A-3", 1]]}, **key)
    assert (await ann.asks("PATCH", path, {"items": [["A-2", 1], ["A-3", 1]]}, **key)).text == asked.text
    told = msgspec.convert(asked.json(), ChangedBooking)
    assert isinstance(told.payment, msgspec.Struct)
    assert told.booking.change == told.payment.booking
    listed = (await ann.asks("GET", "/api/bookings")).json()["items"]
    assert [each["id"] for each in listed] == [booking["id"]]
    extra = (await ann.asks("GET", f"/api/bookings/{told.booking.change}")).json()["booking"]
    assert (extra["change_of"], extra["total"]["amount"]) == (booking["id"], PRICE)

    await ann.pays(asked.json()["payment"])
    changed = await ann.sees(
        booking, change=None, payment_status="paid", total={"amount": 2 * PRICE, "currency": "eur"}
    )
    assert [item["slot"] for item in changed["items"]] == ["A-2", "A-3"]


async def test_what_is_asked_wrongly_says_why(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    booking, payment = await ann.books("A-1")
    path = f"/api/bookings/{booking['id']}"
    early = await ann.asks("PATCH", path, {"items": [["A-2", 1]]})
    assert (early.status_code, early.json()["code"]) == (409, "conflict")
    await ann.pays(payment)
    await ann.sees(booking, status="confirmed", payment_status="paid")
    both = await ann.asks("PATCH", path, {"items": [["A-2", 1]], "special_requests": "wide"})
    assert (both.status_code, [error["field"] for error in both.json()["errors"]]) == (
        422,
        ["special_requests"],
    )
    stranger = await Visitor.comes(client)
    assert (await stranger.asks("PATCH", path, {"items": [["A-2", 1]]})).status_code == 404
    await stranger.holds("A-2")
    taken = await ann.asks("PATCH", path, {"items": [["A-2", 1]]})
    assert (taken.status_code, taken.json()["code"], taken.json()["slots"]) == (409, "slot_taken", ["A-2"])
