"""How the map of a cluster's slots is read, without any server."""

import asyncio
from typing import Any

import pytest
from redis.exceptions import MovedError

from channels.cluster import SLOTS, Nodes
from channels.redis_url import Host, read


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


class Server:
    """A server of a cluster that tells one master of all slots."""

    def __init__(self, master: int) -> None:
        self.master = master
        self.asked = 0
        self.closed = False

    async def execute_command(self, *_command: str) -> list[list[Any]]:
        self.asked += 1
        return [[0, SLOTS - 1, [b"127.0.0.1", self.master]]]

    async def aclose(self) -> None:
        self.closed = True


def host(port: int) -> Host:
    return "127.0.0.1", port


def meet(nodes: Nodes, masters: dict[int, int]) -> dict[int, Server]:
    """Servers by port, each of which tells of a master."""
    servers = {port: Server(master) for port, master in masters.items()}
    nodes._clients = {host(port): server for port, server in servers.items()}  # type: ignore[misc]  # as far as asked
    return servers


async def test_a_client_is_closed_when_two_readings_miss_its_server(nodes: Nodes) -> None:
    """One alone may be of a server that has not heard yet of what was just moved there."""
    servers = meet(nodes, {1: 1, 2: 1, 3: 3})
    closed = []
    for _ in range(2):
        await nodes.refresh()
        closed.append(servers[3].closed)
    assert closed == [False, True]
    assert host(3) not in nodes._clients


async def test_whoever_was_named_by_a_redirect_is_asked_first(nodes: Nodes) -> None:
    servers = meet(nodes, {1: 1, 2: 1, 3: 3})
    await nodes.refresh()

    async def send(client: Any, asking: bool) -> bool:
        del asking
        if client is not servers[3]:
            raise MovedError("7 127.0.0.1:3")
        return True

    assert await nodes.route(7, send)
    await nodes.refresh()
    assert (servers[3].asked, nodes.host_of(7), nodes.masters) == (1, host(3), (host(3),))


async def test_what_is_no_master_any_more_is_not_asked_while_one_answers(nodes: Nodes) -> None:
    """It may be cut off, or forgotten, and named in the address still."""
    servers = meet(nodes, {1: 1, 2: 3, 3: 3})
    nodes.masters = (host(3),)
    for _ in range(6):
        await nodes.refresh()
    assert (servers[1].asked, servers[2].asked, servers[3].asked) == (0, 0, 6)
