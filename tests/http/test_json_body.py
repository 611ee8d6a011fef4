"""Rows 16 to 18, 61 to 64, 66 and 68 of the bad inputs: JSON that leaves room for doubt is refused."""

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import Route

from server.errors import BadRequest, InvalidFields
from server.http.endpoint import Answer, Call, endpoint
from server.http.json_body import decode_json
from tests.support.door import app_of, parts_of, visit


class Customer(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    age: int = 0


class Order(msgspec.Struct, forbid_unknown_fields=True):
    customer: Customer
    items: tuple[tuple[str, int], ...] = ()


class Empty(msgspec.Struct, forbid_unknown_fields=True):
    pass


async def take(call: Call) -> Answer:
    return Answer({"got": call.body}, 201)


@pytest.fixture
def app(redis: Redis) -> Starlette:
    routes = [
        Route("/orders", endpoint(take, body=Order, access="open"), methods=["POST"]),
        Route("/empty", endpoint(take, body=Empty, access="open"), methods=["POST"]),
        Route("/small", endpoint(take, body=Empty, access="open", body_limit=10), methods=["POST"]),
    ]
    return app_of(parts_of(redis), routes)


async def post(app: Starlette, body: bytes, path: str = "/orders", **headers: str) -> httpx.Response:
    async with visit(app) as client:
        sent = {
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await client.post(path, content=body, headers=sent)


AMBIGUOUS = {
    "nothing": b"null",
    "a list": b"[]",
    "half": b'{"customer": {"name": "Ann"',
    "more after the end": b'{"customer": {"name": "Ann"}} {}',
    "byte order mark": b'\xef\xbb\xbf{"customer": {"name": "Ann"}}',
    "UTF-16": '{"customer": {"name": "Ann"}}'.encode("utf-16"),
    "not UTF-8": b'{"customer": {"name": "\xff"}}',
    "a key twice": b'{"customer": {"name": "Ann", "name": "Ben"}}',
    "NaN": b'{"customer": {"name": "Ann", "age": NaN}}',
    "infinity": b'{"customer": {"name": "Ann", "age": -Infinity}}',
    "5,000 digits": b'{"customer": {"name": "Ann", "age": ' + b"1" * 5_000 + b"}}",
    "deep": b"[" * 60_000,
    "deep in an unknown field": b'{"x": ' + b"[" * 60_000,
    "lone surrogate": b'{"customer": {"name": "Ann \\ud800 and more"}}',
    "NUL": b'{"customer": {"name": "Ann\\u0000"}}',
    "NUL in a list": b'{"customer": {"name": "Ann"}, "items": [["\\u0000", 1]]}',
    "single quotes": b"{'customer': {'name': 'Ann'}}",
    "comment": b'{"customer": {"name": "Ann"}} // Ann',
}


@pytest.mark.parametrize("body", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
async def test_json_that_leaves_doubt_is_a_bad_request(app: Starlette, body: bytes) -> None:
    answer = await post(app, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["state", "total", "user_id", "paid"])
async def test_a_field_that_nobody_knows_is_a_bad_request(app: Starlette, name: str) -> None:
    answer = await post(app, msgspec.json.encode({"customer": {"name": "Ann"}, name: 1}))
    assert answer.status_code == 400
    assert name in answer.json()["detail"]


WRONG = {
    b'{"customer": {"name": 1}}': "customer.name",
    b'{"customer": {"name": "Ann", "age": 1.5}}': "customer.age",
    b'{"customer": {"name": "Ann", "age": true}}': "customer.age",
    b'{"customer": {"name": "Ann", "age": -0.0}}': "customer.age",
    b'{"customer": {"name": "Ann", "age": 1e400}}': "customer.age",
    b'{"customer": {}}': "customer.name",
    b"{}": "customer",
    b'{"customer": {"name": "Ann"}, "items": [["A-1", "2"]]}': "items[0][1]",
}


@pytest.mark.parametrize(("body", "field"), WRONG.items(), ids=WRONG.values())
async def test_a_field_that_does_not_hold_is_named(app: Starlette, body: bytes, field: str) -> None:
    answer = await post(app, body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_good_body_arrives(app: Starlette) -> None:
    answer = await post(app, '{"customer": {"name": "Zoë \\ud83c\\udfad", "age": 7}}'.encode())
    assert answer.status_code == 201
    assert answer.json()["got"]["customer"]["name"] == "Zoë 🎭"


async def test_no_body_is_an_empty_one(app: Starlette) -> None:
    async with visit(app) as client:
        assert (await client.post("/empty")).status_code == 201


async def test_a_body_over_the_limit_is_refused_by_its_length(app: Starlette) -> None:
    answer = await post(app, b" " * 65_537)
    assert (answer.status_code, answer.json()["code"]) == (413, "bad_request")
    assert (await post(app, b" " * 65_535 + b"{}", "/empty")).status_code == 413
    assert (await post(app, b" " * 65_534 + b"{}", "/empty")).status_code == 201


async def test_a_chunked_body_is_refused_before_it_is_kept(app: Starlette) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1_000):
            sent += 1
            yield b" " * 4_096

    async with visit(app) as client:
        answer = await client.post("/orders", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


async def test_a_route_may_take_less(app: Starlette) -> None:
    assert (await post(app, b"{" + b" " * 20 + b"}", "/small")).status_code == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Encoding": "gzip"},
        {"Content_Encoding": "br"},
        {"Content_Type": "text/plain"},
        {"Content_Type": "multipart/form-data; boundary=x"},
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Content_Type": "application/json; charset=utf-16"},
        {"Content_Type": ""},
    ],
)
async def test_only_plain_json_is_taken(app: Starlette, headers: dict[str, str]) -> None:
    answer = await post(app, b'{"customer": {"name": "Ann"}}', **headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "bad_request")


@pytest.mark.parametrize("kind", ["application/json;charset=UTF-8", 'Application/JSON; charset="utf-8"'])
async def test_json_may_say_that_it_is_utf_8(app: Starlette, kind: str) -> None:
    assert (await post(app, b'{"customer": {"name": "Ann"}}', Content_Type=kind)).status_code == 201


def test_a_body_type_must_refuse_unknown_fields() -> None:
    class Lax(msgspec.Struct):
        pass

    with pytest.raises(TypeError, match="forbid_unknown_fields"):
        endpoint(take, body=Lax)


def test_the_decoder_speaks_in_our_errors() -> None:
    with pytest.raises(BadRequest):
        decode_json(b"", Order)
    with pytest.raises(InvalidFields):
        decode_json(b'{"customer": 1}', Order)
