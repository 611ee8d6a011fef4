"""The pages: plain HTML files. `__STATIC__` in them becomes the present name of the static tree,
`__PAYMENTS__` the name of who takes the money: pages say so when that is the sandbox. For the pages with a
card form `__STRIPE_KEY__` is the publishable key, `__STRIPE_JS__` the address of Stripe's script, and
`__STRIPE_CHECKOUT__` says whether Stripe's own page is there as well.
"""

import gzip
import hashlib
import html
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.http.payment_policy import STRIPE_JS, PaymentPolicy, payment_policy
from server.http.security_headers import asked_host
from server.http.static_files import StaticFile, StaticTree, send
from server.settings import Settings

PAGES: Final = {
    "/": "index.html",
    "/driveways": "driveways.html",
    "/resources/{id}": "resource.html",
    "/booking": "booking.html",
    "/bookings/{id}": "booking-result.html",
    "/my-bookings": "my-bookings.html",
    "/owner": "owner.html",
    "/transfers": "transfers.html",
    "/preferences": "preferences.html",
    "/kiosk/{id}": "kiosk.html",
    "/sign-in": "sign-in.html",
}
PAYMENT_PAGES: Final = {"/bookings/{id}/pay": "pay.html", "/pay/{id}": "share.html"}
"""Those with a card form: they alone may load and frame what is not ours."""
SANDBOX_PAGES: Final = {"/sandbox/payments/{id}": "sandbox.html"}
WORKER: Final = "/service-worker.js"
"""Its address says which pages are its: all of them, so it can't stand below the static tree's name."""
NOT_FOUND: Final = "404.html"
_PLAIN_NOT_FOUND: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Not found</title>'
    '<h1>There is no such page</h1><p><a href="/">Everything there is to book</a></p></html>'
)


class Pages:
    """Every page of static/pages, with its ETag; the sandbox's only where the sandbox takes the money."""

    def __init__(self, tree: StaticTree, settings: Settings) -> None:
        self._tree = tree
        self._policy = payment_policy(settings)
        self._words = {
            "__STATIC__": tree.prefix,
            "__PAYMENTS__": settings.payments or "",
            "__STRIPE_KEY__": settings.stripe_publishable_key,
            "__STRIPE_JS__": settings.stripe_js_url or STRIPE_JS,
            "__STRIPE_CHECKOUT__": "served" if settings.serves_checkout else "",
        }
        self._paths = PAGES | PAYMENT_PAGES | (SANDBOX_PAGES if settings.payments == "sandbox" else {})
        self._not_found = self._page(NOT_FOUND) or _file(_PLAIN_NOT_FOUND)

    def routes(self) -> list[Route]:
        """A route for each page there is; ids are looked at by the page's script, so any id has its page."""
        found = {path: self._page(name) for path, name in self._paths.items()}
        policies = dict.fromkeys(PAYMENT_PAGES, self._policy)
        routes = [
            Route(path, _endpoint(page, policies.get(path)))
            for path, page in found.items()
            if page is not None
        ]
        worker = self._tree.find("pages/service-worker.js")
        return routes if worker is None else [*routes, Route(WORKER, _endpoint(worker, None))]

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
        for word, meaning in self._words.items():
            text = text.replace(word, html.escape(meaning))
        return _file(text)


def _file(text: str) -> StaticFile:
    content = text.encode()
    return StaticFile(content, gzip.compress(content, mtime=0), "text/html; charset=utf-8")


def _endpoint(page: StaticFile, policy: PaymentPolicy | None) -> Callable[[Request], Awaitable[Response]]:
    etag = f'W/"{hashlib.sha256(page.content).hexdigest()[:16]}"'

    async def serve(request: Request) -> Response:
        if request.headers.get("if-none-match") == etag:
            response = Response(status_code=304, headers={"Cache-Control": "no-cache"})
        else:
            response = send(request, page, "no-cache")
        response.headers["ETag"] = etag
        response.headers.update(policy.headers(asked_host(request.scope)) if policy else {})
        return response

    return serve
