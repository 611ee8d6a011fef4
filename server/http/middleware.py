"""What requests pass but webhooks that are delivered, for Starlette: it asks `app.state.parts.limits`."""

from starlette.middleware import Middleware

from server.http.front import Count, Front
from server.settings import Settings


def middleware(settings: Settings, count: Count | None = None) -> list[Middleware]:
    """`count` is told of each request."""
    return [Middleware(Front, settings, count)]
