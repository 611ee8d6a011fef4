"""`/api/resources…` through the real door."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from channels.replica import State
from server.database.pool import Database
from server.errors import UnknownResource
from server.inventory.edits import changed_by
from server.inventory.routes import routes
from server.inventory.service import Inventory
from tests.inventory.examples import draft, seat_draft
from tests.support.door import app_of, bearer, jwt_of, parts_of, visit


class Holds:
    """The live arrays of one resource."""

    async def read(self, resource_id: str, _choose: object) -> State:
        if resource_id != "hall":
            raise UnknownResource
        return State("e1", 7, 1, 2, 0, 2, b"\x01\x00\x2c\x01", b"\x00\x00\x05\x00")


@dataclass
class Parts:
    settings: Any
    redis: Any
    sessions: Any
    limits: Any
    inventory: Inventory
    holds: Holds


@pytest.fixture
async def inventory(database: Database) -> AsyncIterator[Inventory]:
    opened = Inventory(database)
    yield opened
    await opened.close()


@pytest.fixture
async def ann(redis: Redis, inventory: Inventory) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody at the door; `as_owner` and `as_operator` say who."""
    base = parts_of(redis, rate_commands=1000)
    parts = Parts(base.settings, base.redis, base.sessions, base.limits, inventory, Holds())
    async with visit(app_of(parts, routes)) as client:
        yield client


def as_owner(user: str = "meridian") -> dict[str, str]:
    return bearer(jwt_of(user, roles=("owner",)))


AS_OPERATOR = bearer(jwt_of("root", roles=("operator",)))
AS_BUYER = bearer(jwt_of("meridian", roles=("buyer",)))
HALL: dict[str, Any] = {
    "id": "hall",
    "kind": "seats",
    "title": "Winter Serenade",
    "time_zone": "Europe/Berlin",
    "currency": "eur",
    "slots": [{"id": "A-1", "price": 4500}, {"id": "A-2", "price": {"amount": 4500, "currency": "eur"}}],
}


async def opened(ann: httpx.AsyncClient) -> dict[str, Any]:
    """The hall, as its owner made it."""
    answer = await ann.post("/api/resources", json=HALL, headers=as_owner())
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def fields(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["field"] for error in answer.json()["errors"]]


