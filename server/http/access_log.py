"""One line for each request and each socket, with an id, without queries, tokens or bodies."""

import logging
import secrets
import time
from typing import Any, Final

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.http.addresses import address_of
from server.http.hosts import PROBES

_log = structlog.get_logger("holdfast.access")
_PATH_LIMIT: Final = 200


class AccessLog:
    """Names each request (`X-Request-Id`, and `request` in every line logged on its way) and writes its line.

    Of a path that has secrets in it (a transfer's token) the route is logged instead.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = _log.bind()  # made for each line, it would cost as much as the line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        line = _Line(scope, send)
        before = structlog.contextvars.bind_contextvars(request=line.request)
        try:
            await self._app(scope, receive, line.send)
        finally:
            line.write(self._log)
            structlog.contextvars.reset_contextvars(**before)


class _Line:
    def __init__(self, scope: Scope, send: Send) -> None:
        self.request = secrets.token_hex(8)
        self._scope = scope
        self._send = send
        self._status: int | None = None
        self._began = time.perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            self._status = message["status"]
            MutableHeaders(scope=message)["X-Request-Id"] = self.request
        elif message["type"] == "websocket.accept":
            self._status = 101
        elif message["type"] == "websocket.close":
            self._status = message.get("code", 1000) if self._status else 403
        await self._send(message)

    def write(self, log: Any) -> None:
        level = logging.DEBUG if self._scope["path"] in PROBES else logging.INFO
        if not log.is_enabled_for(level):
            return
        log.log(
            level,
            "socket" if self._scope["type"] == "websocket" else "request",
            method=self._scope.get("method", "GET"),
            path=_path(self._scope),
            status=self._status,
            milliseconds=round((time.perf_counter() - self._began) * 1000, 1),
            address=address_of(self._scope),
        )


def _path(scope: Scope) -> str:
    route: Any = scope.get("route")
    template = getattr(route, "path", "")
    path: str = template if "{token}" in template else scope["path"]
    return path[:_PATH_LIMIT]
