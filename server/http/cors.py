"""What pages of other origins may read, so that availability can be shown on them (Fetch standard, "CORS").

The static tree is everybody's. The API answers pages of ALLOWED_ORIGINS, never with a cookie: there a session
is its token's, in `Authorization`. `Access-Control-Allow-Credentials` is not sent, so no browser hands over
an answer that a cookie was part of.
"""

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.settings import Settings

STATIC: Final = "/static/"
API: Final = "/api/"
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Holdfast-Session, Idempotency-Key",
    "Access-Control-Max-Age": "600",
}
_READABLE: Final = {"Access-Control-Expose-Headers": "Date, ETag, Location, Retry-After"}


class Cors:
    """Answers preflights, and marks answers as readable for pages of the origins that are allowed."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._origins = settings.allowed_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith((STATIC, API)):
            await self._app(scope, receive, send)
            return
        allowed = self._allowed(scope)
        if allowed and _is_preflight(scope):
            await Response(status_code=204, headers=allowed | _PREFLIGHT)(scope, receive, send)
            return
        marks = allowed | (_READABLE if allowed else {})
        await self._app(scope, receive, _marking(send, marks, varies=scope["path"].startswith(API)))

    def _allowed(self, scope: Scope) -> dict[str, str]:
        """The header that lets the asking page read the answer; empty where it may not."""
        if scope["path"].startswith(STATIC):
            return {"Access-Control-Allow-Origin": "*"}
        origins = Headers(scope=scope).getlist("origin")
        if len(origins) != 1 or origins[0] not in self._origins:
            return {}
        return {"Access-Control-Allow-Origin": origins[0], "Vary": "Origin"}


def _is_preflight(scope: Scope) -> bool:
    return scope["method"] == "OPTIONS" and "access-control-request-method" in Headers(scope=scope)


def _marking(send: Send, marks: Mapping[str, str], *, varies: bool) -> Send:
    """`send`, with the marks on the answer's head. What depends on the Origin says so to every cache."""

    async def send_marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in marks.items():
                if name != "Vary":
                    headers[name] = value
            if varies:
                headers.add_vary_header("Origin")
        await send(message)

    return send_marked
