"""Row 22 of the bad inputs, and what a browser may keep."""

from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from starlette.applications import Starlette

from server.http.pages import Pages
from server.http.static_files import StaticTree, static_routes
from tests.support.door import app_of, parts_of, visit

SCRIPT = "export const seat = 1;\n" * 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "client/replica.js": SCRIPT,
        "client/codec.mjs": "export {};",
        "styles/page.css": "body { color: black }",
        "icons/seat.svg": "<svg/>",
        "favicon.svg": "<svg/>",
        "notes.secret": "not served",
        "pages/index.html": '<script type="module" src="__STATIC__/client/replica.js"></script>',
        "pages/resource.html": "<h1>Map</h1>",
        "pages/sandbox.html": "<h1>Pay</h1>",
        "pages/404.html": "<h1>Nothing here</h1>",
        "pages/pay.html": '<meta name="stripe-key" content="__STRIPE_KEY__"><meta content="__STRIPE_JS__">',
        "pages/share.html": "<h1>Your share</h1>",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (tmp_path / "icons/seat.png").write_bytes(b"\x89PNG" + b"\0" * 1_000)
    return tmp_path


def site(folder: Path, redis: Redis, **settings: Any) -> Starlette:
    parts = parts_of(redis, **settings)
    tree = StaticTree(folder)
    pages = Pages(tree, parts.settings)
    app = app_of(parts, [*pages.routes(), *static_routes(tree)])
    app.state.pages = pages
    return app


