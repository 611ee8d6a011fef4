"""A supervised loop, without a clock: work answers when it wants to be called again."""

import asyncio

import pytest

from server import worker as workers
from server.errors import Unavailable
from server.worker import Worker, with_the_others


async def test_it_works_at_once_sleeps_until_woken_and_outlives_its_failures() -> None:
    rounds: list[int] = []
    reached = asyncio.Event()
    told: list[float | Exception] = [0.0, Unavailable("away"), ValueError("a bug"), 3600.0, 3600.0]

    async def work() -> float:
        rounds.append(len(rounds))
        answer = told[len(rounds) - 1]
        reached.set()
        if isinstance(answer, Exception):
            raise answer
        return answer

    worker = Worker("test", work, idle=3600)
    task = asyncio.create_task(worker.run())
    for wanted in range(1, 6):
        while len(rounds) < wanted:
            reached.clear()
            worker.wake()
            await reached.wait()
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(rounds) == 5


async def test_it_never_sleeps_longer_than_its_idle_time() -> None:
    rounds = asyncio.Semaphore(0)

    async def work() -> float:
        rounds.release()
        return 3600

    task = asyncio.create_task(Worker("test", work, idle=0.001).run())
    for _ in range(3):
        await rounds.acquire()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("now", [0.0, 0.25, 0.999, 1.0, 1234567.5])
def test_who_has_nothing_to_do_wakes_with_all_others(now: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: now)
    for idle in (1.0, 2.0, 5.0, 60.0):
        pause = with_the_others(idle)
        assert 0 < pause <= idle
        beats = (now + pause + workers._PHASE) / idle
        assert beats == pytest.approx(round(beats), abs=1e-6)


async def test_it_rests_as_it_is_told_to_and_no_longer_than_until_something_is_due() -> None:
    rested: list[float] = []
    answers = iter([7.0, 0.001, 3600.0])
    done = asyncio.Event()

    async def work() -> float:
        return next(answers, 3600.0)

    def rest(idle: float) -> float:
        rested.append(idle)
        if len(rested) == 2:
            done.set()
            return 3600.0
        return 0.0

    task = asyncio.create_task(Worker("test", work, idle=5).run(rest))
    await asyncio.wait_for(done.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert rested == [5, 5]
