"""What every request and handshake passes on its way in, and what every answer is sent with, in one step.

Each of the things done here stands in a module of its own. One after the other as middlewares they would each
be in the way of every message, which took longer than all of their work.
"""

import time
from collections.abc import Callable

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import BadRequest, RateLimited, Unavailable
from server.http import address_limit
from server.http.access_log import LogEntry, access_log
from server.http.cors import PREFLIGHT, Cors, Marks
from server.http.hosts import Hosts
from server.http.problems import failed
from server.http.refusals import refuse
from server.http.security_headers import SecurityHeaders
from server.settings import Settings

Count = Callable[[Scope, int, float], None]
"""Told of each request with its status and its seconds."""


class Front:
    """ASGI middleware: names, measures and logs what comes; lets in what is for us, and not too often."""

    def __init__(self, app: ASGIApp, settings: Settings, count: Count | None = None) -> None:
        self._app = app
        self._count = count
        self._hosts = Hosts(settings)
        self._cors = Cors(settings)
        self._security = SecurityHeaders(settings)
        self._log = access_log()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, handshake or lifespan."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        began, entry = time.perf_counter(), LogEntry(scope)
        answer = _Answer(entry, self._security.of(scope) if scope["type"] == "http" else [], send)
        before = structlog.contextvars.bind_contextvars(request=entry.request)
        try:
            await self._let_in(scope, receive, answer)
        finally:
            seconds = time.perf_counter() - began
            entry.write(self._log, seconds)
            structlog.contextvars.reset_contextvars(**before)
            if self._count is not None and scope["type"] == "http":
                self._count(scope, entry.status or 500, seconds)

    async def _let_in(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        if not self._hosts.knows(scope):
            foreign = BadRequest("the Host header names somebody else")
            await refuse(scope, receive, answer.send, foreign)
            return
        answer.marks = self._cors.marks(scope)
        if self._cors.is_preflight(scope, answer.marks):
            await Response(status_code=204, headers=PREFLIGHT)(scope, receive, answer.send)
            return
        try:
            await address_limit.count(scope)
        except (RateLimited, Unavailable) as error:
            await refuse(scope, receive, answer.send, error)
            return
        await self._pass_on(scope, receive, answer)

    async def _pass_on(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        """A fault of ours is answered here, with what every answer has; unless another has begun."""
        try:
            await self._app(scope, receive, answer.send)
        except Exception as error:
            if scope["type"] != "http" or answer.has_begun:
                raise
            response = await failed(Request(scope), error)
            await response(scope, receive, answer.send)


class _Answer:
    """Sends, and adds to an answer's head what every answer has. `marks` say who may read it."""

    __slots__ = ("_entry", "_send", "_usual", "marks")

    def __init__(self, entry: LogEntry, usual: list[tuple[bytes, bytes]], send: Send) -> None:
        self._entry = entry
        self._usual = usual
        self._send = send
        self.marks: Marks = ()

    @property
    def has_begun(self) -> bool:
        """Whether its head is on its way."""
        return self._entry.status is not None

    async def send(self, message: Message) -> None:
        """One message."""
        match message["type"]:
            case "http.response.body":
                pass
            case "http.response.start" | "websocket.http.response.start":
                self._entry.status = message["status"]
                self._add_to(message)
            case _:
                self._entry.notes(message)
        await self._send(message)

    def _add_to(self, message: Message) -> None:
        said = message.get("headers", ())
        names = {name for name, _ in said}
        message["headers"] = [
            *said,
            *(each for each in self._usual if each[0] not in names),
            *self.marks,
            (b"x-request-id", self._entry.request.encode()),
        ]
