"""Rows 10 to 12, 37 and 103 of the bad inputs: names, addresses and rates; headers on every answer."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message, Scope
from starlette.websockets import WebSocket
from structlog.contextvars import get_contextvars

from server.http.addresses import address_of
from server.http.hosts import host_of, plain_host
from server.http.middleware import middleware
from server.http.problems import exception_handlers
from server.http.security_headers import content_security_policy
from server.ops.metrics import Metrics
from tests.support.door import app_of, parts_of, visit
from tests.support.servers import Redis as RedisServer
from tests.support.servers import open_redis


async def hello(_request: Request) -> Response:
    return PlainTextResponse("hello")


async def broken(_request: Request) -> Response:
    raise RuntimeError("nobody foresaw this")


async def half(_request: Request) -> Response:
    async def content() -> AsyncIterator[bytes]:
        yield b"one"
        raise RuntimeError("nobody foresaw this")

    return StreamingResponse(content())


async def own_policy(_request: Request) -> Response:
    return PlainTextResponse("hello", headers={"Content-Security-Policy": "sandbox"})


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


ROUTES = [
    Route("/hello", hello, methods=["GET", "POST"]),
    Route("/healthz", hello),
    Route("/broken", broken),
    Route("/half", half),
    Route("/policy", own_policy),
    WebSocketRoute("/ws", socket),
]


async def handshake(
    app: Starlette, headers: list[tuple[bytes, bytes]], address: str = "192.0.2.1"
) -> list[Message]:
    """What a handshake at /ws is answered with."""
    sent: list[Message] = []
    scope: Scope = {
        "type": "websocket",
        "path": "/ws",
        "raw_path": b"/ws",
        "query_string": b"",
        "root_path": "",
        "scheme": "ws",
        "headers": headers,
        "client": (address, 1),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    "host", ["elsewhere.example", "tickets.example:8080", "tickets.example.", "a@tickets.example", ""]
)
async def test_a_foreign_host_is_refused(redis: Redis, host: str) -> None:
    app = app_of(parts_of(redis), ROUTES)
    async with visit(app) as ann:
        answer = await ann.get("/hello", headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        assert (await ann.get("/healthz", headers={"Host": host})).status_code == 200
    refused = await handshake(app, [(b"host", host.encode())])
    assert refused[0]["status"] == 400


async def test_no_host_and_two_are_refused_by_everybody(redis: Redis) -> None:
    app = app_of(parts_of(redis, public_url=""), ROUTES)
    for headers in ([], [(b"host", b"a.example"), (b"host", b"a.example")]):
        assert (await handshake(app, headers))[0]["status"] == 400
    assert (await handshake(app, [(b"host", b"a.example")]))[0]["type"] == "websocket.accept"


async def test_our_own_names_are_known(redis: Redis) -> None:
    app = app_of(parts_of(redis, allowed_origins=("https://[::1]:8443",)), ROUTES)
    async with visit(app) as ann:
        for host in ("tickets.example", "TICKETS.example", "tickets.example:80", "[::1]:8443"):
            assert (await ann.get("/hello", headers={"Host": host})).status_code == 200


def test_a_host_is_a_name_and_a_port() -> None:
    assert host_of("https://Tickets.example:443/x") == "tickets.example"
    assert host_of("http://tickets.example:443") == "tickets.example:443"
    assert host_of("http://[::1]:80") == "[::1]"
    assert plain_host("a.example/x") is None


async def test_every_answer_has_the_security_headers(redis: Redis) -> None:
    async with visit(app_of(parts_of(redis), ROUTES)) as ann:
        for path, code in (("/hello", 200), ("/nothing", 404)):
            answer = await ann.get(path)
            assert answer.status_code == code
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["referrer-policy"] == "same-origin"
            assert answer.headers["content-security-policy"] == content_security_policy("tickets.example")
            assert "strict-transport-security" not in answer.headers
        assert (await ann.get("/policy")).headers["content-security-policy"] == "sandbox"


async def test_a_fault_of_ours_is_answered_as_everything_is(
    redis: Redis,
) -> None:
    async with visit(app_of(parts_of(redis), ROUTES)) as ann:
        answer = await ann.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"]


async def test_a_fault_in_the_middle_of_an_answer_is_no_second_answer(redis: Redis) -> None:
    async with visit(app_of(parts_of(redis), ROUTES)) as ann:
        with pytest.raises(RuntimeError, match="foresaw"):
            await ann.get("/half")


def test_the_policy_lets_nothing_inline_and_only_our_socket() -> None:
    policy = content_security_policy("tickets.example")
    assert "default-src 'self'" in policy
    assert "connect-src 'self' ws://tickets.example wss://tickets.example" in policy
    assert "unsafe" not in policy


async def test_a_page_may_open_the_socket_of_the_host_it_came_from(redis: Redis) -> None:
    app = app_of(parts_of(redis, allowed_origins=("http://127.0.0.1:8000",)), ROUTES)
    async with visit(app) as ann:
        policy = (await ann.get("/hello", headers={"Host": "127.0.0.1:8000"})).headers[
            "content-security-policy"
        ]
    assert "ws://127.0.0.1:8000" in policy


async def test_https_stays_https(redis: Redis) -> None:
    async with visit(app_of(parts_of(redis, public_url="https://tickets.example"), ROUTES)) as ann:
        assert "max-age" in (await ann.get("/hello")).headers["strict-transport-security"]


@pytest.mark.parametrize("host", ["a.example; script-src *", "a.example\ttab"])
async def test_a_host_cannot_write_the_policy(redis: Redis, host: str) -> None:
    async with visit(app_of(parts_of(redis, public_url=""), ROUTES)) as ann:
        policy = (await ann.get("/hello", headers={"Host": host})).headers["content-security-policy"]
        assert policy == content_security_policy("")


async def test_103_an_address_is_limited_and_others_are_not(redis: Redis) -> None:
    app = app_of(parts_of(redis, rate_address=3), ROUTES)
    async with visit(app) as ann, visit(app, "192.0.2.2") as ben:
        spoofed = [
            await ann.get("/hello", headers={"X-Forwarded-For": f"203.0.113.{place}"}) for place in range(30)
        ]
        refused = [answer for answer in spoofed if answer.status_code == 429]
        assert refused[0].json()["code"] == "rate_limited"
        assert int(refused[0].headers["retry-after"]) >= 1
        assert (await ann.get("/healthz")).status_code == 200
        assert (await ben.get("/hello")).status_code == 200
    shaken = [(await handshake(app, [(b"host", b"tickets.example")]))[0] for _ in range(30)]
    assert 429 in {message.get("status") for message in shaken}


async def test_while_redis_is_away_only_changes_are_refused(spare_redis: RedisServer) -> None:
    async with open_redis(spare_redis.url) as redis:
        app = app_of(parts_of(redis, rate_address=3), ROUTES)
        spare_redis.stop()
        async with visit(app) as ann:
            assert (await ann.get("/hello")).status_code == 200
            assert (await ann.post("/hello")).status_code == 503
        assert (await handshake(app, [(b"host", b"tickets.example")]))[0]["type"] == "websocket.accept"


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("192.0.2.1", 1), "192.0.2.1"),
        (("2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::/64"),
        (("::ffff:192.0.2.1", 1), "192.0.2.1"),
        (("fe80::1%eth0", 1), "fe80::/64"),
        (("a path", 0), "unknown"),
        (None, "unknown"),
    ],
)
def test_an_address_is_counted_by_what_one_peer_owns(client: tuple[str, int] | None, address: str) -> None:
    assert address_of({"type": "http", "client": client}) == address


async def test_every_answer_has_an_id_of_its_own(redis: Redis) -> None:
    async with visit(app_of(parts_of(redis), ROUTES)) as ann:
        ids = {(await ann.get(path)).headers["x-request-id"] for path in ("/hello", "/hello", "/nothing")}
        assert len(ids) == 3
        given = await ann.get("/hello", headers={"X-Request-Id": "mine"})
        assert given.headers["x-request-id"] != "mine"
    assert get_contextvars() == {}, "what is logged next is of another one"


async def test_each_request_is_counted_by_its_route_and_status_and_no_socket_is(redis: Redis) -> None:
    figures, parts = Metrics(), parts_of(redis)
    app = Starlette(
        routes=ROUTES,
        middleware=middleware(parts.settings, figures.count),
        exception_handlers=exception_handlers,
    )
    app.state.parts = parts
    async with visit(app) as ann:
        for path in ("/hello", "/hello", "/nothing", "/broken"):
            await ann.get(path)
        await ann.get("/hello", headers={"Host": "elsewhere.example"})
    assert (await handshake(app, [(b"host", b"tickets.example")]))[0]["type"] == "websocket.accept"
    text = figures.text().decode()
    counted = [line for line in text.splitlines() if line.startswith("holdfast_http_requests_total{")]
    assert sorted(counted) == [
        'holdfast_http_requests_total{method="GET",route="/broken",status="500"} 1.0',
        'holdfast_http_requests_total{method="GET",route="/hello",status="200"} 2.0',
        'holdfast_http_requests_total{method="GET",route="other",status="400"} 1.0',
        'holdfast_http_requests_total{method="GET",route="other",status="404"} 1.0',
    ]


async def test_a_lifespan_passes(redis: Redis) -> None:
    app = app_of(parts_of(redis), ROUTES)
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[str] = []

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message["type"])

    await app({"type": "lifespan", "state": {}}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_session_can_be_opened_through_all_of_it(redis: Redis) -> None:
    async with visit(app_of(parts_of(redis, rate_address=5), ROUTES)) as ann:
        answer = await ann.post("/api/sessions", headers={"Origin": "http://tickets.example"})
        assert answer.status_code == 201
