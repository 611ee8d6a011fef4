"""Headers that keep a browser from doing what no page of ours asks for (CSP level 3, RFC 6797).

A page that needs more says so itself: what it sets is left as it is.
"""

import re
from functools import lru_cache
from typing import Final

from starlette.types import Scope

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
    """What every HTTP answer has that does not say it itself, refusals included."""

    def __init__(self, settings: Settings) -> None:
        always = dict(_ALWAYS)
        if settings.public_url.startswith("https://"):
            always["Strict-Transport-Security"] = "max-age=31536000"
        self._headers = [(name.lower().encode(), value.encode()) for name, value in always.items()]

    def of(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """Those of the answer to a request."""
        return [*self._headers, (b"content-security-policy", _policy(asked_host(scope)))]


@lru_cache(64)
def _policy(host: str) -> bytes:
    return content_security_policy(host).encode("latin-1")


def asked_host(scope: Scope) -> str:
    """The Host that was asked for, as far as a header may carry it."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    return host if _HOST.fullmatch(host) else ""
