"""A small app with real doors: the middleware, sessions, limits and a few routes of its own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from server.accounts import routes as accounts
from server.accounts.sessions import Sessions
from server.accounts.users import mint
from server.http.middleware import middleware
from server.http.problems import exception_handlers
from server.ops.limits import Limits
from server.settings import Settings
from server.times import now_milliseconds

SECRET_KEY = "a-secret-of-the-tests-0123456789abcdef"
JWT_SECRET = "another-secret-of-the-tests-0123456789"
BASE_URL = "http://tickets.example"
SETTINGS = Settings(secret_key=SECRET_KEY, jwt_secret=JWT_SECRET, public_url=BASE_URL, payments="sandbox")


class Clock:
    """Milliseconds that move when a test says so."""

    def __init__(self) -> None:
        self.now = now_milliseconds()

    def __call__(self) -> int:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


@dataclass
class Parts:
    """What the routes under test reach for."""

    settings: Settings
    redis: Any
    sessions: Sessions
    limits: Limits


def parts_of(redis: Redis, clock: Clock | None = None, **settings: Any) -> Parts:
    chosen = replace(SETTINGS, **settings)
    sessions = Sessions(chosen, redis, clock=clock or now_milliseconds)
    return Parts(chosen, redis, sessions, Limits(chosen, redis))


def app_of(parts: Any, routes: Sequence[BaseRoute]) -> Starlette:
    app = Starlette(
        routes=[*accounts.routes, *routes],
        middleware=middleware(parts.settings),
        exception_handlers=exception_handlers,
    )
    app.router.redirect_slashes = False
    app.state.parts = parts
    return app


@asynccontextmanager
async def visit(app: Starlette, address: str = "192.0.2.1") -> AsyncIterator[httpx.AsyncClient]:
    """A client with a cookie jar, from `address`."""
    transport = httpx.ASGITransport(app, client=(address, 50_000))
    async with httpx.AsyncClient(
        transport=transport, base_url=app.state.parts.settings.public_url or BASE_URL
    ) as client:
        yield client


def jwt_of(
    user: str, *, name: str | None = None, roles: Sequence[Any] = ("buyer",), seconds: int = 3600
) -> str:
    return mint(JWT_SECRET, user=user, name=name, now=now_milliseconds(), roles=roles, seconds=seconds)


def bearer(token: str, session: str | None = None) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {token}"}
    return headers if session is None else {**headers, "Holdfast-Session": session}
