"""Rows 81 to 83 of the bad inputs: the same key and body have one effect and one answer."""

import asyncio

import msgspec
import pytest
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import Route

from server.errors import SlotTaken, Unavailable
from server.http import idempotency
from server.http.endpoint import Answer, Call, endpoint
from tests.support.door import app_of, bearer, jwt_of, parts_of, visit
from tests.support.servers import Redis as RedisServer
from tests.support.servers import open_redis


class Order(msgspec.Struct, forbid_unknown_fields=True):
    seat: str = "A-1"


class Shop:
    """Counts what really happened; waits at the gate where a test shut it."""

    def __init__(self) -> None:
        self.orders: list[str | None] = []
        self.began = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.fault: Exception | None = None
        self.words = ""

    async def order(self, call: Call) -> Answer:
        self.orders.append(call.op)
        self.began.set()
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        return Answer({"order": len(self.orders), "words": self.words}, 201, {"X-Order": "1"})


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def app(redis: Redis, shop: Shop) -> Starlette:
    return app_of(parts_of(redis), routes(shop))


def routes(shop: Shop) -> list[Route]:
    return [
        Route("/orders", endpoint(shop.order, body=Order), methods=["POST", "PUT"]),
        Route("/more/{id}", endpoint(shop.order, body=Order), methods=["POST"]),
        Route("/open", endpoint(shop.order, access="open"), methods=["POST"]),
    ]


def by(user: str, key: str) -> dict[str, str]:
    return {**bearer(jwt_of(user)), "Idempotency-Key": key}


async def test_a_repeat_has_the_first_answer_and_no_effect(app: Starlette, shop: Shop) -> None:
    async with visit(app) as ann:
        first = await ann.post("/orders", json={}, headers=by("ann", "k 1"))
        again = await ann.post("/orders", json={}, headers=by("ann", "k 1"))
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again.headers["x-order"] == "1"
    assert again.headers["content-type"] == "application/json"
    assert shop.orders == ["k 1"]


async def test_a_long_answer_is_kept_small_and_is_the_same_again(
    app: Starlette, shop: Shop, redis: Redis
) -> None:
    shop.words = "a seat and " * 100_000
    async with visit(app) as ann:
        first, again = [await ann.post("/orders", json={}, headers=by("ann", "k")) for _ in range(2)]
    assert len(first.content) > 1_000_000
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again.headers["content-length"] == first.headers["content-length"]
    (key,) = await redis.keys("holdfast:idempotency:*")
    assert await redis.strlen(key) < 64 * 1024
    assert len(shop.orders) == 1


async def test_a_refusal_is_kept_as_well(app: Starlette, shop: Shop) -> None:
    async with visit(app) as ann:
        shop.fault = SlotTaken(slots=["A-1"])
        first = await ann.post("/orders", json={}, headers=by("ann", "k"))
        shop.fault = None
        again = await ann.post("/orders", json={}, headers=by("ann", "k"))
    assert (first.status_code, again.status_code) == (409, 409)
    assert again.json() == first.json()


async def test_another_body_is_refused(app: Starlette, shop: Shop) -> None:
    async with visit(app) as ann:
        await ann.post("/orders", json={}, headers=by("ann", "k"))
        refused = await ann.post("/orders", json={"seat": "B-2"}, headers=by("ann", "k"))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "Idempotency-Key"
    assert len(shop.orders) == 1


async def test_a_key_belongs_to_its_caller_and_route(app: Starlette, shop: Shop) -> None:
    async with visit(app) as ann:
        await ann.post("/orders", json={}, headers=by("ann", "k"))
        await ann.post("/orders", json={}, headers=by("ben", "k"))
        await ann.put("/orders", json={}, headers=by("ann", "k"))
        await ann.post("/more/1", json={}, headers=by("ann", "k"))
        await ann.post("/more/2", json={}, headers=by("ann", "k"))
    assert len(shop.orders) == 5


async def test_while_the_first_runs_the_second_waits(app: Starlette, shop: Shop) -> None:
    shop.gate.clear()
    async with visit(app) as ann:
        first = asyncio.create_task(ann.post("/orders", json={}, headers=by("ann", "k")))
        await shop.began.wait()
        second = await ann.post("/orders", json={}, headers=by("ann", "k"))
        assert (second.status_code, second.json()["code"]) == (409, "conflict")
        assert second.json()["retry_after"] > 0
        shop.gate.set()
        assert (await first).status_code == 201
    assert len(shop.orders) == 1


