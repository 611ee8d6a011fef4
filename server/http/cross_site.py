"""Which pages may change something with a visitor's cookie: only our own, as docs/embedding.md says."""

from collections.abc import Mapping

from starlette.requests import Request

from server.accounts.rules import Caller
from server.errors import Forbidden
from server.settings import Settings


def own_origin(origin: str, host: str, settings: Settings) -> bool:
    """Whether `origin` is exactly one of ours; with none configured, the address asked for is."""
    if settings.origins:
        return origin in settings.origins
    return origin in {f"http://{host}", f"https://{host}"}


def require_own_origin(request: Request, settings: Settings, caller: Caller) -> None:
    """Raise Forbidden for a change that a foreign page asks for; programs with Bearer tokens may go on.

    A request without any identity counts as a browser's: opening a session from elsewhere would replace
    the cookie.
    """
    if not caller.by_cookie and "authorization" in request.headers:
        return
    require_own_page(request.headers, settings)


def require_own_page(headers: Mapping[str, str], settings: Settings) -> None:
    """Raise Forbidden if `Origin` or `Sec-Fetch-Site` say that the page is somebody else's."""
    origin = headers.get("origin")
    if origin is not None and not own_origin(origin, headers.get("host", ""), settings):
        raise Forbidden("this page may not do that here")
    if headers.get("sec-fetch-site", "none") == "cross-site":
        raise Forbidden("another site may not do that here")
