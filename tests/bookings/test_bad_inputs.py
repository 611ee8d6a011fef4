"""Rows 70, 79 to 83, 85 and 89 of the bad inputs: what nobody books, repeats, changes or hands on.

80, a token of an epoch that is over: a hold carries none. What Redis has lost ends as `lost`, and a cart of
which anything has ended is not booked. 82: over the socket the same `op` has the first answer and no second
effect, whatever comes with it (docs/protocol.md). 85, a hold while its payment settles: to others it is
taken, and to its own session it is no part of the cart any more. 89, an unknown user: users are whoever
signs in (docs/people.md), so nobody can be unknown; the offer waits for that name and tells nothing about it.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from server.accounts.rules import Caller
from server.bookings.changes import ChangeRequest
from server.bookings.transfers import OfferRequest, Transfers
from server.errors import Conflict
from server.inventory.rules import HoldPolicy
from server.settings import Settings
from tests.live.conftest import hall
from tests.live.driveway import at, draft
from tests.payments.bank import Bank
from tests.payments.house import House as DeskHouse
from tests.payments.test_http import FORM, Visitor
from tests.support.buyer import visiting
from tests.support.door import JWT_SECRET, jwt_of
from tests.support.house import House

BAD_KEYS = (b"", b"k" * 256, b"a\tb", b"\xc3\xa9", b"\x7f")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With users."""
    return replace(settings, jwt_secret=JWT_SECRET, rate_bookings=0, disconnect_grace_seconds=30)


