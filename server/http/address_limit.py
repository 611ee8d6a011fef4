"""RATE_ADDRESS: so many requests and handshakes a second from one address."""

from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from server.errors import RateLimited, Unavailable
from server.http.addresses import address_of
from server.http.hosts import PROBES
from server.http.refusals import refuse


class AddressLimit:
    """Answers 429 with Retry-After. While Redis is away reads go on uncounted and changes are refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" and scope["path"] not in PROBES:
            try:
                await self._count(scope)
            except (RateLimited, Unavailable) as error:
                await refuse(scope, receive, send, error)
                return
        await self._app(scope, receive, send)

    async def _count(self, scope: Scope) -> None:
        limits: Any = scope["app"].state.parts.limits
        try:
            await limits.take("address", address_of(scope))
        except Unavailable:
            if scope.get("method", "GET") not in {"GET", "HEAD", "OPTIONS"}:
                raise
