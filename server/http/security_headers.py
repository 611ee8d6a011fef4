"""Headers that keep a browser from doing what no page of ours asks for (CSP level 3, RFC 6797).

A page that needs more says so itself: what it sets is left as it is.
"""

import re
from functools import lru_cache
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.settings import Settings

_HOST: Final = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,255}")
_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def content_security_policy(host: str) -> str:
    """Everything from here alone, and the socket of `host`; nothing inline, no frame around us."""
    sockets = f" ws://{host} wss://{host}" if host else ""
    return (
        f"default-src 'self'; connect-src 'self'{sockets}; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


class SecurityHeaders:
    """Sets them on every HTTP answer, refusals included."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        always = dict(_ALWAYS)
        if settings.public_url.startswith("https://"):
            always["Strict-Transport-Security"] = "max-age=31536000"
        self._headers = [(name.lower().encode(), value.encode()) for name, value in always.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        ours = [*self._headers, (b"content-security-policy", _policy(asked_host(scope)))]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = message.setdefault("headers", [])
                names = {name for name, _ in said}
                message["headers"] = [*said, *(each for each in ours if each[0] not in names)]
            await send(message)

        await self._app(scope, receive, send_with_headers)


@lru_cache(64)
def _policy(host: str) -> bytes:
    return content_security_policy(host).encode("latin-1")


def asked_host(scope: Scope) -> str:
    """The Host that was asked for, as far as a header may carry it."""
    host = Headers(scope=scope).get("host", "")
    return host if _HOST.fullmatch(host) else ""
