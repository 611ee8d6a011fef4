"""Row 98 of the bad inputs: what a foreign page may make a visitor's browser do, which is nothing."""

import msgspec
import pytest
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import Route

from server.http.cross_site import own_origin
from server.http.endpoint import Answer, Call, endpoint
from server.settings import Settings
from tests.support.door import BASE_URL, app_of, bearer, parts_of, visit


class Leave(msgspec.Struct, forbid_unknown_fields=True):
    csrf: str | None = None


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    pass


async def done(_call: Call) -> Answer:
    return Answer(status=204)


@pytest.fixture
def app(redis: Redis) -> Starlette:
    routes = [
        Route("/change", endpoint(done, body=Nothing), methods=["GET", "POST", "PATCH", "PUT", "DELETE"]),
        Route("/leave", endpoint(done, body=Leave), methods=["POST"]),
        Route("/open", endpoint(done, access="open"), methods=["POST"]),
    ]
    return app_of(parts_of(redis, allowed_origins=("http://box-office.example",)), routes)


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
async def test_98_a_change_by_cookie_needs_the_sessions_csrf_token(app: Starlette, method: str) -> None:
    async with visit(app) as ann, visit(app) as ben:
        csrf = (await ann.post("/api/sessions")).json()["csrf"]
        bens = (await ben.post("/api/sessions")).json()["csrf"]
        for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": bens}, {"X-CSRF-Token": csrf[:-1]}):
            refused = await ann.request(method, "/change", headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert (await ann.request(method, "/change", headers={"X-CSRF-Token": csrf})).status_code == 204


async def test_reading_needs_none(app: Starlette) -> None:
    async with visit(app) as ann:
        await ann.post("/api/sessions")
        assert (await ann.get("/change")).status_code == 204


async def test_a_bearer_needs_none(app: Starlette) -> None:
    async with visit(app) as ann, visit(app) as program:
        token = (await ann.post("/api/sessions")).json()["token"]
        assert (await program.post("/change", headers=bearer(token))).status_code == 204
        foreign = {**bearer(token), "Origin": "https://elsewhere.example"}
        assert (await program.post("/change", headers=foreign)).status_code == 204


FOREIGN = [
    {"Origin": "https://elsewhere.example"},
    {"Origin": "null"},
    {"Origin": f"{BASE_URL}.elsewhere.example"},
    {"Origin": BASE_URL.upper()},
    {"Origin": f"{BASE_URL}:8080"},
    {"Origin": "https://tickets.example"},
    {"Origin": "http://ann@tickets.example"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": BASE_URL},
]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_98_a_foreign_page_is_refused_even_with_the_token(
    app: Starlette, headers: dict[str, str]
) -> None:
    async with visit(app) as ann:
        csrf = (await ann.post("/api/sessions")).json()["csrf"]
        refused = await ann.post("/change", headers={"X-CSRF-Token": csrf, **headers})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert (await ann.post("/api/sessions", headers=headers)).status_code == 403


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_foreign_page_cannot_replace_the_cookie(app: Starlette, headers: dict[str, str]) -> None:
    async with visit(app) as nobody:
        refused = await nobody.post("/api/sessions", headers=headers)
        assert refused.status_code == 403
        assert "set-cookie" not in refused.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": BASE_URL, "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://box-office.example"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_our_own_pages_may(app: Starlette, headers: dict[str, str]) -> None:
    async with visit(app) as ann:
        csrf = (await ann.post("/api/sessions", headers=headers)).json()["csrf"]
        assert (await ann.post("/change", headers={"X-CSRF-Token": csrf, **headers})).status_code == 204


async def test_98_text_is_no_way_around(app: Starlette) -> None:
    async with visit(app) as ann:
        csrf = (await ann.post("/api/sessions")).json()["csrf"]
        text = {"Content-Type": "text/plain"}
        assert (await ann.post("/change", content=b"{}", headers=text)).status_code == 403
        assert (
            await ann.post("/change", content=b"{}", headers={**text, "X-CSRF-Token": csrf})
        ).status_code == 415


async def test_a_beacon_carries_the_token_in_its_body(app: Starlette) -> None:
    async with visit(app) as ann:
        csrf = (await ann.post("/api/sessions")).json()["csrf"]
        text = {"Content-Type": "text/plain;charset=UTF-8"}
        body = msgspec.json.encode({"csrf": csrf})
        assert (await ann.post("/leave", content=body, headers=text)).status_code == 204
        assert (await ann.post("/leave", json={"csrf": csrf})).status_code == 204
        assert (await ann.post("/leave", headers={"X-CSRF-Token": csrf})).status_code == 204
        for wrong in (b"{}", b"", b'{"csrf": "x"}', b'{"csrf": null}'):
            assert (await ann.post("/leave", content=wrong, headers=text)).status_code == 403


async def test_an_open_route_asks_a_visitor_with_a_cookie_too(app: Starlette) -> None:
    async with visit(app) as ann:
        assert (await ann.post("/open")).status_code == 204
        await ann.post("/api/sessions")
        assert (await ann.post("/open")).status_code == 403


def test_without_configuration_ours_is_the_address_asked_for() -> None:
    settings = Settings()
    assert own_origin("http://127.0.0.1:8000", "127.0.0.1:8000", settings)
    assert own_origin("https://tickets.example", "tickets.example", settings)
    assert not own_origin("http://127.0.0.1:8001", "127.0.0.1:8000", settings)
    assert not own_origin("null", "null", settings)
