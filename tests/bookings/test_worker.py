"""A supervised loop, without a clock: work answers when it wants to be called again."""

import asyncio

from server.bookings.worker import Worker
from server.errors import Unavailable


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
