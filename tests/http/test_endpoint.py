"""The order of things at the door: who, how often, and what an answer looks like."""

import gzip

import pytest
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.errors import Conflict, SlotTaken, Unavailable
from server.http.answers import accepts_gzip
from server.http.endpoint import Answer, Call, endpoint
from tests.support.door import app_of, bearer, jwt_of, parts_of, visit
from tests.support.servers import Redis as RedisServer
from tests.support.servers import open_redis


async def echo(call: Call) -> Answer:
    return Answer({"path": dict(call.path), "query": dict(call.query)})


async def taken(_call: Call) -> Answer:
    raise SlotTaken(slots=["A-1"])


async def busy(_call: Call) -> Answer:
    raise Conflict("wait", retry_after=0.2)


async def broken(_call: Call) -> Answer:
    raise ZeroDivisionError("a secret of the inside")


async def long(_call: Call) -> Answer:
    return Answer({"text": "seat " * 1_000}, headers={"ETag": '"7"'})


async def very_long(_call: Call) -> Answer:
    return Answer(b'"' + b"x" * 300_000 + b'"')


async def packed(_call: Call) -> Answer:
    return Answer(gzip.compress(b"{}" + b" " * 2_000), headers={"Content-Encoding": "gzip"})


ROUTES = [
    Route("/things/{id}", endpoint(echo, access="open")),
    Route("/things/{id}", endpoint(echo, access="open"), methods=["DELETE"]),
    Route("/taken", endpoint(taken, access="open")),
    Route("/busy", endpoint(busy, access="open")),
    Route("/broken", endpoint(broken, access="open")),
    Route("/long", endpoint(long, access="open")),
    Route("/very-long", endpoint(very_long, access="open")),
    Route("/packed", endpoint(packed, access="open")),
    Route("/hold", endpoint(echo, limit="commands"), methods=["GET", "POST"]),
    Route("/book", endpoint(echo, limit="bookings"), methods=["POST"]),
]


@pytest.fixture
def app(redis: Redis) -> Starlette:
    return app_of(parts_of(redis, rate_commands=5, rate_bookings=2), ROUTES)


async def test_refusals_are_problems(app: Starlette) -> None:
    async with visit(app) as ann:
        answer = await ann.get("/taken")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json() == {
            "type": "urn:holdfast:problem:slot_taken",
            "title": "Somebody else has this already",
            "status": 409,
            "detail": "Somebody else has this already",
            "code": "slot_taken",
            "slots": ["A-1"],
        }
        busy = await ann.get("/busy")
        assert (busy.headers["retry-after"], busy.json()["retry_after"]) == ("1", 0.2)


async def test_a_fault_of_ours_tells_nothing(app: Starlette) -> None:
    async with visit(app) as ann:
        answer = await ann.get("/broken")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal")
        assert "secret" not in answer.text


async def test_no_such_path_and_no_such_method(app: Starlette) -> None:
    async with visit(app) as ann:
        missing = await ann.get("/nothing")
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
        for method in ("PUT", "TRACE"):
            wrong = await ann.request(method, "/things/7")
            assert (wrong.status_code, wrong.json()["code"]) == (405, "bad_request")
            assert wrong.headers["allow"] == "DELETE, GET, HEAD"


@pytest.mark.parametrize("name", ["%00", "a%0Ab", "a%0D%0AX-Evil:1", "%1B[31m", "%7F"])
async def test_an_id_with_control_characters_is_nobodys(app: Starlette, name: str) -> None:
    async with visit(app) as ann:
        answer = await ann.get(f"/things/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("name", ["*", "{}", "'; drop table", "%C3%A9", "a%25b", "redis.call"])
async def test_an_id_of_other_characters_is_only_a_name(app: Starlette, name: str) -> None:
    async with visit(app) as ann:
        assert (await ann.get(f"/things/{name}")).status_code == 200


async def test_a_query_is_bounded_and_clean(app: Starlette) -> None:
    async with visit(app) as ann:
        assert (await ann.get("/things/7?" + "&".join(["a=1"] * 50))).status_code == 200
        many = await ann.get("/things/7?" + "&".join(["a=1"] * 10_000))
        assert (many.status_code, many.json()["code"]) == (400, "bad_request")
        assert (await ann.get("/things/7?q=%00")).status_code == 400
        assert (await ann.get("/things/7?q=sch%C3%B6n")).json()["query"] == {"q": "schön"}


async def test_a_get_is_conditional_and_compressed(app: Starlette) -> None:
    async with visit(app) as ann:
        answer = await ann.get("/long")
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["cache-control"] == "no-cache"
        assert "Accept-Encoding" in answer.headers["vary"]
        assert int(answer.headers["content-length"]) < 200
        assert len(answer.json()["text"]) == 5_000
        plain = await ann.get("/long", headers={"Accept-Encoding": "gzip;q=0"})
        assert "content-encoding" not in plain.headers
        assert plain.content == answer.content
        for tag in ('"7"', 'W/"7"', '"6", "7"', "*"):
            same = await ann.get("/long", headers={"If-None-Match": tag})
            assert (same.status_code, same.content) == (304, b"")
        assert (await ann.get("/long", headers={"If-None-Match": '"6"'})).status_code == 200


async def test_what_is_very_long_is_compressed_elsewhere(app: Starlette) -> None:
    async with visit(app) as ann:
        assert len((await ann.get("/very-long")).content) == 300_002
        assert (await ann.get("/packed")).json() == {}


def test_gzip_is_sent_to_those_who_take_it() -> None:
    assert accepts_gzip("br, GZip;q=0.5")
    assert not accepts_gzip("br")
    assert not accepts_gzip("gzip; q=0.0")


async def test_a_session_is_limited_and_told_how_long(app: Starlette) -> None:
    async with visit(app) as ann, visit(app) as ben:
        anns = bearer((await ann.post("/api/sessions")).json()["token"])
        bens = bearer((await ben.post("/api/sessions")).json()["token"])
        answers = [await ann.post("/hold", headers=anns) for _ in range(40)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert [answer.status_code for answer in answers[:5]] == [200] * 5
        assert refused[0].json()["code"] == "rate_limited"
        assert int(refused[0].headers["retry-after"]) >= 1
        assert 0 < refused[0].json()["retry_after"] <= 0.2
        assert (await ben.post("/hold", headers=bens)).status_code == 200


async def test_bookings_are_limited_by_the_minute(app: Starlette) -> None:
    async with visit(app) as ann:
        headers = bearer(jwt_of("ann"))
        codes = [(await ann.post("/book", headers=headers)).status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        assert 25 < (await ann.post("/book", headers=headers)).json()["retry_after"] <= 30


async def test_while_redis_is_away_reads_are_not_counted(spare_redis: RedisServer) -> None:
    async with open_redis(spare_redis.url) as redis:
        parts = parts_of(redis)
        app = app_of(parts, ROUTES)
        spare_redis.stop()
        with pytest.raises(Unavailable):
            await parts.limits.take("commands", "x")
        async with visit(app) as ann:
            headers = bearer(jwt_of("ann"))
            assert (await ann.get("/hold", headers=headers)).status_code == 200
            refused = await ann.post("/hold", headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")


async def test_a_refusal_from_outside_of_an_endpoint_is_a_problem_too(redis: Redis) -> None:
    async def refuses(_request: Request) -> Response:
        raise SlotTaken

    async with visit(app_of(parts_of(redis), [Route("/raw", refuses)])) as ann:
        answer = await ann.get("/raw")
        assert (answer.status_code, answer.json()["code"]) == (409, "slot_taken")
