"""Row 110 of the bad inputs: one line a request, escaped, without queries and secrets."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import structlog
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from server.app import api_routes
from server.http.logged_path import logged_path
from server.ops.logs import configure, log_socket
from tests.http.test_middleware import handshake
from tests.support.door import app_of, parts_of, visit


async def hello(_request: Request) -> Response:
    structlog.get_logger("holdfast.test").warning("looked", csrf_token="hidden", seat="A-1")
    return PlainTextResponse("hello")


async def socket(websocket: WebSocket) -> None:
    if "refuse" in websocket.headers:
        await websocket.close(4500)
        return
    await websocket.accept()
    await websocket.close(4201)


async def broken(_request: Request) -> Response:
    raise RuntimeError("nobody foresaw this")


ROUTES = [
    Route("/hello/{name:path}", hello),
    Route("/api/transfers/{token}/accept", hello, methods=["POST"]),
    Route("/api/transfers/{token}/break", broken, methods=["POST"]),
    WebSocketRoute("/ws", socket),
]


Lines = Callable[[], list[dict[str, object]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What was logged since it was last asked."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    written = io.StringIO()
    configure("info", written)

    def read() -> list[dict[str, object]]:
        text = written.getvalue()
        written.seek(0)
        written.truncate()
        return [json.loads(line) for line in text.splitlines()]

    yield read
    root.handlers[:], root.level = before
    structlog.reset_defaults()


async def test_a_request_is_one_line_without_its_query(redis: Redis, lines: Lines) -> None:
    async with visit(app_of(parts_of(redis), ROUTES)) as ann:
        answer = await ann.get("/hello/x?token=secret", headers={"Authorization": "Bearer secret"})
    looked, request = lines()
    assert "secret" not in json.dumps([looked, request])
    assert (request["event"], request["method"], request["path"], request["status"]) == (
        "request",
        "GET",
        "/hello/x",
        200,
    )
    assert request["request"] == looked["request"] == answer.headers["x-request-id"]
    assert looked["csrf_token"] == "…"
    assert looked["seat"] == "A-1"


def test_a_sockets_line_is_as_all_others(lines: Lines) -> None:
    fields = {"method": "GET", "path": "/ws", "status": 101, "milliseconds": 1.5, "address": "::1\n\x1b"}
    log_socket(fields)
    structlog.get_logger("holdfast.access").info("socket", **fields)
    short, long = lines()
    assert (short.pop("logger"), long.pop("logger")) == ("holdfast.access.sockets", "holdfast.access")
    moments = [datetime.fromisoformat(str(line.pop("timestamp"))) for line in (short, long)]
    assert short == long
    assert (moments[1] - moments[0]).total_seconds() < 60
    assert all(moment.tzinfo == UTC for moment in moments)


def test_who_wants_no_such_lines_gets_none(lines: Lines) -> None:
    logging.getLogger().setLevel("WARNING")
    log_socket({"path": "/ws"})
    assert not lines()


async def test_line_ends_and_escapes_stay_in_their_line(redis: Redis, lines: Lines) -> None:
    async with visit(app_of(parts_of(redis), ROUTES)) as ann:
        await ann.get('/nothing%0D%0A{"event":"forged"}%1B[31m' + "x" * 1_000)
    (line,) = lines()
    assert line["event"] == "request"
    assert len(str(line["path"])) == 200


async def test_a_token_in_a_path_is_not_logged(redis: Redis, lines: Lines) -> None:
    async with visit(app_of(parts_of(redis), ROUTES)) as ann:
        await ann.post("/api/transfers/secret/accept")
    assert lines()[-1]["path"] == "/api/transfers/{token}/accept"


async def test_a_token_is_not_logged_where_nothing_is_asked_for_yet(redis: Redis, lines: Lines) -> None:
    parts = parts_of(redis, allowed_origins=("https://shop.example",))
    asking = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    async with visit(app_of(parts, ROUTES)) as ann:
        assert (await ann.options("/api/transfers/secret/accept", headers=asking)).status_code == 204
    (line,) = lines()
    assert (line["method"], line["path"]) == ("OPTIONS", "/api/transfers/{token}/accept")


async def test_a_token_is_not_logged_of_who_asks_too_often(redis: Redis, lines: Lines) -> None:
    async with visit(app_of(parts_of(redis, rate_address=1), ROUTES)) as ann:
        for _ in range(3):
            answer = await ann.post("/api/transfers/secret/accept")
    assert answer.status_code == 429
    assert {line["path"] for line in lines() if line["event"] == "request"} == {
        "/api/transfers/{token}/accept"
    }


async def test_a_token_is_not_logged_under_a_foreign_name(redis: Redis, lines: Lines) -> None:
    async with visit(app_of(parts_of(redis), ROUTES)) as ann:
        answer = await ann.post("/api/transfers/secret/accept", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert [line["path"] for line in lines()] == ["/api/transfers/{token}/accept"]


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/api/transfers/secret/accept/", "/api/transfers/{token}/accept"),
        ("/api/transfers/secret", "/api/transfers/{token}"),
        ("/api/transfers/secret/", "/api/transfers/{token}"),
        ("/api/transfers//secret/accept", "/api/transfers/{token}/accept"),
        ("/api/transfers/one/accept/secret", "/api/transfers/{token}"),
        ("/tickets/api/transfers/secret/accept", "/tickets/api/transfers/{token}/accept"),
        ("/api/transfers", "/api/transfers"),
    ],
)
async def test_a_token_is_not_logged_where_no_route_is(
    redis: Redis, lines: Lines, path: str, logged: str
) -> None:
    async with visit(app_of(parts_of(redis), ROUTES)) as ann:
        assert (await ann.post(path)).status_code == 404
    assert [line["path"] for line in lines()] == [logged]


async def test_a_token_is_not_logged_with_a_fault_of_ours(redis: Redis, lines: Lines) -> None:
    async with visit(app_of(parts_of(redis), ROUTES)) as ann:
        assert (await ann.post("/api/transfers/secret/break")).status_code == 500
    assert [(line["event"], line["path"]) for line in lines()] == [
        ("request failed", "/api/transfers/{token}/break"),
        ("request", "/api/transfers/{token}/break"),
    ]


def test_no_route_of_ours_logs_a_token() -> None:
    """`{token}` is how a path says that it has a secret; under a new name somebody is to think of that."""
    routes = api_routes()
    names = {name for route in routes if isinstance(route, Route) for name in route.param_convertors}
    assert names == {"id", "token"}
    paths = [route.path for route in routes if isinstance(route, Route) and "{token}" in route.path]
    assert paths
    app = Starlette(routes=routes)
    for path in paths:
        asked = path.replace("{token}", "secret")
        assert logged_path({"app": app, "path": asked}) == path
        assert "secret" not in logged_path({"app": app, "path": f"{asked}/"})


async def test_a_socket_is_one_line_with_its_close_code(redis: Redis, lines: Lines) -> None:
    app = app_of(parts_of(redis), ROUTES)
    host = (b"host", b"tickets.example")
    await handshake(app, [host])
    await handshake(app, [host, (b"refuse", b"1")])
    assert [(line["event"], line["status"]) for line in lines()] == [("socket", 4201), ("socket", 403)]


def test_uvicorns_own_lines_come_as_json_and_only_warnings(lines: Lines) -> None:
    logging.getLogger("uvicorn.error").info('"WebSocket /ws?token=secret" [accepted]')
    broken = ValueError("broken\nin two")
    logging.getLogger("uvicorn.error").error("failed", exc_info=broken)
    (line,) = lines()
    assert line["event"] == "failed"
    assert "ValueError" in str(line["exception"])
