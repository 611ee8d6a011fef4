"""RATE_ADDRESS: so many requests and handshakes a second from one address."""

from typing import Any

from starlette.types import Scope

from server.errors import Unavailable
from server.http.addresses import address_of
from server.http.hosts import PROBES


async def count(scope: Scope) -> None:
    """Raises RateLimited. While Redis is away reads go on uncounted and changes are refused: Unavailable."""
    if scope["path"] in PROBES:
        return
    limits: Any = scope["app"].state.parts.limits
    try:
        await limits.take("address", address_of(scope))
    except Unavailable:
        if scope.get("method", "GET") not in {"GET", "HEAD", "OPTIONS"}:
            raise