async def test_a_long_run_keeps_its_key(
    app: Starlette, shop: Shop, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "RENEW_SECONDS", 0.02)
    shop.gate.clear()
    async with visit(app) as ann:
        first = asyncio.create_task(ann.post("/orders", json={}, headers=by("ann", "k")))
        await shop.began.wait()
        (key,) = await redis.keys("holdfast:idempotency:*")
        await redis.pexpire(key, 5_000)  # half of it is over
        async with asyncio.timeout(60):
            while await redis.pttl(key) <= 5_000:  # noqa: ASYNC110  # Redis tells nobody of a renewal
                await asyncio.sleep(0.01)
        shop.gate.set()
        assert (await first).status_code == 201


async def test_a_process_that_died_keeps_a_key_for_seconds_only(
    app: Starlette, shop: Shop, redis: Redis
) -> None:
    shop.gate.clear()
    async with visit(app) as ann:
        first = asyncio.create_task(ann.post("/orders", json={}, headers=by("ann", "k")))
        await shop.began.wait()
        (key,) = await redis.keys("holdfast:idempotency:*")
        assert 0 < await redis.ttl(key) <= 10
        shop.gate.set()
        await first


@pytest.mark.parametrize("fault", [Unavailable(), ZeroDivisionError()])
async def test_a_fault_of_ours_is_not_kept(app: Starlette, shop: Shop, fault: Exception) -> None:
    async with visit(app) as ann:
        shop.fault = fault
        assert (await ann.post("/orders", json={}, headers=by("ann", "k"))).status_code >= 500
        shop.fault = None
        assert (await ann.post("/orders", json={}, headers=by("ann", "k"))).status_code == 201


async def test_a_key_is_kept_a_day(app: Starlette, redis: Redis) -> None:
    async with visit(app) as ann:
        await ann.post("/orders", json={}, headers=by("ann", "k"))
    (key,) = await redis.keys("holdfast:idempotency:*")
    assert 86_000 < await redis.ttl(key) <= 86_400


async def test_a_run_that_lost_its_lease_does_not_overwrite_the_next(
    app: Starlette, shop: Shop, redis: Redis
) -> None:
    shop.gate.clear()
    async with visit(app) as ann:
        slow = asyncio.create_task(ann.post("/orders", json={}, headers=by("ann", "k")))
        await shop.began.wait()
        await redis.flushall()
        shop.gate.set()
        assert (await slow).status_code == 201
    assert await redis.keys("holdfast:idempotency:*") == []


@pytest.mark.parametrize("key", ["", "k" * 256, "a\tb", "é", "\x7f"])
async def test_a_key_is_1_to_255_printable_characters(app: Starlette, shop: Shop, key: str) -> None:
    async with visit(app) as ann:
        sent = {name.encode(): value.encode() for name, value in by("ann", key).items()}
        refused = await ann.post("/orders", json={}, headers=sent)
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
    assert shop.orders == []


async def test_two_keys_are_a_bad_request(app: Starlette) -> None:
    async with visit(app) as ann:
        headers = [*bearer(jwt_of("ann")).items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
        assert (await ann.post("/orders", json={}, headers=headers)).status_code == 400


async def test_nobodys_key_is_nobodys(app: Starlette, shop: Shop) -> None:
    async with visit(app) as nobody:
        for _ in range(2):
            assert (await nobody.post("/open", headers={"Idempotency-Key": "k"})).status_code == 201
    assert shop.orders == ["k", "k"]


async def test_while_redis_is_away_nothing_is_tried(spare_redis: RedisServer, shop: Shop) -> None:
    async with open_redis(spare_redis.url) as redis:
        app = app_of(parts_of(redis), routes(shop))
        spare_redis.stop()
        async with visit(app) as ann:
            refused = await ann.post("/orders", json={}, headers=by("ann", "k"))
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert shop.orders == []


async def test_an_answer_that_could_not_be_kept_is_given(spare_redis: RedisServer, shop: Shop) -> None:
    async with open_redis(spare_redis.url) as redis:
        app = app_of(parts_of(redis), routes(shop))
        shop.gate.clear()
        async with visit(app) as ann:
            first = asyncio.create_task(ann.post("/orders", json={}, headers=by("ann", "k")))
            await shop.began.wait()
            spare_redis.stop()
            shop.gate.set()
            assert (await first).status_code == 201
