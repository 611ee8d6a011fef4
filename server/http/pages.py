"""The pages: plain HTML files. `__STATIC__` in them becomes the present name of the static tree,
`__PAYMENTS__` the name of who takes the money: pages say so when that is the sandbox.
"""

import gzip
import hashlib
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.http.static_files import StaticFile, StaticTree, send
from server.settings import Settings

PAGES: Final = {
    "/": "index.html",
    "/resources/{id}": "resource.html",
    "/booking": "booking.html",
    "/bookings/{id}": "booking-result.html",
    "/kiosk/{id}": "kiosk.html",
}
SANDBOX_PAGES: Final = {"/sandbox/payments/{id}": "sandbox.html"}
NOT_FOUND: Final = "404.html"
_PLAIN_NOT_FOUND: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Not found</title>'
    '<h1>There is no such page</h1><p><a href="/">Everything there is to book</a></p></html>'
)


class Pages:
    """Every page of static/pages, with its ETag; the sandbox's only where the sandbox takes the money."""

    def __init__(self, tree: StaticTree, settings: Settings) -> None:
        self._tree = tree
        self._payments = settings.payments or ""
        self._paths = PAGES | (SANDBOX_PAGES if settings.payments == "sandbox" else {})
        self._not_found = self._page(NOT_FOUND) or _file(_PLAIN_NOT_FOUND)

    def routes(self) -> list[Route]:
        """A route for each page there is; ids are looked at by the page's script, so any id has its page."""
        found = {path: self._page(name) for path, name in self._paths.items()}
        return [Route(path, _endpoint(page)) for path, page in found.items() if page is not None]

    def not_found(self, request: Request) -> Response:
        """The page for an address without one."""
        response = send(request, self._not_found, "no-store")
        response.status_code = 404
        return response

    def _page(self, name: str) -> StaticFile | None:
        path = self._tree.folder / "pages" / name
        if not path.is_file():
            return None
        text = path.read_text(encoding="utf-8")
        return _file(text.replace("__STATIC__", self._tree.prefix).replace("__PAYMENTS__", self._payments))


def _file(text: str) -> StaticFile:
    content = text.encode()
    return StaticFile(content, gzip.compress(content, mtime=0), "text/html; charset=utf-8")


def _endpoint(page: StaticFile) -> Callable[[Request], Awaitable[Response]]:
    etag = f'W/"{hashlib.sha256(page.content).hexdigest()[:16]}"'

    async def serve(request: Request) -> Response:
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag, "Cache-Control": "no-cache"})
        response = send(request, page, "no-cache")
        response.headers["ETag"] = etag
        return response

    return serve
