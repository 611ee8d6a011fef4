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
