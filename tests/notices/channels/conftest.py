"""A visitor of an app that has pushes and webhooks, and whoever they go to."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from server.accounts.sessions import Sessions
from server.database.pool import Database
from server.http.outgoing import Outgoing
from server.notices import push_routes, webhook_routes
from server.notices.channels.vapid import VapidKey, new_private_key
from server.notices.pushes import Pushes
from server.notices.webhook_endpoints import WebhookEndpoints
from server.ops.limits import Limits
from server.settings import Settings
from tests.support.certificates import client_context
from tests.support.door import SETTINGS, Clock, app_of, bearer, jwt_of, visit


@dataclass
class Parts:
    """What the routes reach for."""

    settings: Settings
    redis: Any
    sessions: Sessions
    limits: Limits
    pushes: Pushes
    webhooks: WebhookEndpoints


@dataclass
class House:
    """`calls` asks as a user; what it answers is the response."""

    database: Database
    outgoing: Outgoing
    key: VapidKey
    clock: Clock
    parts: Parts
    client: httpx.AsyncClient

    async def calls(
        self, user: str, method: str, path: str, body: Any = None, *, roles: tuple[str, ...] = ("owner",)
    ) -> httpx.Response:
        return await self.client.request(method, path, json=body, headers=bearer(jwt_of(user, roles=roles)))


@pytest.fixture
async def house(redis: Redis, database: Database) -> AsyncIterator[House]:
    """On this machine users may have this machine called; every other address is judged as ever."""
    clock = Clock()
    outgoing = Outgoing(loopback=True, trust=client_context())
    key = VapidKey.read(new_private_key())
    parts = Parts(
        SETTINGS,
        redis,
        Sessions(SETTINGS, redis),
        Limits(SETTINGS, redis),
        Pushes(database, outgoing, key, clock),
        WebhookEndpoints(database, outgoing, clock),
    )
    app = app_of(parts, [*push_routes.routes, *webhook_routes.routes])
    async with visit(app) as client:
        yield House(database, outgoing, key, clock, parts, client)
    outgoing.close()
