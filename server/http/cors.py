"""What pages of other origins may read, so that availability can be shown on them (Fetch standard, "CORS").

The static tree is everybody's. The API answers pages of ALLOWED_ORIGINS, never with a cookie: there a session
is its token's, in `Authorization`. `Access-Control-Allow-Credentials` is not sent, so no browser hands over
an answer that a cookie was part of.
"""

from collections.abc import Sequence
from typing import Final

from starlette.types import Scope

from server.settings import Settings

STATIC: Final = "/static/"
API: Final = "/api/"
PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Holdfast-Session, Idempotency-Key",
    "Access-Control-Max-Age": "600",
}

Marks = Sequence[tuple[bytes, bytes]]
"""Headers of an answer."""

_ALLOWED: Final = b"access-control-allow-origin"
_READABLE: Final = (b"access-control-expose-headers", b"Date, ETag, Location, Retry-After")
_VARIES: Final = (b"vary", b"Origin")
_EVERYBODYS: Final = ((_ALLOWED, b"*"), _READABLE)


class Cors:
    """Whom answers may be read by, and what a preflight is told."""

    def __init__(self, settings: Settings) -> None:
        self._origins = {origin.encode() for origin in settings.allowed_origins}

    def marks(self, scope: Scope) -> Marks:
        """What makes the answer readable for the asking page, if it may read it.

        What depends on the Origin says so to every cache.
        """
        path = scope["path"]
        if scope["type"] != "http" or not path.startswith((STATIC, API)):
            return ()
        if path.startswith(STATIC):
            return _EVERYBODYS
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if len(origins) != 1 or origins[0] not in self._origins:
            return (_VARIES,)
        return ((_ALLOWED, origins[0]), _READABLE, _VARIES)

    @staticmethod
    def is_preflight(scope: Scope, marks: Marks) -> bool:
        """Whether a page that may read the answer asks first whether it may ask."""
        return (
            scope["type"] == "http"
            and scope["method"] == "OPTIONS"
            and any(name == _ALLOWED for name, _ in marks)
            and any(name == b"access-control-request-method" for name, _ in scope["headers"])
        )
