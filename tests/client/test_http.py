"""What is asked again, what never is, and under which name: a server that fails on cue answers here."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from channels.client import (
    Client,
    Conflict,
    HoldfastError,
    InvalidFields,
    NotNow,
    NotSignedIn,
    Patience,
    RateLimited,
    Refused,
    SlotTaken,
    TokenExpired,
    Unreachable,
)
from channels.client.errors import BY_CODE, refusal
from channels.client.names import ulid
from channels.protocol import ERRORS

QUICK = Patience(seconds=5, base=0.001, most=0.002)
MONEY = {"amount": 5_000, "currency": "eur"}
LATER = "2026-11-21T09:00:00.000Z"
HOLD = {
    "id": "h",
    "resource": "hall",
    "items": [["A-1", 1]],
    "price": MONEY,
    "status": "held",
    "expires_at": LATER,
}
CART = {"reference": "BK-1", "expires_at": LATER, "total": MONEY, "holds": [HOLD]}
HELD = (201, {"hold": HOLD, "cart": CART})
OPENED = (201, {"session": "s", "token": "holdfast1.s", "csrf": "c", "expires_at": LATER})

Scripted = tuple[int, Any] | tuple[int, Any, dict[str, str]] | Exception


def problem(status: int, code: str, **more: Any) -> Scripted:
    return status, {"code": code, "status": status, "detail": f"it is {code}", **more}


class Server:
    """Answers each request with the next of a list; sessions are opened at any time."""

    def __init__(self, *answers: Scripted) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/sessions":
            return httpx.Response(201, json=OPENED[1])
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body, *headers = answer
        if isinstance(body, bytes):
            return httpx.Response(status, content=body, headers=headers[0] if headers else None)
        return httpx.Response(status, json=body, headers=headers[0] if headers else None)

    @property
    def names(self) -> list[str | None]:
        return [request.headers.get("idempotency-key") for request in self.asked]

    def client(self, **options: Any) -> Client:
        transport = httpx.MockTransport(self)
        return Client("http://tickets.example", transport=transport, **{"patience": QUICK, **options})


async def taken(server: Server, **options: Any) -> str:
    async with server.client(**options) as client:
        return (await client.holding.hold("hall", ["A-1"])).hold.id


AGAIN: dict[str, Scripted] = {
    "no way": httpx.ConnectError("refused"),
    "a lost answer": httpx.ReadTimeout("slow"),
    "cut off": httpx.RemoteProtocolError("cut"),
    "a fault": problem(500, "internal"),
    "too much to do": problem(503, "overloaded"),
    "a proxy's page": (502, b"<html>Bad gateway</html>"),
    "too many": problem(429, "rate_limited", retry_after=0.001),
    "still running": problem(409, "conflict", retry_after=0.001),
    "not JSON": (503, b"\xff"),
}


@pytest.mark.parametrize("failure", AGAIN.values(), ids=AGAIN.keys())
async def test_what_may_go_well_later_is_asked_again_under_the_same_name(failure: Scripted) -> None:
    server = Server(failure, failure, HELD)
    assert await taken(server) == "h"
    assert len(server.names) == 3
    assert len(set(server.names)) == 1
    assert server.names[0]


NEVER: dict[str, tuple[Scripted, type[Refused]]] = {
    "taken": (problem(409, "slot_taken", slots=["A-1"]), SlotTaken),
    "a conflict": (problem(409, "conflict"), Conflict),
    "fields": (problem(422, "invalid_fields", errors=[{"field": "x", "message": "y"}]), InvalidFields),
    "no token": (problem(401, "unauthorized"), NotSignedIn),
    "something new": (problem(418, "teapot"), Refused),
    "no code": ((404, b"nothing"), Refused),
}


@pytest.mark.parametrize(("answer", "kind"), NEVER.values(), ids=NEVER.keys())
async def test_what_was_understood_and_refused_is_not(answer: Scripted, kind: type[Refused]) -> None:
    server = Server(answer, HELD)
    with pytest.raises(kind) as refused:
        await taken(server)
    assert type(refused.value) is kind
    assert len(server.asked) == 1


async def test_a_refusal_says_what_the_server_said() -> None:
    with pytest.raises(SlotTaken) as taken_already:
        await taken(Server(problem(409, "slot_taken", slots=["A-1", "A-2"])))
    assert taken_already.value.slots == ("A-1", "A-2")
    assert (taken_already.value.status, taken_already.value.detail) == (409, "it is slot_taken")
    with pytest.raises(InvalidFields) as wrong:
        await taken(Server(problem(422, "invalid_fields", errors=[{"field": "x", "message": "y"}])))
    assert [(error.field, error.message) for error in wrong.value.errors] == [("x", "y")]


async def test_patience_has_an_end() -> None:
    impatient = Patience(seconds=0.05, base=0.001, most=0.002)
    with pytest.raises(Unreachable):
        await taken(Server(*[httpx.ConnectError("refused")] * 1_000), patience=impatient)
    server = Server((503, {"code": "unavailable"}, {"Retry-After": "3600"}), HELD)
    with pytest.raises(NotNow) as refused:
        await taken(server)
    assert refused.value.retry_after == 3600
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("attempt", "error", "waits"),
    [
        (1, None, (0.0, 0.4)),
        (4, Unreachable(), (0.0, 3.2)),
        (1_000, None, (0.0, 4.0)),
        (1, RateLimited("rate_limited", retry_after=2.0), (2.0, 2.4)),
    ],
)
def test_waits_are_jittered_bounded_and_never_shorter_than_asked(
    attempt: int, error: HoldfastError | None, waits: tuple[float, float]
) -> None:
    bounds = [Patience().wait(attempt, error, chance) for chance in (lambda: 0.0, lambda: 1.0)]
    assert tuple(bounds) == pytest.approx(waits)
    assert waits[0] <= Patience().wait(attempt, error, random.random) <= waits[1]


async def test_reads_have_no_name_and_a_name_may_be_given() -> None:
    server = Server((200, {"cart": None}), HELD)
    async with server.client() as client:
        assert await client.holding.cart() is None
        await client.holding.hold("hall", [("A-1", 1)], op="mine")
    assert server.names == [None, "mine"]


async def test_a_session_is_opened_once_and_shown() -> None:
    server = Server(HELD, HELD)
    async with server.client() as client:
        await client.holding.hold("hall", ["A-1"])
        await client.holding.hold("hall", ["A-1"])
    assert {request.headers["authorization"] for request in server.asked} == {"Bearer holdfast1.s"}
    server = Server(HELD)
    await taken(server, token="a.b.c")
    shown = server.asked[0].headers
    assert (shown["authorization"], shown["holdfast-session"]) == ("Bearer a.b.c", "holdfast1.s")


async def test_what_anybody_may_read_needs_no_session() -> None:
    server = Server((200, {"items": [], "next": None}))
    async with server.client() as client:
        assert [found async for found in client.resources.all()] == []
    assert "authorization" not in server.asked[0].headers


def tokens(*values: str) -> Callable[[], Any]:
    given = iter(values)

    async def token() -> str:
        return next(given)

    return token


async def test_a_token_that_is_over_is_got_anew_once() -> None:
    server = Server(problem(401, "token_expired"), HELD)
    assert await taken(server, token=tokens("one", "two")) == "h"
    assert [request.headers["authorization"] for request in server.asked] == ["Bearer one", "Bearer two"]
    assert len(set(server.names)) == 1
    server = Server(problem(401, "token_expired"), problem(401, "token_expired"), HELD)
    with pytest.raises(TokenExpired):
        await taken(server, token=tokens("one", "two", "three"))
    assert len(server.asked) == 2
    with pytest.raises(TokenExpired):
        await taken(Server(problem(401, "token_expired"), HELD), token="fixed")


async def test_times_have_a_zone() -> None:
    async with Server().client() as client:
        with pytest.raises(ValueError, match="zone"):
            await client.holding.hold_range("d", datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC))  # noqa: DTZ001  # the point


async def test_lists_go_on_to_their_last_page() -> None:
    def page(*ids: str, after: str | None) -> Scripted:
        made = {"created_at": LATER, "expires_at": LATER, "total": MONEY, "items": []}
        state = {"reference": "BK", "status": "confirmed", "payment_status": "paid"}
        return 200, {"items": [{"id": name, **made, **state} for name in ids], "next": after}

    server = Server(page("a", "b", after="b&c"), page("c", after=None))
    async with server.client(token="a.b.c") as client:
        assert [booking.id async for booking in client.bookings.all(status="confirmed")] == ["a", "b", "c"]
    assert [dict(request.url.params) for request in server.asked] == [
        {"status": "confirmed"},
        {"status": "confirmed", "after": "b&c"},
    ]


def test_every_code_of_the_protocol_has_its_error() -> None:
    assert set(BY_CODE) == set(ERRORS)
    for code, (status, retry) in ERRORS.items():
        error = refusal(0, {"type": "error", "code": code, "message": "x", "retry": retry})
        assert (type(error), error.status, error.retry) == (BY_CODE[code], status, retry)


def test_names_differ_and_sort_by_time() -> None:
    names = [ulid() for _ in range(1_000)]
    assert len(set(names)) == 1_000
    assert all(len(name) == 26 for name in names)
    assert names[0][:8] <= names[-1][:8]
