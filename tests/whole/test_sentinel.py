"""The master of Redis dies while people buy: the replica takes over, and what it did not know is repaired."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.buyer import Json, visiting
from tests.support.sentinels import Watched
from tests.support.servers import PostgreSQL, open_redis
from tests.support.waiting import until
from tests.support.zygote import Zygote
from tests.whole.conftest import Street, open_street
from tests.whole.test_two_processes import pays


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Watched]:
    servers = Watched(tmp_path / "sentinels")
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


@pytest.fixture
async def street(
    servers: Watched, spare_postgresql: PostgreSQL, tmp_path: Path, zygote: Zygote
) -> AsyncIterator[Street]:
    await servers.is_complete()
    master = servers.servers[0]
    async with open_street(master, spare_postgresql, tmp_path, zygote, url=servers.url) as street:
        yield street


async def test_a_failover_that_loses_the_last_changes_leaves_everybody_right(
    street: Street, servers: Watched
) -> None:
    await street.sells("hall", 10)
    first, second = street.addresses
    async with visiting(first) as ann, visiting(second, "json") as ben:
        await ann.watches("hall")
        await ben.watches("hall")
        await ann.holds("A-1")
        booking = await pays(ann)
        kept = await ann.holds("A-2")
        await ben.sees("A-2", available=0, held=1)
        master = servers.servers[0]
        async with open_redis(servers.servers[1].url) as replica:
            await until(lambda: replica.exists(f"{{hall}}:hold:{kept['hold']['id']}"))
            # The replica hears no more of its master, which goes on for a while and then dies.
            await replica.config_set("masterauth", "nothing that opens it")
        async with open_redis(master.url) as direct:
            await direct.client_kill_filter(_type="replica")
        lost = await ann.holds("A-3")
        await ben.sees("A-3", available=0, held=1)
        master.kill()

        async def sells_again() -> bool:
            answer: Json = await ben.asks_for("A-4")
            assert answer["type"] in {"held", "error"}, answer
            return bool(answer["type"] == "held")

        await until(sells_again)
        for buyer in (ann, ben):
            await buyer.sees("A-1", available=0, held=0)
            await buyer.sees("A-2", available=0, held=1)
            await buyer.sees("A-3", available=1, held=0)
            await buyer.sees("A-4", available=0, held=1)
        told = await ann.tab.hears("hold", id=lost["hold"]["id"], status="lost")
        assert told["reason"] == "lost"
        assert booking
    await street.is_sound()
