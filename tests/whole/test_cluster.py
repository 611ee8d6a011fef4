"""Buyers on a Redis Cluster: halls on every master, a slot that moves, and a master that dies."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from channels.cluster import SLOTS, slot_of
from tests.support.buyer import Buyer, visiting
from tests.support.servers import PostgreSQL, open_redis
from tests.support.shards import Shards
from tests.support.waiting import until
from tests.support.zygote import Zygote
from tests.whole.conftest import Street, open_street
from tests.whole.test_two_processes import pays

MASTERS = 3


@pytest.fixture
def shards(tmp_path: Path) -> Iterator[Shards]:
    shards = Shards(tmp_path / "shards", masters=MASTERS, replicas=1)
    try:
        shards.start()
        asyncio.run(shards.join())
        yield shards
    finally:
        shards.stop()


@pytest.fixture
async def street(
    shards: Shards, spare_postgresql: PostgreSQL, tmp_path: Path, zygote: Zygote
) -> AsyncIterator[Street]:
    async with open_street(shards.servers[0], spare_postgresql, tmp_path, zygote, url=shards.url) as street:
        yield street


def hall_at(number: int, kind: str = "hall") -> str:
    """A resource that the master of this number has at first."""
    names = (f"{kind}-{n}" for n in range(1000))
    return next(name for name in names if slot_of_hall(name) * MASTERS // SLOTS == number)


def slot_of_hall(name: str) -> int:
    return slot_of(f"{{{name}}}")


async def test_buyers_on_a_cluster_have_one_truth_whatever_happens_to_it(
    street: Street, shards: Shards
) -> None:
    halls = [hall_at(number) for number in range(MASTERS)]
    stays = hall_at(0, "stage")
    for name in (*halls, stays):
        await street.sells(name, 10)
    await street.sells("brief", 3, hold_seconds=5)
    first, second = street.addresses
    async with visiting(first) as ann, visiting(second, "json") as ben:
        for buyer in (ann, ben):
            for name in (*halls, stays, "brief"):
                await buyer.watches(name)
        await everything_sells(ann, ben, halls)
        await a_slot_moves(ann, ben, halls[0], shards)
        await a_slot_goes_key_by_key(ann, ben, halls[1], shards)
        await a_master_dies(ann, ben, stays, halls[2], shards)
    await street.is_sound()


async def sells(buyer: Buyer, seat: str, hall: str) -> bool:
    """Whether the seat could be held; a cluster that cannot serve just now says so."""
    answer = await buyer.asks_for(seat, resource=hall)
    assert answer["type"] == "held" or answer["code"] == "unavailable", answer
    return bool(answer["type"] == "held")


async def everything_sells(ann: Buyer, ben: Buyer, halls: list[str]) -> None:
    for name in halls:  # one cart over all masters
        await ann.holds("A-1", resource=name)
        await ben.sees("A-1", available=0, held=1, resource=name)
        answer = await ben.asks_for("A-1", resource=name)
        assert answer["code"] == "slot_taken"
    await pays(ann)
    for name in halls:
        await ben.sees("A-1", available=0, held=0, resource=name)
    await ben.holds("A-2", resource="brief")
    await ann.sees("A-2", available=0, held=1, resource="brief")
    await ann.sees("A-2", available=1, held=0, resource="brief")  # its deadline


async def a_slot_moves(ann: Buyer, ben: Buyer, hall: str, shards: Shards) -> None:
    await ann.holds("A-3", resource=hall)
    await ben.sees("A-3", available=0, held=1, resource=hall)
    await shards.migrate(slot_of_hall(hall), 1)
    await until(lambda: sells(ben, "A-4", hall))
    for buyer in (ann, ben):
        await buyer.sees("A-3", available=0, held=1, resource=hall)
        await buyer.sees("A-4", available=0, held=1, resource=hall)


async def a_slot_goes_key_by_key(ann: Buyer, ben: Buyer, hall: str, shards: Shards) -> None:
    slot = slot_of_hall(hall)
    await shards.begin_key_by_key(slot, 2)
    for keys in ([], [f"{{{hall}}}:slots".encode()], [f"{{{hall}}}:meta".encode()]):
        if keys:
            await shards.move_keys(slot, 2, keys)
        answer = await ann.asks_for("A-5", resource=hall)
        assert answer["code"] == "unavailable", answer
    await shards.end_key_by_key(slot, 2)
    await until(lambda: sells(ann, "A-5", hall))
    await ben.sees("A-5", available=0, held=1, resource=hall)


async def is_copied(shards: Shards) -> bool:
    """Whether the first master's replica has heard of all it did."""
    async with open_redis(shards.servers[0].url) as master, open_redis(shards.servers[MASTERS].url) as copy:
        done = (await master.info("replication"))["master_repl_offset"]
        return bool((await copy.info("replication"))["slave_repl_offset"] >= done)


async def a_master_dies(ann: Buyer, ben: Buyer, hall: str, elsewhere: str, shards: Shards) -> None:
    await ann.holds("A-6", resource=hall)
    await ben.sees("A-6", available=0, held=1, resource=hall)
    await until(lambda: is_copied(shards))
    shards.servers[0].kill()
    # Whose session is on a living master buys elsewhere at once, the others once the replica has taken over.
    await until(lambda: sells(ben, "A-7", elsewhere))
    await until(lambda: sells(ben, "A-8", hall))
    for buyer in (ann, ben):
        await buyer.sees("A-6", available=0, held=1, resource=hall)
        await buyer.sees("A-8", available=0, held=1, resource=hall)
