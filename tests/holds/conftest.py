"""Worlds to hold things in. Each starts with an empty Redis."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest
from redis.asyncio import Redis

from server.holds.client import connect
from server.holds.index import Index
from server.settings import Settings
from tests.holds.world import Clock, Hall, World, hall, rows

MakeWorld = Callable[..., World]


@pytest.fixture
async def holds_redis(redis: Redis, redis_url: str) -> AsyncIterator[Redis]:  # noqa: ARG001  # `redis` empties it
    """The kind of client that production changes holds with, but patient: this machine may be busy."""
    client = connect(redis_url, seconds=30)
    yield client
    await client.aclose()


@pytest.fixture
def make_world(holds_redis: Redis) -> MakeWorld:
    """A world of these halls; `settings` as in the environment; its time stands unless it is moved."""

    def make(*halls: Hall, real_time: bool = False, **settings: Any) -> World:
        chosen: Iterable[Hall] = halls or (hall("hall", rows(A=6, B=4)),)
        return World(holds_redis, chosen, Settings(**settings), None if real_time else Clock())

    return make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """One hall with the rows A (6 seats) and B (4)."""
    return make_world()


@pytest.fixture(params=["one server", "a cluster"])
def either_redis(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hold is one call or, where a session's keys and a resource's are on two servers, two: alike."""
    monkeypatch.setattr(Index, "is_beside_resources", request.param == "one server")
