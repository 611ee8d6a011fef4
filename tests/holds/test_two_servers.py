"""Two of a cluster's servers, one of which hangs: what the other one has goes on in time."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from server.errors import Unavailable
from server.holds.keeper import Keeper
from tests.holds.conftest import MakeWorld
from tests.holds.world import World, hall, rows
from tests.support.waiting import until

SILENT, HEALTHY = ["far-1", "far-2", "far-3"], ["near"]


class Silent:
    """Commands on the resources of one server wait until they are given up."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given_up = asyncio.Event()
        self.asked = 0
        store = world.main.store
        self._run, self._metas = store.run, store.metas
        monkeypatch.setattr(store, "run", self.run)
        monkeypatch.setattr(store, "metas", self.metas)
        monkeypatch.setattr(store, "by_server", self.by_server)

    def by_server(self, names: Sequence[str]) -> list[list[str]]:
        groups = ([name for name in names if (name in SILENT) == silent] for silent in (True, False))
        return [group for group in groups if group]

    async def _wait(self) -> None:
        self.asked += 1
        await self.given_up.wait()
        raise Unavailable

    async def run(self, name: str, resource: str, /, *given: Any, **named: Any) -> Any:
        if resource in SILENT:
            await self._wait()
        return await self._run(name, resource, *given, **named)

    async def metas(self, names: Sequence[str]) -> Any:
        if set(names) & set(SILENT):
            await self._wait()
        return await self._metas(names)


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world(*(hall(name, rows(A=2)) for name in (*SILENT, *HEALTHY)))


@pytest.fixture
async def keeper(world: World) -> Keeper:
    """It knows of a hold in each hall, which is due now."""
    keeper = world.keeper(world.main)
    async with world.listening() as listener:
        for name in (*SILENT, *HEALTHY):
            await world.buyer("ann").holds("A-1", hall=name)
        keeper.hear_events((await listener.so_far()).events)
    world.time_passes(900)
    return keeper


async def is_free(world: World) -> bool:
    return not await world.redis.exists("{near}:session:ann")


async def test_a_server_that_hangs_keeps_no_other_waiting_for_its_deadlines(
    world: World, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = Silent(world, monkeypatch)
    with suppress(Unavailable):
        await keeper.sweeper.expire_due()
    await until(lambda: is_free(world))
    assert silent.asked
    silent.given_up.set()
    with pytest.raises(Unavailable):  # noqa: PT012  # it is told of, later
        for _ in range(5):
            await keeper.sweeper.wait(at_most=1)
            await keeper.sweeper.expire_due()
    await keeper.sweeper.stop()


async def test_nor_do_renewals_there_keep_the_sweep_waiting(
    world: World, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper.socket_opened("ann", "tab")
    keeper.session_holds("ann", ["far-1"])
    keeper._was_away = True
    silent = Silent(world, monkeypatch)
    sweep = asyncio.create_task(keeper.sweep())
    await until(lambda: is_free(world))
    silent.given_up.set()
    with pytest.raises(Unavailable):
        await sweep


async def test_where_the_others_stand_is_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    held = await world.buyer("ann").holds("A-1", hall="near")
    monkeypatch.setattr("server.holds.live_state.ANSWER_SECONDS", 0.2)
    Silent(world, monkeypatch)
    assert await world.main.positions([*SILENT, *HEALTHY]) == {"near": ("epoch-1", held.version)}
    with pytest.raises(Unavailable):
        await world.main.positions(SILENT)
