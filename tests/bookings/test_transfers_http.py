"""Handing a booking on over HTTP, answered as the document says."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import msgspec
import pytest

from server.inventory.rules import ResourceDraft, SlotDraft
from server.settings import Settings
from server.specification.answers import LastTransfer, TransferAndBooking, TransferAnswer, Transfers
from tests.payments.test_http import Visitor
from tests.support.door import JWT_SECRET, jwt_of
from tests.support.house import House


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With users."""
    return replace(settings, jwt_secret=JWT_SECRET)


@pytest.fixture
async def client(holdfast: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a house with two free places."""
    await holdfast.parts.inventory.create(
        ResourceDraft(
            id="hall",
            kind="seats",
            title="Hall",
            owner="olga",
            time_zone="Europe/Berlin",
            currency="eur",
            slots=tuple(SlotDraft(id=slot, label=slot, price=0) for slot in ("A-1", "A-2")),
        )
    )
    async with httpx.AsyncClient(base_url=holdfast.base_url) as made:
        yield made


async def test_a_booking_goes_from_one_user_to_the_other(client: httpx.AsyncClient) -> None:
    ann, ben = await Visitor.comes(client, jwt_of("ann")), await Visitor.comes(client, jwt_of("ben"))
    booking, _ = await ann.books("A-1")
    path = f"/api/bookings/{booking['id']}/transfer"
    assert msgspec.convert((await ann.asks("GET", path)).json(), LastTransfer).transfer is None

    offered = await ann.asks("POST", path, {}, **{"Idempotency-Key": "once"})
    assert offered.status_code == 201, offered.text
    assert (await ann.asks("POST", path, {}, **{"Idempotency-Key": "once"})).text == offered.text
    transfer = msgspec.convert(offered.json(), TransferAnswer).transfer
    assert str(transfer.url).partition("#")[2] == transfer.token
    assert "token" not in (await ann.asks("GET", path)).json()["transfer"]

    link = f"/api/transfers/{transfer.token}"
    seen = await client.get(link)
    told = msgspec.convert(seen.json(), TransferAndBooking)
    assert [item.slot for item in told.booking.items] == ["A-1"]
    assert "ann" not in seen.text.lower()

    anonymous = await Visitor.comes(client)
    assert (await anonymous.asks("POST", f"{link}/accept", {})).status_code == 401
    taken = await ben.asks("POST", f"{link}/accept", {})
    assert taken.status_code == 200, taken.text
    assert taken.json()["booking"]["id"] == booking["id"]
    assert (await ann.asks("GET", f"/api/bookings/{booking['id']}")).status_code == 404
    assert [each["id"] for each in (await ben.asks("GET", "/api/bookings")).json()["items"]] == [
        booking["id"]
    ]


async def test_by_name_it_is_found_accepted_or_taken_back(client: httpx.AsyncClient) -> None:
    ann, ben = await Visitor.comes(client, jwt_of("ann")), await Visitor.comes(client, jwt_of("ben"))
    booking, _ = await ann.books("A-1")
    path = f"/api/bookings/{booking['id']}/transfer"
    await ann.asks("POST", path, {"user": "ben"})
    offers = await ben.asks("GET", "/api/transfers")
    (found,) = msgspec.convert(offers.json(), Transfers).items
    assert (await ann.asks("DELETE", path)).status_code == 204
    refused = await ben.asks("POST", f"/api/transfers/{found.transfer.id}/accept", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


async def test_what_is_not_there_looks_like_what_is_not_ones_own(client: httpx.AsyncClient) -> None:
    ann, ben = await Visitor.comes(client, jwt_of("ann")), await Visitor.comes(client, jwt_of("ben"))
    booking, _ = await ann.books("A-1")
    named = (await ann.asks("POST", f"/api/bookings/{booking['id']}/transfer", {"user": "cem"})).json()
    answers: list[Any] = [
        await ben.asks("POST", f"/api/transfers/{token}/accept", {})
        for token in (named["transfer"]["token"], named["transfer"]["id"], "nothing", "%00", "'--")
    ]
    answers += [await ben.asks("GET", f"/api/bookings/{booking['id']}/transfer")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
