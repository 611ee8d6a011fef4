"""Which route a request is for, without asking those whose paths begin otherwise."""

from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from server.http.endpoint import rules_of

SEGMENTS: Final = 2
"""So many of a path's segments tell which routes may be meant."""


class IndexedRouter(Router):
    """Starlette's router, over the same routes in the same order, with the same answers.

    Of sixty routes each request asks the few that begin as its path does, and those that may begin anyhow.
    """

    def __init__(self, router: Router) -> None:
        super().__init__(router.routes, redirect_slashes=False)
        for route in router.routes:
            if isinstance(route, Route) and rules_of(route.endpoint) is not None:
                route.app = _straight(route.endpoint)
        self.lifespan_context = router.lifespan_context
        heads = {head for route in router.routes if (head := _head_of(route)) is not None}
        self._by_head = {head: _only(router.routes, head) for head in heads}
        self._elsewhere = _only(router.routes, None)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, handshake or lifespan."""
        if scope["type"] == "lifespan" or scope.get("root_path"):
            await super().app(scope, receive, send)
            return
        # A route's pattern ends in `$`, which also matches before a line feed at the end.
        path = scope["path"].removesuffix("\n")
        found = self._by_head.get(_head(path), self._elsewhere)
        await found.app(scope, receive, send)


def _straight(endpoint: Any) -> ASGIApp:
    """An endpoint() without what Starlette has around endpoints for errors, which this one answers itself."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    return app


def _only(routes: Sequence[BaseRoute], head: str | None) -> Router:
    return Router([route for route in routes if _head_of(route) in {head, None}], redirect_slashes=False)


def _head_of(route: BaseRoute) -> str | None:
    """How each path of the route begins; None where they begin in different ways, or nobody knows how."""
    path = getattr(route, "path", None)
    head = None if path is None or hasattr(route, "routes") else _head(path)
    return None if head is None or "{" in head else head


def _head(path: str) -> str:
    return "/".join(path.split("/", SEGMENTS + 1)[: SEGMENTS + 1])
