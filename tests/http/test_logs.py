"""Row 110 of the bad inputs: one line a request, escaped, without queries and secrets."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import structlog
from redis.asyncio import Redis
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

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


ROUTES = [
    Route("/hello/{name:path}", hello),
    Route("/api/transfers/{token}/accept", hello, methods=["POST"]),
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
