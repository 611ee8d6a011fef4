"""What pages of other origins may read, and that nobody else may."""

from pathlib import Path

import pytest
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from server.http.static_files import StaticTree, static_routes
from tests.support.door import BASE_URL, app_of, parts_of, visit

SHOP = "https://bakery.example"
STRANGERS = ("https://evil.example", f"{SHOP}.evil.example", f"{SHOP}:8443", "http://bakery.example", "null")
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


async def places(_request: Request) -> Response:
    return PlainTextResponse("places", headers={"Vary": "Accept-Encoding"})


@pytest.fixture
def app(redis: Redis, tmp_path: Path) -> Starlette:
    (tmp_path / "embed").mkdir()
    (tmp_path / "embed/embed.js").write_text("export const held = 1;")
    routes = [Route("/api/places", places), Route("/page", places), *static_routes(StaticTree(tmp_path))]
    return app_of(parts_of(redis, allowed_origins=(SHOP,)), routes)


async def test_an_allowed_page_reads_the_api_and_never_with_a_cookie(app: Starlette) -> None:
    async with visit(app) as ann:
        answer = await ann.get("/api/places", headers={"Origin": SHOP})
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert "ETag" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["vary"] == "Accept-Encoding, Origin"
        asked = await ann.options("/api/places", headers={"Origin": SHOP, **ASKS})
        assert asked.status_code == 204
        assert asked.headers["access-control-allow-origin"] == SHOP
        assert "Authorization" in asked.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in asked.headers
        missing = await ann.get("/api/none", headers={"Origin": SHOP})
        assert missing.status_code == 404
        assert missing.headers["access-control-allow-origin"] == SHOP, "refusals are read as well"


@pytest.mark.parametrize("origin", STRANGERS)
async def test_other_pages_read_nothing(app: Starlette, origin: str) -> None:
    async with visit(app) as ann:
        answer = await ann.get("/api/places", headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers
        assert "Origin" in answer.headers["vary"], "no cache gives a stranger what an allowed page got"
        asked = await ann.options("/api/places", headers={"Origin": origin, **ASKS})
        assert asked.status_code == 405
        assert "access-control-allow-origin" not in asked.headers


async def test_a_session_is_not_opened_over_http_from_elsewhere(app: Starlette) -> None:
    async with visit(app) as ann:
        headers = {"Origin": SHOP, "Sec-Fetch-Site": "cross-site"}
        refused = await ann.post("/api/sessions", json={}, headers=headers)
        assert refused.status_code == 403
        assert "set-cookie" not in refused.headers


async def test_pages_are_nobody_elses_and_static_files_everybodys(app: Starlette) -> None:
    async with visit(app) as ann:
        page = await ann.get("/page", headers={"Origin": SHOP})
        assert "access-control-allow-origin" not in page.headers
        module = await ann.get("/static/embed.js", headers={"Origin": STRANGERS[0]})
        assert module.headers["access-control-allow-origin"] == "*"
        assert module.headers["content-type"] == "text/javascript; charset=utf-8"
        assert module.headers["cache-control"] == "no-cache"
        path = module.text.removeprefix('export * from ".').removesuffix('";\n')
        assert (await ann.get(f"/static{path}")).text == "export const held = 1;"


async def test_ones_own_pages_need_none_of_it(app: Starlette) -> None:
    async with visit(app) as ann:
        answer = await ann.get("/api/places", headers={"Origin": BASE_URL})
        assert "access-control-allow-origin" not in answer.headers
