"""Holds and carts over HTTP, in the shapes that their callers rely on."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from server.accounts.sessions import Sessions
from server.holds.keeper import Keeper
from server.holds.routes import routes
from server.holds.service import Holds
from server.ops.limits import Limits
from server.settings import Settings
from server.times import rfc3339
from tests.holds.conftest import MakeWorld
from tests.holds.world import Catalogue, World
from tests.support.door import app_of, bearer, jwt_of, parts_of, visit


@dataclass
class Parts:
    """What the routes reach for."""

    settings: Settings
    redis: Any
    sessions: Sessions
    limits: Limits
    inventory: Catalogue
    holds: Holds
    keeper: Keeper


@pytest.fixture
async def parts(world: World, redis: Redis) -> Parts:
    door = parts_of(redis)
    keeper = world.keeper(world.main)
    return Parts(door.settings, door.redis, door.sessions, door.limits, world.catalogue, world.main, keeper)


@pytest.fixture
async def ann(parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    """A program with a session of its own."""
    async with visit(app_of(parts, routes)) as client:
        opened = (await client.post("/api/sessions")).json()
        client.cookies.clear()
        client.headers.update(bearer(opened["token"]))
        client.headers["X-Test-Session"] = opened["session"]
        yield client


async def holds(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/api/holds", json={"resource": "hall", **body})


async def test_a_hold_and_its_cart(ann: httpx.AsyncClient, world: World) -> None:
    response = await holds(ann, items=[["A-1", 1], ["A-2", 1]])
    assert response.status_code == 201
    hold, cart = response.json()["hold"], response.json()["cart"]
    assert response.headers["location"] == f"/api/holds/{hold['id']}"
    assert world.clock is not None
    assert hold == {
        "id": hold["id"],
        "resource": "hall",
        "reference": cart["reference"],
        "items": [["A-1", 1], ["A-2", 1]],
        "range": None,
        "price": {"amount": 10_000, "currency": "eur"},
        "status": "held",
        "created_at": rfc3339(world.clock.milliseconds),
        "expires_at": rfc3339(world.clock.milliseconds + 900_000),
    }
    assert cart == {
        "reference": cart["reference"],
        "expires_at": hold["expires_at"],
        "total": {"amount": 10_000, "currency": "eur"},
        "holds": [hold],
    }
    assert (await ann.get("/api/cart")).json() == {"cart": cart}
    assert (await ann.get(f"/api/holds/{hold['id']}")).json() == {"hold": hold}


async def test_the_same_again_is_no_new_one(ann: httpx.AsyncClient) -> None:
    first = await holds(ann, items=[["A-1", 1]])
    again = await holds(ann, items=[["A-1", 1]])
    assert again.status_code == 200
    assert again.json() == first.json()


async def test_the_same_key_is_one_effect_and_one_answer(ann: httpx.AsyncClient, world: World) -> None:
    body = {"resource": "hall", "best": {"quantity": 2}}
    answers = [await ann.post("/api/holds", json=body, headers={"Idempotency-Key": "once"}) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sum(await world.available()) == 8


async def test_refusals_say_what_to_do(ann: httpx.AsyncClient, world: World) -> None:
    await world.buyer("ben").holds("A-1")
    for body, status, code, slots in (
        ({"items": [["A-1", 1], ["A-2", 1]]}, 409, "slot_taken", ["A-1"]),
        ({"best": {"quantity": 7}}, 409, "slot_taken", []),
        ({"items": [["Z-9", 1]]}, 422, "unknown_slot", ["Z-9"]),
        ({"items": [["A-2", 1], ["A-2", 1]]}, 400, "bad_request", ["A-2"]),
        ({"items": []}, 400, "bad_request", None),
        ({"items": [["A-2", 2]]}, 422, "limit_exceeded", ["A-2"]),
        ({"range": ["2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z"]}, 422, "invalid_range", None),
        ({"best": {"quantity": 51}}, 422, "limit_exceeded", None),
        ({}, 400, "bad_request", None),
        ({"items": [["A-2", 1]], "price": 1}, 400, "bad_request", None),
        ({"resource": "nowhere", "items": [["A-2", 1]]}, 404, "unknown_resource", None),
    ):
        response = await holds(ann, **body)
        problem = response.json()
        assert (response.status_code, problem["code"], problem.get("slots")) == (status, code, slots), body
        assert problem["detail"]
    assert (await ann.get("/api/cart")).json() == {"cart": None}


@pytest.mark.parametrize("quantity", [0, -1, 1.5, True, "1", 10**30])
async def test_quantities_that_do_not_hold(ann: httpx.AsyncClient, quantity: Any) -> None:
    assert (await holds(ann, items=[["A-1", quantity]])).status_code in {400, 422}
    assert (await holds(ann, best={"quantity": quantity})).status_code in {400, 422}


async def test_a_hold_is_released(ann: httpx.AsyncClient, world: World) -> None:
    hold = (await holds(ann, items=[["A-1", 1]])).json()["hold"]
    released = await ann.delete(f"/api/holds/{hold['id']}")
    assert (released.status_code, released.json()["hold"]["status"]) == (200, "released")
    assert (await ann.get(f"/api/holds/{hold['id']}")).json()["hold"]["status"] == "released"
    assert await world.of("A-1") == (1, 0, 0)


async def test_other_peoples_holds_are_not_found(ann: httpx.AsyncClient, world: World) -> None:
    foreign = (await world.buyer("ben").holds("A-1")).hold.id
    missing = await ann.get("/api/holds/nothing")
    for response in (
        await ann.get(f"/api/holds/{foreign}"),
        await ann.delete(f"/api/holds/{foreign}"),
        await ann.get("/api/holds/*"),
        await ann.get("/api/holds/{hall}:meta"),
    ):
        assert (response.status_code, response.json()) == (404, missing.json())


async def test_the_cart_is_extended_and_released(ann: httpx.AsyncClient, world: World) -> None:
    assert (await ann.post("/api/cart/extend")).json()["code"] == "conflict"
    first = (await holds(ann, items=[["A-1", 1]])).json()["cart"]
    world.time_passes(60)
    extended = (await ann.post("/api/cart/extend")).json()["cart"]
    assert extended["reference"] == first["reference"]
    assert extended["expires_at"] > first["expires_at"]
    assert (await ann.post("/api/cart/release")).status_code == 204
    assert (await ann.get("/api/cart")).json() == {"cart": None}


async def test_leaving_starts_the_grace(ann: httpx.AsyncClient, world: World) -> None:
    await holds(ann, items=[["A-1", 1]])
    assert (await ann.post("/api/cart/leave")).status_code == 204
    world.time_passes(10)
    await world.main.expire()
    assert await world.of("A-1") == (1, 0, 0)


async def test_a_hold_by_http_knows_of_a_socket_here(
    ann: httpx.AsyncClient, parts: Parts, world: World
) -> None:
    session = ann.headers["X-Test-Session"]
    parts.keeper.socket_opened(session, "tab")
    await holds(ann, items=[["A-1", 1]])
    assert await world.redis.hexists("{hall}:live:" + session, "one")


async def test_operators_may_sweep_now(ann: httpx.AsyncClient, world: World) -> None:
    held = await world.buyer("ben").holds("A-1")
    world.time_passes(901)
    assert (await ann.post("/api/maintenance/expire", json={})).status_code == 401
    buyer = bearer(jwt_of("ulla"))
    assert (await ann.post("/api/maintenance/expire", json={}, headers=buyer)).status_code == 403
    headers = bearer(jwt_of("otto", roles=("operator",)))
    swept = await ann.post("/api/maintenance/expire", json={"reference": "BK-NONE"}, headers=headers)
    assert swept.json() == {"released": []}
    swept = await ann.post("/api/maintenance/expire", headers=headers)
    assert swept.json() == {
        "released": [
            {"id": held.hold.id, "resource": "hall", "reference": held.cart.reference, "status": "expired"}
        ]
    }


async def test_nobody_holds_nothing(parts: Parts, make_world: MakeWorld) -> None:  # noqa: ARG001  # a fresh world
    async with visit(app_of(parts, routes)) as client:
        assert (await holds(client, items=[["A-1", 1]])).status_code == 401
        assert (await client.get("/api/cart")).status_code == 401


async def test_a_user_without_a_session_has_no_cart(ann: httpx.AsyncClient) -> None:
    headers = bearer(jwt_of("ulla"))
    assert (await ann.get("/api/cart", headers=headers)).json() == {"cart": None}
    response = await ann.post("/api/holds", json={"resource": "hall", "items": [["A-1", 1]]}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")


async def test_one_key_on_two_routes_is_two_requests(ann: httpx.AsyncClient) -> None:
    key, wanted = {"Idempotency-Key": "01HX"}, {"resource": "hall", "items": [["A-1", 1]]}
    first = (await ann.post("/api/holds", json=wanted, headers=key)).json()
    second = (await holds(ann, items=[["A-2", 1]])).json()
    extended = await ann.post("/api/cart/extend", headers=key)
    assert extended.status_code == 200
    for made in (first, second):
        released = await ann.delete(f"/api/holds/{made['hold']['id']}", headers=key)
        assert released.status_code == 200
        assert released.json()["hold"]["id"] == made["hold"]["id"]
        assert released.json()["hold"]["status"] == "released"
    assert (await ann.get("/api/cart")).json() == {"cart": None}