async def test_a_page_names_the_tree_and_is_asked_for_again(folder: Path, redis: Redis) -> None:
    async with visit(site(folder, redis)) as ann:
        page = await ann.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["cache-control"] == "no-cache"
        assert f'src="{StaticTree(folder).prefix}/client/replica.js"' in page.text
        again = await ann.get("/", headers={"If-None-Match": page.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert (await ann.get("/resources/hall")).text == "<h1>Map</h1>"
        assert (await ann.head("/")).status_code == 200


async def test_a_file_is_kept_for_ever_under_its_hash(folder: Path, redis: Redis) -> None:
    tree = StaticTree(folder)
    async with visit(site(folder, redis)) as ann:
        for name, kind in {
            "client/replica.js": "text/javascript; charset=utf-8",
            "client/codec.mjs": "text/javascript; charset=utf-8",
            "styles/page.css": "text/css; charset=utf-8",
            "icons/seat.svg": "image/svg+xml",
            "icons/seat.png": "image/png",
        }.items():
            answer = await ann.get(f"{tree.prefix}/{name}")
            assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        stale = await ann.get("/static/another/client/replica.js")
        assert (stale.text, stale.headers["cache-control"]) == (SCRIPT, "no-store")


async def test_a_file_is_compressed_once(folder: Path, redis: Redis) -> None:
    prefix = StaticTree(folder).prefix
    async with visit(site(folder, redis)) as ann:
        packed = await ann.get(f"{prefix}/client/replica.js")
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) < len(SCRIPT) / 5
        plain = await ann.get(f"{prefix}/client/replica.js", headers={"Accept-Encoding": "identity"})
        assert packed.text == plain.text == SCRIPT
        assert "content-encoding" not in (await ann.get(f"{prefix}/icons/seat.png")).headers


@pytest.mark.parametrize(
    "name",
    ["nothing.js", "notes.secret", "pages/index.html", "../settings.py", "..%2f..%2fetc/passwd", "%00"],
)
async def test_nothing_else_is_served(folder: Path, redis: Redis, name: str) -> None:
    async with visit(site(folder, redis)) as ann:
        answer = await ann.get(f"{StaticTree(folder).prefix}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_ranges_are_not_honoured(folder: Path, redis: Redis) -> None:
    bomb = "bytes=" + ",".join(f"{place}-" for place in range(5_000))
    async with visit(site(folder, redis)) as ann:
        answer = await ann.get(f"{StaticTree(folder).prefix}/client/replica.js", headers={"Range": bomb})
        assert (answer.status_code, answer.text) == (200, SCRIPT)


async def test_another_tree_has_another_name(folder: Path) -> None:
    before = StaticTree(folder).hash
    assert StaticTree(folder).hash == before
    (folder / "client/replica.js").write_text(SCRIPT + " ")
    assert StaticTree(folder).hash != before


async def test_the_sandboxs_page_is_there_only_with_the_sandbox(folder: Path, redis: Redis) -> None:
    async with visit(site(folder, redis)) as ann:
        assert (await ann.get("/sandbox/payments/7")).text == "<h1>Pay</h1>"
    async with visit(site(folder, redis, payments="stripe")) as ann:
        assert (await ann.get("/sandbox/payments/7")).status_code == 404


STRIPE = {"payments": "stripe", "stripe_secret_key": "sk_test_1", "stripe_publishable_key": 'pk_test_"1"'}


async def test_the_pages_that_take_cards_alone_may_load_stripes_script(folder: Path, redis: Redis) -> None:
    async with visit(site(folder, redis, **STRIPE)) as ann:
        for path in ("/bookings/7/pay", "/pay/7"):
            page = await ann.get(path)
            policy = page.headers["content-security-policy"]
            assert "script-src 'self' https://js.stripe.com https://*.js.stripe.com;" in policy
            assert "frame-ancestors 'none'" in policy
            assert "connect-src 'self' ws://tickets.example wss://tickets.example https://api" in policy
            assert page.headers["cross-origin-opener-policy"] == "same-origin-allow-popups"
            again = await ann.get(path, headers={"If-None-Match": page.headers["etag"]})
            assert again.headers["content-security-policy"] == policy
        text = (await ann.get("/bookings/7/pay")).text
        assert 'content="pk_test_&quot;1&quot;"' in text
        assert 'content="https://js.stripe.com/endive/stripe.js"' in text
        for path in ("/", "/bookings/7", "/resources/hall"):
            assert "stripe" not in (await ann.get(path)).headers["content-security-policy"]


async def test_without_a_card_form_nothing_foreign_is_let_in(folder: Path, redis: Redis) -> None:
    async with visit(site(folder, redis)) as ann:
        assert "stripe" not in (await ann.get("/bookings/7/pay")).headers["content-security-policy"]


async def test_a_stand_in_for_stripe_takes_its_place_in_the_policy(folder: Path, redis: Redis) -> None:
    urls = {"stripe_js_url": "http://127.0.0.1:9/v3/", "stripe_api_base": "http://127.0.0.1:8"}
    async with visit(site(folder, redis, **STRIPE, **urls)) as ann:
        page = await ann.get("/bookings/7/pay")
        policy = page.headers["content-security-policy"]
        assert "script-src 'self' http://127.0.0.1:9;" in policy
        assert "frame-src http://127.0.0.1:9 http://127.0.0.1:8;" in policy
        assert "stripe.com" not in policy
        assert 'content="http://127.0.0.1:9/v3/"' in page.text


async def test_a_person_gets_a_page_where_there_is_none(folder: Path, redis: Redis) -> None:
    person = {"Accept": "text/html,application/xhtml+xml"}
    async with visit(site(folder, redis)) as ann:
        missing = await ann.get("/nowhere", headers=person)
        assert (missing.status_code, missing.text) == (404, "<h1>Nothing here</h1>")
        assert (await ann.get("/api/nowhere", headers=person)).json()["code"] == "not_found"
        assert (await ann.get("/nowhere")).json()["code"] == "not_found"
        assert (await ann.post("/nowhere", headers=person)).status_code == 404
    (folder / "pages/404.html").unlink()
    async with visit(site(folder, redis)) as ann:
        assert "There is no such page" in (await ann.get("/nowhere", headers=person)).text


async def test_the_icon_that_browsers_ask_for(folder: Path, redis: Redis) -> None:
    async with visit(site(folder, redis)) as ann:
        assert (await ann.get("/favicon.ico")).headers["content-type"] == "image/svg+xml"
    (folder / "favicon.svg").unlink()
    async with visit(site(folder, redis)) as ann:
        assert (await ann.get("/favicon.ico")).status_code == 404
