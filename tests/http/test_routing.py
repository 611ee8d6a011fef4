"""An index over the routes: the same answers as by asking one after the other."""

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.types import Message, Scope

from server.app import api_routes
from server.http.routing import IndexedRouter


async def named(request: Request) -> Response:
    return PlainTextResponse(f"{request.scope['route'].path} {sorted(request.path_params.items())}")


ROUTES = [
    Route("/", named),
    Route("/api/seats", named),
    Route("/api/seats", named, methods=["POST"]),
    Route("/api/seats/best", named),
    Route("/api/seats/{id}", named),
    Route("/api/seats/{id}", named, methods=["DELETE"]),
    Route("/api/{anything}", named),
    Route("/api/{anything}", named, methods=["PUT"]),
    Route("/shown/{path:path}", named),
    Mount("/mounted", routes=[Route("/deep/er", named)]),
    Route("/{page}", named),
]
PATHS = [
    *("/", "/api", "/api/", "/api/seats", "/api/seats/", "/api/seats/best", "/api/seats/7", "/api/seats/7/8"),
    *("/api/other", "/shown", "/shown/", "/shown/a/b/c", "/mounted/deep/er", "/mounted", "/about", "/a/b/c"),
    *("//", "//api/seats", "/api//seats", "/API/seats", "/api/seats%2F7", ""),
    *(
        "/\n",
        "/api\n",
        "/api/seats\n",
        "/api/seats\n\n",
        "/api/seats/\n",
        "/api/seats/best\n",
        "/api\n/seats",
        "\n",
    ),
]


async def answer(router: Router, method: str, path: str, root: str = "") -> tuple[int, bytes]:
    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": root,
        "headers": [],
        "query_string": b"",
        "path_params": {},
    }
    await router(scope, receive, send)
    return said[0]["status"], said[1]["body"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "DELETE", "PUT"])
@pytest.mark.parametrize("path", PATHS)
async def test_each_path_has_the_answer_of_all_routes_in_their_order(method: str, path: str) -> None:
    plain = Router(ROUTES, redirect_slashes=False)
    assert await answer(IndexedRouter(plain), method, path) == await answer(plain, method, path)


async def test_behind_a_prefix_of_a_proxy_all_routes_are_asked() -> None:
    plain = Router(ROUTES, redirect_slashes=False)
    assert await answer(IndexedRouter(plain), "GET", "/behind/api/seats/7", root="/behind") == await answer(
        plain, "GET", "/behind/api/seats/7", root="/behind"
    )


def test_of_our_own_routes_few_are_asked() -> None:
    indexed = IndexedRouter(Router(api_routes(), redirect_slashes=False))
    asked = [len(router.routes) for router in indexed._by_head.values()]
    assert max(asked) < len(indexed.routes) / 3