async def test_an_owner_opens_a_hall_that_everybody_sees(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/api/resources", json=HALL, headers=as_owner())
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/resources/hall"
    seen = await ann.get("/api/resources/hall")
    assert seen.json() == answer.json()
    assert seen.json()["owner"] == "meridian"
    assert [slot["id"] for slot in seen.json()["slots"]] == ["A-1", "A-2"]
    assert set(seen.json()["slots"][0]) >= {
        "id", "label", "capacity", "price", "category", "section", "row",
        "starts_at", "ends_at", "x", "y", "accessible",
    }  # fmt: skip


async def test_an_id_is_made_where_none_is_given(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/api/resources", json={**HALL, "id": None}, headers=AS_OPERATOR)
    assert answer.status_code == 201
    assert len(answer.json()["id"]) == 32
    assert answer.json()["owner"] == "root"


async def test_only_operators_and_owners_open_change_and_close(ann: httpx.AsyncClient) -> None:
    other = {**HALL, "owner": "somebody-else"}
    assert (await ann.post("/api/resources", json=HALL)).status_code == 401
    assert (await ann.post("/api/resources", json=HALL, headers=AS_BUYER)).status_code == 403
    assert (await ann.post("/api/resources", json=other, headers=as_owner())).status_code == 403
    await opened(ann)
    for headers, status in (
        (as_owner("cellar"), 403),
        (AS_BUYER, 403),
        (as_owner(), 200),
        (AS_OPERATOR, 200),
    ):
        changed = await ann.patch("/api/resources/hall", json={"title": "Other"}, headers=headers)
        assert changed.status_code == status
    assert (await ann.delete("/api/resources/hall", headers=as_owner("cellar"))).status_code == 403
    assert (await ann.delete("/api/resources/hall", headers=as_owner())).status_code == 204
    assert (await ann.get("/api/resources/hall")).json()["code"] == "unknown_resource"


async def test_an_owner_does_not_give_a_hall_away(ann: httpx.AsyncClient) -> None:
    await opened(ann)
    gift = {"owner": "cellar"}
    assert (await ann.patch("/api/resources/hall", json=gift, headers=as_owner())).status_code == 403
    assert (await ann.patch("/api/resources/hall", json=gift, headers=AS_OPERATOR)).status_code == 200


@pytest.mark.parametrize("name", ["layout", "epoch", "taken", "created_at", "deleted_at"])
async def test_what_is_ours_to_say_is_refused(ann: httpx.AsyncClient, name: str) -> None:
    answer = await ann.post("/api/resources", json={**HALL, name: 1}, headers=as_owner())
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    await opened(ann)
    answer = await ann.patch("/api/resources/hall", json={name: 1}, headers=as_owner())
    assert answer.status_code == 400
    slots = [{"id": "A-1", name: 1}]
    answer = await ann.patch("/api/resources/hall", json={"slots": slots}, headers=as_owner())
    assert fields(answer) == [f"slots[0].{name}"]


async def test_kind_and_id_stay_for_ever(ann: httpx.AsyncClient) -> None:
    await opened(ann)
    for change in ({"id": "other"}, {"kind": "sessions"}):
        answer = await ann.patch("/api/resources/hall", json=change, headers=as_owner())
        assert answer.status_code == 400


async def test_every_wrong_field_is_named(ann: httpx.AsyncClient) -> None:
    wrong = {**HALL, "title": "", "currency": "EUR", "time_zone": "Mars", "slots": [{"id": "", "price": -1}]}
    answer = await ann.post("/api/resources", json=wrong, headers=as_owner())
    assert fields(answer) == ["time_zone", "currency", "title", "slots[0].id", "slots[0].price"]
    assert answer.json()["detail"] == "5 fields do not hold"


async def test_the_same_id_twice_is_a_conflict(ann: httpx.AsyncClient) -> None:
    await opened(ann)
    answer = await ann.post("/api/resources", json=HALL, headers=as_owner())
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_a_change_keeps_what_it_does_not_say(ann: httpx.AsyncClient) -> None:
    before = await opened(ann)
    change = {"slots": [{"id": "A-2", "price": 900}, {"id": "A-3", "price": 100}], "remove_slots": ["A-1"]}
    answer = await ann.patch("/api/resources/hall", json=change, headers=as_owner())
    after = answer.json()
    assert [(slot["id"], slot["price"]["amount"], slot["blocked"]) for slot in after["slots"]] == [
        ("A-1", 4500, True),
        ("A-2", 900, False),
        ("A-3", 100, False),
    ]
    assert after["layout"] == before["layout"] + 1
    assert after["title"] == before["title"]


async def test_a_drawing_stays_unless_another_is_sent(ann: httpx.AsyncClient) -> None:
    plan = {"size": {"width": 10, "height": 20}, "row_labels": [{"text": "A", "x": 1, "y": 2}]}
    await ann.post("/api/resources", json={**HALL, "plan": plan}, headers=as_owner())
    answer = await ann.patch("/api/resources/hall", json={"title": "Other"}, headers=as_owner())
    assert answer.json()["plan"] == plan
    answer = await ann.patch("/api/resources/hall", json={"plan": {}}, headers=as_owner())
    assert answer.json()["plan"] == {}


async def test_a_currency_changes_with_all_its_prices(ann: httpx.AsyncClient) -> None:
    categories = [{"name": "Stalls", "price": 4500}, {"name": "Bar"}]
    await ann.post("/api/resources", json={**HALL, "categories": categories}, headers=as_owner())
    answer = await ann.patch("/api/resources/hall", json={"currency": "usd"}, headers=as_owner())
    shown = answer.json()
    assert {slot["price"]["currency"] for slot in shown["slots"]} == {"usd"}
    assert shown["categories"][0]["price"] == {"amount": 4500, "currency": "usd"}
    assert shown["categories"][1]["price"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slots": [{"id": "A-1", "price": None, "category": ""}]}, "slots[0].price"),
        ({"slots": ["A-1"]}, "slots[0]"),
        ({"slots": [{"id": ["A-1"], "price": 1}]}, "slots[0].id"),
        ({"slots": [{"id": "A-1"}, {"id": "A-1"}]}, "slots[1].id"),
        ({"remove_slots": ["B-9"]}, "remove_slots[0]"),
        ({"remove_slots": [1]}, "remove_slots[0]"),
        ({"title": None}, "title"),
        ({"policy": {"hold_seconds": "60"}}, "policy.hold_seconds"),
    ],
)
async def test_what_is_wrong_with_a_change_is_named(
    ann: httpx.AsyncClient, change: dict[str, Any], field: str
) -> None:
    await opened(ann)
    assert fields(await ann.patch("/api/resources/hall", json=change, headers=as_owner())) == [field]


async def test_too_many_slots_in_all_are_refused(
    ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(ann)
    monkeypatch.setattr("server.inventory.edits.MAX_SLOTS", 2)
    change = {"slots": [{"id": "A-3", "price": 1}]}
    assert fields(await ann.patch("/api/resources/hall", json=change, headers=as_owner())) == ["slots"]


async def test_a_hall_seen_already_is_not_sent_again(ann: httpx.AsyncClient) -> None:
    await opened(ann)
    seen = await ann.get("/api/resources/hall")
    again = await ann.get("/api/resources/hall", headers={"If-None-Match": seen.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    await ann.patch("/api/resources/hall", json={"title": "Other"}, headers=as_owner())
    changed = await ann.get("/api/resources/hall", headers={"If-None-Match": seen.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != seen.headers["ETag"]


async def test_it_is_sent_compressed_to_whoever_takes_that(ann: httpx.AsyncClient) -> None:
    await opened(ann)
    plain = await ann.get("/api/resources/hall", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    async with ann.stream("GET", "/api/resources/hall", headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == plain.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert gzip.decompress(raw) == plain.content


async def test_availability_is_two_arrays(ann: httpx.AsyncClient) -> None:
    await opened(ann)
    answer = await ann.get("/api/resources/hall/availability")
    assert answer.json() == {
        "layout": 1,
        "epoch": "e1",
        "version": 7,
        "first": 0,
        "available": [1, 300],
        "held": [0, 5],
    }
    assert (await ann.get("/api/resources/none/availability")).status_code == 404


async def test_lists_come_in_pages(ann: httpx.AsyncClient, inventory: Inventory) -> None:
    for each in range(3):
        await inventory.create(draft(seat_draft("A"), id=f"r{each}"))
    first = (await ann.get("/api/resources?limit=2")).json()
    assert [item["id"] for item in first["items"]] == ["r0", "r1"]
    second = (await ann.get(f"/api/resources?limit=2&after={first['next']}")).json()
    assert ([item["id"] for item in second["items"]], second["next"]) == (["r2"], None)
    assert "slots" not in second["items"][0]
    assert "position" not in second["items"][0]


async def test_lists_are_narrowed_by_the_query(ann: httpx.AsyncClient, inventory: Inventory) -> None:
    await inventory.create(draft(seat_draft("A", starts_at="2026-11-22T10:00:00.000Z")))
    for query, count in {
        "": 1, "kind=seats": 1, "kind=grid": 0, "owner=meridian": 1, "owner=x": 0,
        "q=serenade": 1, "q=jazz": 0, "date=2026-11-22": 1, "date=2026-11-23": 0, "kind=&q=&date=": 1,
    }.items():  # fmt: skip
        assert len((await ann.get(f"/api/resources?{query}")).json()["items"]) == count, query


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("kind=concert", 400),
        ("after=x", 400),
        ("after=cA", 400),
        ("after=" + "c" * 100, 400),
        ("after=%C3%A9", 400),
        ("after=cDk5OTk5OTk5OTk5OTk5OTk5OTk", 400),  # a place beyond all that PostgreSQL counts
        ("after=cDE~", 400),
        ("date=tomorrow", 422),
        ("date=2026-02-30", 422),
        ("date=20261121", 422),
        ("limit=0", 422),
        ("limit=201", 422),
        ("limit=x", 422),
        ("limit=0000000011", 422),
        ("limit=000000001" + "9" * 20, 422),
        ("q=" + "x" * 101, 422),
    ],
)
async def test_queries_that_mean_nothing_are_refused(ann: httpx.AsyncClient, query: str, status: int) -> None:
    assert (await ann.get(f"/api/resources?{query}")).status_code == status


@pytest.mark.parametrize("resource_id", ["none", "%00", "a%2Fb", "..%2f", "x" * 500, "{hall}"])
async def test_what_is_not_there_is_unknown(ann: httpx.AsyncClient, resource_id: str) -> None:
    assert (await ann.get(f"/api/resources/{resource_id}")).status_code == 404


async def test_a_malformed_id_is_refused_as_a_missing_one(ann: httpx.AsyncClient) -> None:
    for path, changes in (("", "PATCH"), ("", "DELETE"), ("/availability", "GET"), ("", "GET")):
        answers = [
            await ann.request(changes, f"/api/resources/{name}{path}", json={}, headers=as_owner())
            for name in ("none", "%00")
        ]
        assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}


async def test_two_changes_at_once_are_both_made(ann: httpx.AsyncClient) -> None:
    await opened(ann)
    changes = [{"slots": [{"id": f"B-{each}", "price": 1}]} for each in range(5)]
    answers = await asyncio.gather(
        *(ann.patch("/api/resources/hall", json=change, headers=as_owner()) for change in changes)
    )
    assert {answer.status_code for answer in answers} == {200}
    shown = json.loads((await ann.get("/api/resources/hall")).content)
    assert len(shown["slots"]) == 7


async def kept(redis: Redis) -> bytes:
    """All that is kept under Idempotency-Keys."""
    found: list[Any] = [await redis.get(key) for key in await redis.keys("holdfast:idempotency:*")]
    return b"".join(found)


def by_key(key: str) -> dict[str, str]:
    return {**as_owner(), "Idempotency-Key": key}


@pytest.mark.parametrize("named", [{"id": "hall"}, {}])
async def test_a_hall_is_not_kept_for_a_repeat_which_has_it_all_the_same(
    ann: httpx.AsyncClient, redis: Redis, named: dict[str, str]
) -> None:
    wanted = {name: value for name, value in HALL.items() if name != "id"} | named
    made = [await ann.post("/api/resources", json=wanted, headers=by_key("made")) for _ in range(2)]
    path, title = made[0].headers["location"], {"title": "Summer Serenade"}
    changed = [await ann.patch(path, json=title, headers=by_key("changed")) for _ in range(2)]
    for first, again in (made, changed):
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert {**again.headers, "x-request-id": ""} == {**first.headers, "x-request-id": ""}
    assert b"A-1" not in await kept(redis)
    assert (await ann.get("/api/resources")).json()["items"][1:] == []


async def test_a_repeat_has_the_hall_as_it_is_by_now(ann: httpx.AsyncClient, database: Database) -> None:
    await opened(ann)
    await ann.patch("/api/resources/hall", json={"title": "One"}, headers=by_key("k"))
    elsewhere = Inventory(database)  # of another process
    await elsewhere.change(
        "hall", lambda resource, slots: changed_by({"title": "A longer one"}, resource, slots)
    )
    again = await ann.patch("/api/resources/hall", json={"title": "One"}, headers=by_key("k"))
    now = await ann.get("/api/resources/hall")
    assert again.json()["title"] == "A longer one"
    assert again.status_code == 200
    assert (again.content, again.headers["etag"]) == (now.content, now.headers["etag"])
    assert int(again.headers["content-length"]) == len(now.content)
    await elsewhere.close()


async def test_a_repeat_does_not_find_a_hall_that_was_deleted(ann: httpx.AsyncClient) -> None:
    await opened(ann)
    change: dict[str, Any] = {"json": {"title": "One"}, "headers": by_key("k")}
    await ann.patch("/api/resources/hall", **change)
    await ann.delete("/api/resources/hall", headers=as_owner())
    again = await ann.patch("/api/resources/hall", **change)
    assert (again.status_code, again.json()["code"]) == (404, "unknown_resource")


async def test_a_refused_change_is_refused_again(ann: httpx.AsyncClient) -> None:
    await opened(ann)
    change: dict[str, Any] = {"json": {"title": 7}, "headers": by_key("k")}
    first, again = [await ann.patch("/api/resources/hall", **change) for _ in range(2)]
    assert fields(again) == ["title"]
    assert again.content == first.content
