"""Connections of the simulation lose what real ones do: what the dead left, what a broken line carried."""

import asyncio
import random
from datetime import UTC, datetime

import asyncpg
import pytest

from tests.simulation.loop import SimulatedLoop
from tests.simulation.network import Server, Weather
from tests.simulation.postgres.queries import NAMES
from tests.simulation.postgres.server import Connection, Postgres
from tests.simulation.postgres.transactions import Tables, Transaction
from tests.simulation.pubsub import Bus

BUMP = next(text for text, name in NAMES.items() if name == "bump_epoch")


@pytest.mark.parametrize("in_flight", [False, True])
def test_a_transaction_that_began_on_the_way_ends_with_its_process(*, in_flight: bool) -> None:
    """Its statement stalls on the network, and arrives long after the process is dead."""

    async def dies_while_it_asks() -> None:
        postgres = Postgres()
        postgres.tables.put("resource", "hall", {"id": "hall", "epoch": "", "layout": 1})
        connection = Connection(postgres, Weather(random.Random(1), stalls=1.0), 1)
        await connection.opens()
        await connection.begins()
        asking = asyncio.create_task(connection.fetch(BUMP, "hall", "anew", datetime.now(UTC)))
        await asyncio.sleep(0.0001)
        connection.dies(in_flight=in_flight)
        await asyncio.gather(asking, return_exceptions=True)
        await asyncio.sleep(1)
        assert postgres.tables.locks == {}
        assert postgres.tables.table("resource")["hall"]["epoch"] == ""

    loop = SimulatedLoop(1)
    try:
        loop.run_until_complete(dies_while_it_asks())
    finally:
        loop.close()


def test_who_gave_up_waiting_for_a_lock_ends_after_whoever_had_it() -> None:
    """Nobody has the lock by then, and nobody waits for it: there is nothing left to give back."""

    async def gives_up() -> None:
        tables = Tables()
        first, second = Transaction(tables), Transaction(tables)
        assert list(first.lock("live reference", "BK-1")) == []
        second.lock_timeout = 1.0
        waits = second.lock("live reference", "BK-1")
        granted = next(waits)
        await asyncio.wait([granted])
        with pytest.raises(asyncpg.LockNotAvailableError):
            next(waits)
        first.abort()
        second.abort()
        assert tables.locks == {}

    loop = SimulatedLoop(1)
    try:
        loop.run_until_complete(gives_up())
    finally:
        loop.close()


def test_who_was_cut_off_from_pubsub_is_told_that_something_may_be_missing() -> None:
    async def is_cut_off() -> list[str]:
        bus, told = Bus(Server("redis"), Weather(random.Random(1))), list[str]()
        bus.subscribe("news", lambda data: told.append(data.decode()))
        bus.on_gap(lambda: told.append("a gap"))
        bus.cut_off(is_away=True)
        bus.published("news", b"lost")
        await asyncio.sleep(5)
        bus.cut_off(is_away=False)
        await asyncio.sleep(1)
        bus.published("news", b"heard")
        await asyncio.sleep(1)
        return told

    loop = SimulatedLoop(1)
    try:
        assert loop.run_until_complete(is_cut_off()) == ["a gap", "heard"]
    finally:
        loop.close()