@pytest.fixture
async def client(holdfast: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a house with a hall, another hall, and a driveway."""
    for resource in (hall(), hall("annexe", policy=HoldPolicy(hold_seconds=1)), draft()):
        await holdfast.parts.inventory.create(resource)
    async with httpx.AsyncClient(base_url=holdfast.base_url) as made:
        yield made


async def books(visitor: Visitor, **more: str) -> httpx.Response:
    return await visitor.asks("POST", "/api/bookings", FORM, **more)


async def has(visitor: Visitor, *slots: str) -> dict[str, Any]:
    """A confirmed and paid booking of these."""
    booking, payment = await visitor.books(*slots)
    await visitor.pays(payment)
    return await visitor.sees(booking, status="confirmed", payment_status="paid")


async def parks(visitor: Visitor, start: str, end: str) -> dict[str, Any]:
    """A confirmed and paid booking of this time, in two days."""
    wanted = {"resource": "drive", "range": [at(start, 2), at(end, 2)]}
    assert (await visitor.asks("POST", "/api/holds", wanted)).status_code == 201
    made = (await books(visitor)).json()
    await visitor.pays(made["payment"])
    return await visitor.sees(made["booking"], status="confirmed", payment_status="paid")


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_70_a_booking_is_not_changed_to_another_resources_slots(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client, jwt_of("ann"))
    booking = await has(ann, "A-1")
    path = f"/api/bookings/{booking['id']}"
    for slot in ("2026-11-21T09:00:00Z", "D-1", "*"):
        assert refused(await ann.asks("PATCH", path, {"items": [[slot, 1]]})) == (422, "unknown_slot")
    wanted = {"range": [at("09:00", 2), at("10:00", 2)]}
    assert refused(await ann.asks("PATCH", path, wanted)) == (422, "invalid_range")
    assert (await ann.sees(booking))["items"] == booking["items"]


async def test_79_a_cart_that_has_expired_is_not_booked(client: httpx.AsyncClient, holdfast: House) -> None:
    ann = await Visitor.comes(client)
    await ann.holds("A-1")
    wanted = {"resource": "annexe", "items": [["A-1", 1]]}
    assert (await ann.asks("POST", "/api/holds", wanted)).status_code == 201
    await asyncio.sleep(1.05)  # Redis has its own clock
    await holdfast.parts.holds.expire()
    over = await books(ann)
    assert refused(over) == (409, "hold_expired")
    assert set(over.json()["slots"]) == {"A-1"}
    assert (await ann.asks("GET", "/api/bookings")).json()["items"] == []


async def test_80_a_cart_that_redis_has_lost_is_not_booked(
    client: httpx.AsyncClient, holdfast: House
) -> None:
    ann = await Visitor.comes(client)
    await ann.holds("A-1")
    hold = (await ann.asks("GET", "/api/cart")).json()["cart"]["holds"][0]["id"]
    await holdfast.parts.redis.flushall()
    assert refused(await books(ann)) == (409, "conflict")
    assert (await ann.asks("DELETE", f"/api/holds/{hold}")).status_code == 404
    ben = await Visitor.comes(client)
    await ben.holds("A-1")
    assert (await books(ben)).status_code == 201


async def test_81_twice_is_once_one_after_the_other_and_at_once(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    await ann.holds("A-1")
    key = {"Idempotency-Key": "once"}
    first = await books(ann, **key)
    assert (await books(ann, **key)).text == first.text
    unnamed = await books(ann)
    assert (unnamed.status_code, unnamed.json()) == (200, first.json())

    ben = await Visitor.comes(client)
    await ben.holds("A-2", "A-3")
    answers = await asyncio.gather(*(books(ben) for _ in range(8)))
    assert sorted(each.status_code for each in answers) == [200] * 7 + [201]
    assert len({each.json()["booking"]["id"] for each in answers}) == 1
    assert len({each.json()["payment"]["id"] for each in answers}) == 1

    cem = await Visitor.comes(client)
    await cem.holds("A-4")
    answers = await asyncio.gather(*(books(cem, **key) for _ in range(8)))
    made = {each.text for each in answers if each.status_code == 201}
    late = [each for each in answers if each.status_code != 201]
    assert len(made) == 1
    assert all((refused(each), each.json()["retry_after"] > 0) == ((409, "conflict"), True) for each in late)
    assert (await books(cem, **key)).text in made


async def test_82_the_same_key_with_another_body_is_refused(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    await ann.holds("A-1")
    key = {"Idempotency-Key": "once"}
    booking = (await books(ann, **key)).json()["booking"]
    other = FORM | {"special_requests": "An aisle"}
    assert refused(await ann.asks("POST", "/api/bookings", other, **key)) == (422, "invalid_fields")
    assert (await ann.sees(booking))["special_requests"] == ""
    wanted = {"resource": "hall", "items": [["A-2", 1]]}
    assert (await ann.asks("POST", "/api/holds", wanted, **key)).status_code == 201
    wanted["items"] = [["A-3", 1]]
    assert refused(await ann.asks("POST", "/api/holds", wanted, **key)) == (422, "invalid_fields")


async def test_82_and_83_an_op_of_the_socket_is_as_strict(client: httpx.AsyncClient, holdfast: House) -> None:
    assert client.base_url
    async with visiting(holdfast.base_url, "json") as ann:
        await ann.watches("hall")
        op = "01JD0000000000000000000000"
        await ann.holds("A-1", op=op)
        other = await ann.asks_for("A-2", op=op)
        assert (other["type"], other["hold"]["items"]) == ("held", [["A-1", 1]])
        for bad in ("", "k" * 65, "01JD000000000000000000000\n", "a b", op + "é", 7):
            tab = await ann.opens_tab()  # the third of them would close it
            answer = await tab.ask("hold", resource="hall", items=[["A-2", 1]], op=bad)
            assert (answer["type"], answer["code"]) == ("error", "bad_request"), bad
        await ann.sees("A-2", available=1)


async def test_83_a_key_is_1_to_255_printable_characters(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client)
    await ann.holds("A-1")
    shown = {name.encode(): value.encode() for name, value in ann.headers.items()}
    for key in BAD_KEYS:
        answer = await client.post("/api/bookings", json=FORM, headers={**shown, b"Idempotency-Key": key})
        assert answer.status_code == 400, key  # some of them by whoever reads the bytes
    assert (await ann.asks("GET", "/api/bookings")).json()["items"] == []


async def test_85_what_is_being_paid_for_is_nobodys_to_take_or_to_give_back(
    client: httpx.AsyncClient,
) -> None:
    ann, ben = await Visitor.comes(client), await Visitor.comes(client)
    await ann.holds("A-1")
    hold = (await ann.asks("GET", "/api/cart")).json()["cart"]["holds"][0]["id"]
    booking = (await books(ann)).json()["booking"]
    wanted = {"resource": "hall", "items": [["A-1", 1]]}
    for visitor in (ann, ben):
        taken = await visitor.asks("POST", "/api/holds", wanted)
        assert refused(taken) == (409, "slot_taken")
        assert taken.json()["slots"] == ["A-1"]
    assert refused(await ann.asks("DELETE", f"/api/holds/{hold}")) == (409, "conflict")
    assert (await ann.asks("POST", "/api/cart/release")).status_code == 204
    assert (await ann.asks("GET", f"/api/holds/{hold}")).json()["hold"]["status"] == "paying"
    assert (await ann.sees(booking))["status"] == "pending"


async def test_89_nobody_hands_on_to_themselves_to_the_owner_or_to_no_name(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client, jwt_of("ann"))
    booking = await has(ann, "A-1")
    path = f"/api/bookings/{booking['id']}/transfer"
    for user, expected in (
        ("ann", (422, "invalid_fields")),
        ("", (422, "invalid_fields")),
        ("u" * 256, (422, "invalid_fields")),
        ("olga", (403, "self_booking")),
    ):
        assert refused(await ann.asks("POST", path, {"user": user})) == expected, user
    assert (await ann.asks("GET", path)).json() == {"transfer": None}
    offered = await ann.asks("POST", path, {})
    link = f"/api/transfers/{offered.json()['transfer']['token']}/accept"
    assert refused(await ann.asks("POST", link, {})) == (409, "conflict")
    assert (await ann.sees(booking))["id"] == booking["id"]


async def test_89_an_offer_to_a_name_that_nobody_has_waits_and_tells_nothing(
    client: httpx.AsyncClient,
) -> None:
    ann, ben = await Visitor.comes(client, jwt_of("ann")), await Visitor.comes(client, jwt_of("ben"))
    booking = await has(ann, "A-1")
    path = f"/api/bookings/{booking['id']}/transfer"
    answers = [await ann.asks("POST", path, {"user": user}) for user in ("ben", "nobody-has-this-name")]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json()["transfer"].keys() == answers[1].json()["transfer"].keys()
    named = answers[0].json()["transfer"]["id"]
    assert refused(await ben.asks("POST", f"/api/transfers/{named}/accept", {})) == (409, "conflict")
    assert (await ann.sees(booking))["status"] == "confirmed"
    assert (await ann.asks("DELETE", path)).status_code == 204


async def test_89_a_move_onto_ones_own_old_range_has_it(client: httpx.AsyncClient) -> None:
    ann = await Visitor.comes(client, jwt_of("ann"))
    booking = await parks(ann, "09:00", "11:00")
    path = f"/api/bookings/{booking['id']}"
    same = await ann.asks("PATCH", path, {"range": [at("09:00", 2), at("11:00", 2)]})
    assert (same.status_code, same.json()["payment"]) == (200, None)
    assert same.json()["booking"]["items"] == booking["items"]
    later = await ann.asks("PATCH", path, {"range": [at("10:00", 2), at("12:00", 2)]})
    assert (later.status_code, later.json()["payment"]) == (200, None)
    assert later.json()["booking"]["items"][0]["range"] == [at("10:00", 2), at("12:00", 2)]
    back = await ann.asks("PATCH", path, {"range": [at("09:00", 2), at("11:00", 2)]})
    assert back.json()["booking"]["items"][0]["range"] == [at("09:00", 2), at("11:00", 2)]
    ben = await Visitor.comes(client, jwt_of("ben"))
    await parks(ben, "11:00", "12:00")


async def test_89_a_disputed_booking_is_neither_cancelled_changed_nor_handed_on(house: DeskHouse) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    await Bank(house).asks_back(ann.attempt.id)
    payments, booking = house.office.payments, str(ann.own.id)
    transfers = Transfers(house.database, house.office.bookings, house.clock)
    for who in (ann.caller, Caller(session="", user="owner")):
        with pytest.raises(Conflict, match="dispute"):
            await payments.cancel(who, booking, release=False)
    with pytest.raises(Conflict, match="dispute"):
        await payments.changes.change(ann.caller, booking, ChangeRequest(items=(("A-2", 1),)))
    with pytest.raises(Conflict, match="dispute"):
        await transfers.offer(ann.caller, booking, OfferRequest())
    assert await ann.status() == ("confirmed", "disputed")
