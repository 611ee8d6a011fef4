"""What runs by itself: ticks, checks, and the supervision of both."""

import asyncio

import pytest

from channels import fanout
from channels.hub import Hub
from channels.supervisor import stop, supervise
from tests.channels.scene import HALL, Scene
from tests.channels.world import Reader, World, expected


async def test_the_hub_sends_checks_and_repeats_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "REPEAT_SECONDS", 0.0)
    world = World()
    hub = Hub(world, world, world)
    await hub.start()
    ann = Reader(hub)
    await hub.subscribe(ann, HALL)
    world.change({1: (0, 1)})
    world.change({2: (0, 1)}, lost=True)
    for callback in world.gap_callbacks:
        callback()
    async with asyncio.timeout(60):
        while ann.seen[HALL].version < 102 or ann.frames[-1].get("changes") != []:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
    assert ann.seen[HALL].of(world.truths["hall"]) == expected(world.truths["hall"])
    assert hub.fanout.frames_sent == len(ann.frames)
    await hub.close()


async def test_a_tick_grows_with_what_sending_costs(scene: Scene) -> None:
    assert fanout.next_tick(0.0) == fanout.SHORTEST_TICK
    assert 0.04 / (0.04 + fanout.next_tick(0.04)) == pytest.approx(fanout.SEND_SHARE)
    assert fanout.next_tick(10.0) == fanout.LONGEST_TICK
    assert await scene.hub.fanout.send_news() == 0.0


async def test_work_that_dies_is_loud_and_starts_again(caplog: pytest.LogCaptureFixture) -> None:
    ends = [ValueError("boom"), None]
    done = asyncio.Event()

    async def work() -> None:
        if not ends:
            done.set()
            await asyncio.sleep(3600)
        end = ends.pop(0)
        if end is not None:
            raise end

    task = asyncio.create_task(supervise("the work", work, pause=0))
    async with asyncio.timeout(60):
        await done.wait()
    await stop(task)
    await stop(None)
    assert "the work died and starts again" in caplog.text
    assert "the work ended and starts again" in caplog.text
    assert {record.levelname for record in caplog.records} == {"CRITICAL"}
