"""Three processes on one Redis: buyers everywhere see one hall, and one process less changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.buyer import visiting
from tests.support.servers import PostgreSQL, Redis
from tests.support.zygote import Zygote
from tests.whole.conftest import Street, open_street
from tests.whole.test_two_processes import pays

SEATS = 30


@pytest.fixture
async def three(
    spare_redis: Redis, spare_postgresql: PostgreSQL, tmp_path: Path, zygote: Zygote
) -> AsyncIterator[Street]:
    async with open_street(spare_redis, spare_postgresql, tmp_path, zygote, processes=3) as street:
        yield street


async def test_three_processes_show_one_hall_and_one_of_them_may_die(three: Street) -> None:
    await three.sells("hall", SEATS)
    async with AsyncExitStack() as stack:
        viewers = [
            await stack.enter_async_context(visiting(address, codec, agree=False))
            for address in three.addresses
            for codec in ("msgpack", "json")
        ]
        await asyncio.gather(*(viewer.watches("hall") for viewer in viewers))
        # Each viewer is a buyer, too: their holds race, and each one's is seen by all.
        await asyncio.gather(*(viewer.holds(f"A-{n}") for n, viewer in enumerate(viewers, start=1)))
        for viewer in viewers:
            for n in range(1, len(viewers) + 1):
                await viewer.sees(f"A-{n}", available=0, held=1)
        await asyncio.gather(*(pays(viewer) for viewer in viewers[::2]))
        for viewer in viewers:
            await viewer.sees("A-1", available=0, held=0)
        # The last process dies: its viewers' paid seats stay sold, what else they held is given back.
        await three.processes[2].kill()
        rest = viewers[:4]
        for viewer in rest:
            await viewer.sees("A-5", available=0, held=0)
            await viewer.sees("A-6", available=1, held=0)
            await viewer.sees("A-2", available=0, held=1)
        await rest[0].holds("A-6")
        for viewer in rest[1:]:
            await viewer.sees("A-6", available=0, held=1)
        for viewer in rest:
            await viewer.agrees()
        assert len({str(viewer.tab.maps["availability:hall"].truth) for viewer in rest}) == 1
    await three.is_sound()
