"""`POST /api/sessions`: a session for a browser or a program, new or renewed."""

import msgspec
from starlette.routing import Route

from server.accounts.sessions import COOKIE
from server.accounts.tokens import SESSION_SECONDS
from server.http.endpoint import NOBODY, Answer, Call, endpoint
from server.settings import Settings
from server.times import rfc3339


class _Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The request has no fields."""


async def _open(call: Call) -> Answer:
    """A new session; with a valid token or cookie, that same one renewed."""
    opened = await call.parts.sessions.open(None if call.caller == NOBODY else call.caller)
    content = {
        "session": opened.session,
        "token": opened.token,
        "csrf": call.parts.sessions.csrf(opened.session),
        "expires_at": rfc3339(opened.expires_at),
    }
    return Answer(content, 201, {"Set-Cookie": cookie(opened.token, call.parts.settings)})


def cookie(token: str, settings: Settings) -> str:
    """The Set-Cookie of a session's token; `Secure` where the public address is https."""
    secure = "; Secure" if settings.public_url.startswith("https://") else ""
    return f"{COOKIE}={token}; Path=/; Max-Age={SESSION_SECONDS}; HttpOnly; SameSite=Lax{secure}"


# A repeat renews the same session, so there is nothing that an Idempotency-Key would have to keep.
routes = [
    Route(
        "/api/sessions",
        endpoint(_open, body=_Nothing, access="open", csrf=False, idempotent=False, displays=True),
        methods=["POST"],
    )
]
