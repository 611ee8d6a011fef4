"""How the map of a cluster's slots is read, without any server."""

import asyncio

import pytest

from channels.cluster import Nodes
from channels.redis_url import read


@pytest.fixture
def nodes() -> Nodes:
    return Nodes(read("redis+cluster://127.0.0.1:1,127.0.0.1:2"), connections=2)


async def test_a_reading_that_is_asked_for_as_one_ends_is_the_next_one(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look(pause: float = 0.0) -> None:
        await asyncio.sleep(pause)

    monkeypatch.setattr(nodes, "_refresh", look)
    waiting = asyncio.create_task(nodes.refresh())
    await asyncio.sleep(0)
    assert nodes._refreshing is not None
    nodes._refreshing.add_done_callback(lambda _: nodes.refresh_soon())
    await waiting
    await nodes.close()
