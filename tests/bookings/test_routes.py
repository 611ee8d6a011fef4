"""Driveways booked, changed, listed and cancelled over HTTP, and heard of over sockets."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from server.inventory.rules import HoldPolicy, RefundTier, ResourceDraft
from server.settings import Settings
from tests.bookings.driveways import DRIVEWAY, HOURLY, OWNER, at, rules
from tests.payments.test_http import FORM, Visitor
from tests.support.door import JWT_SECRET, jwt_of
from tests.support.house import House

HALF = (RefundTier(hours=1_000, percent=100), RefundTier(hours=1, percent=50))
HERE = {"latitude": 51.5, "longitude": -0.12, "accuracy": 20.0}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With users."""
    return replace(settings, jwt_secret=JWT_SECRET)


@pytest.fixture
async def client(holdfast: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a house with one driveway, of which half of the money stays if one cancels."""
    await holdfast.parts.inventory.create(
        ResourceDraft(
            id=DRIVEWAY,
            kind="grid",
            title="Driveway",
            owner=OWNER,
            time_zone="UTC",
            currency="gbp",
            policy=HoldPolicy(refund=HALF),
            grid=rules(buffer_minutes=15),
        )
    )
    async with httpx.AsyncClient(base_url=holdfast.base_url) as made:
        yield made


async def _holds(visitor: Visitor, start: str, end: str) -> None:
    content = {"resource": DRIVEWAY, "range": [at(start), at(end)]}
    answer = await visitor.asks("POST", "/api/holds", content)
    assert answer.status_code == 201, answer.text


async def _sold(visitor: Visitor, start: str = "09:00", end: str = "10:00") -> dict[str, Any]:
    await _holds(visitor, start, end)
    answer = await visitor.asks("POST", "/api/bookings", FORM)
    assert answer.status_code == 201, answer.text
    await visitor.pays(answer.json()["payment"])
    return await visitor.sees(answer.json()["booking"], status="confirmed", payment_status="paid")


async def test_a_range_is_one_item_wherever_it_is_shown(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    await _holds(ann, "09:00", "17:00")
    validated = (await ann.asks("POST", "/api/bookings/validate", FORM)).json()
    quoted = (await ann.asks("GET", "/api/cart/quote")).json()["quote"]
    booked = (await ann.asks("POST", "/api/bookings", FORM)).json()["booking"]
    for shown in (validated, quoted, booked):
        (item,) = shown["items"]
        assert item["range"] == [at("09:00"), at("17:00")]
        assert item["price"] == shown["total"] == {"amount": 8 * HOURLY, "currency": "gbp"}
        assert item["label"].endswith("17:00")
    assert (booked["starts_at"], booked["ends_at"]) == (at("09:00"), at("17:00"))


async def test_lists_are_narrowed_by_the_query(client: httpx.AsyncClient) -> None:
    ann, olga = await Visitor.comes(client), await Visitor.comes(client, jwt_of(OWNER, roles=["owner"]))
    booking = await _sold(ann)
    day = at("00:00")[:10]
    for query, found in (
        ("role=owner&status=confirmed&payment_status=paid", True),
        (f"from={day}&to={day}&resource={DRIVEWAY}", True),
        (f"q={booking['reference'].lower()}", True),
        ("role=buyer", False),
        ("status=pending,cancelled,completed", False),
        (f"from={at('10:00')}", False),
        ("q=nobody", False),
    ):
        listed = (await olga.asks("GET", f"/api/bookings?{query}")).json()["items"]
        assert [each["id"] for each in listed] == ([booking["id"]] if found else []), query
    for query in ("status=open", "role=operator", "from=soon", "limit=-1", "q=%00"):
        assert (await olga.asks("GET", f"/api/bookings?{query}")).status_code == 400, query


async def test_what_goes_back_is_shown_and_then_goes_back(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    booking = await _sold(ann)
    terms = (await ann.asks("GET", f"/api/bookings/{booking['id']}/cancellation")).json()
    assert terms == {
        "refund": {"amount": HOURLY // 2, "currency": "gbp"},
        "percent": 50,
        "until": at("08:00"),
    }
    cancelled = (await ann.asks("DELETE", f"/api/bookings/{booking['id']}")).json()["booking"]
    assert (cancelled["status"], cancelled["cancel_reason"]) == ("cancelled", "by_buyer")
    found = await ann.sees(booking, payment_status="partially_refunded")
    assert found["refunded"] == terms["refund"]
    again = await ann.asks("PUT", f"/api/bookings/{booking['id']}/cancel", {})
    assert (again.status_code, again.json()["booking"]["cancel_reason"]) == (200, "by_buyer")
    over = await ann.asks("GET", f"/api/bookings/{booking['id']}/cancellation")
    assert (over.status_code, over.json()["code"]) == (409, "conflict")
    ben = await Visitor.comes(client)
    await _holds(ben, "09:30", "10:30")


async def test_the_owner_who_cancels_gives_all_of_it_back(client: httpx.AsyncClient) -> None:
    ann, olga = await Visitor.comes(client), await Visitor.comes(client, jwt_of(OWNER, roles=["owner"]))
    booking = await _sold(ann)
    terms = (await olga.asks("GET", f"/api/bookings/{booking['id']}/cancellation")).json()
    assert (terms["percent"], terms["until"]) == (100, None)
    cancelled = await olga.asks("PUT", f"/api/bookings/{booking['id']}/cancel", {})
    assert cancelled.json()["booking"]["cancel_reason"] == "by_owner"
    await ann.sees(booking, status="cancelled", payment_status="refunded")


async def test_a_drivers_place_is_heard_by_buyer_and_owner_alone(
    client: httpx.AsyncClient, holdfast: House
) -> None:
    ann, ben = await Visitor.comes(client), await Visitor.comes(client)
    booking = await _sold(ann)
    owner = jwt_of(OWNER, roles=["owner"])
    olga = await Visitor.comes(client, owner)
    tokens = {
        "ann": {"token": ann.headers["Authorization"][7:]},
        "ben": {"token": ben.headers["Authorization"][7:]},
        "olga": {"token": owner, "session": olga.headers["Holdfast-Session"]},
    }
    sockets = {name: await _listens(holdfast, fields) for name, fields in tokens.items()}
    patch = {"driver_location": HERE}
    answer = await ann.asks("PATCH", f"/api/bookings/{booking['id']}", patch)
    assert answer.json()["booking"]["driver_location"] == HERE
    for name in ("ann", "olga"):
        heard = await _hears(sockets[name], "booking")
        assert (heard["id"], heard["driver_location"]) == (booking["id"], HERE), name
        assert len(heard["items"]) == 1
    await sockets["ben"].send(
        json.dumps({"type": "subscribe", "ref": 1, "channel": f"availability:{DRIVEWAY}"})
    )
    missed: list[str] = []
    await _hears(sockets["ben"], "snapshot", missed)
    assert not [frame for frame in missed if "latitude" in frame]
    operator = await Visitor.comes(client, jwt_of("otto", roles=["operator"]))
    refund = await operator.asks("POST", f"/api/bookings/{booking['id']}/refunds", {"amount": 100})
    assert refund.json()["booking"]["driver_location"] is None
    for socket in sockets.values():
        await socket.close()


async def test_a_patch_that_does_not_hold_is_refused(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    await _holds(ann, "09:00", "10:00")
    booking = (await ann.asks("POST", "/api/bookings", FORM)).json()["booking"]
    patches: list[tuple[Any, int]] = [
        ({"driver_location": {"latitude": 91, "longitude": 0}}, 422),
        ({"driver_location": {"latitude": 0, "longitude": 0, "accuracy": -1}}, 422),
        ({"driver_location": {"latitude": True, "longitude": 0}}, 422),
        ({"driver_location": {"latitude": 0}}, 422),
        ({"driver_location": {"latitude": 0, "longitude": 0, "speed": 3}}, 400),
        ({"attendees": ["Ann", "Ben"]}, 422),
        ({"status": "completed"}, 400),
        ([], 400),
    ]
    for patch, status in patches:
        answer = await ann.asks("PATCH", f"/api/bookings/{booking['id']}", patch)
        assert answer.status_code == status, answer.text


async def _listens(holdfast: House, fields: dict[str, str]) -> Any:
    socket = await connect(holdfast.ws_url, subprotocols=["holdfast.v1.json"])  # type: ignore[list-item]  # a name
    await socket.send(json.dumps({"type": "hello", **fields}))
    await _hears(socket, "welcome")
    return socket


async def _hears(socket: Any, kind: str, before: list[str] | None = None) -> dict[str, Any]:
    """The next message of a kind; the frames before it are kept in `before`."""
    while True:
        frame = await socket.recv()
        message: dict[str, Any] = json.loads(frame)
        if message["type"] == kind:
            return message
        if before is not None:
            before.append(frame)
