"""The door of the inventory's routes, and who knocks."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from server.database.pool import Database
from server.inventory.routes import routes
from server.inventory.service import Inventory
from tests.support.door import app_of, bearer, jwt_of, parts_of, visit


@dataclass
class Parts:
    """As much of a process as these routes reach."""

    settings: Any
    redis: Any
    sessions: Any
    limits: Any
    inventory: Inventory
    holds: Any = None


@pytest.fixture
async def inventory(database: Database) -> AsyncIterator[Inventory]:
    """All resources, of which there are none yet."""
    opened = Inventory(database)
    yield opened
    await opened.close()


@pytest.fixture
async def ann(redis: Redis, inventory: Inventory) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody at the door; `as_owner` says who."""
    base = parts_of(redis, rate_commands=1000)
    parts = Parts(base.settings, base.redis, base.sessions, base.limits, inventory)
    async with visit(app_of(parts, routes)) as client:
        yield client


def as_owner(user: str = "olivia") -> dict[str, str]:
    """The headers of an owner."""
    return bearer(jwt_of(user, roles=("owner",)))


def fields(answer: httpx.Response) -> list[str]:
    """Which fields a refusal names."""
    assert answer.status_code == 422, answer.text
    return [error["field"] for error in answer.json()["errors"]]
