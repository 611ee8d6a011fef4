"""The loop itself: its time, its order, and what it says of those who wait for ever."""

import asyncio

import pytest

from tests.simulation.loop import Deadlock, Endless, SimulatedLoop


def ran(work: object, seed: int = 1, **more: int) -> object:
    loop = SimulatedLoop(seed, **more)
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def test_time_jumps_to_whoever_is_next() -> None:
    async def work() -> float:
        await asyncio.sleep(3600)
        async with asyncio.timeout(5):
            await asyncio.sleep(1)
        return asyncio.get_running_loop().time()

    assert ran(work()) == 3601


def test_a_timeout_ends_what_takes_longer() -> None:
    async def work() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.sleep(10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 2)
        return asyncio.get_running_loop().time()

    assert ran(work()) == 7


def test_queues_groups_and_waiting_work() -> None:
    async def work() -> list[int]:
        queue: asyncio.Queue[int] = asyncio.Queue(1)

        async def give() -> None:
            for number in range(5):
                await queue.put(number)

        async with asyncio.TaskGroup() as group:
            group.create_task(give())
            found = [await queue.get() for _ in range(5)]
        tasks = [asyncio.create_task(asyncio.sleep(delay, delay)) for delay in (3, 1, 2)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in done] == [1]
        assert await asyncio.gather(*tasks) == [3, 1, 2]
        assert await asyncio.to_thread(lambda: 7) == 7
        return found

    assert ran(work()) == [0, 1, 2, 3, 4]


def order(seed: int) -> tuple[int, ...]:
    async def work() -> tuple[int, ...]:
        found: list[int] = []

        async def say(number: int) -> None:
            await asyncio.sleep(0)
            found.append(number)

        await asyncio.gather(*map(say, range(6)))
        return tuple(found)

    answer = ran(work(), seed)
    assert isinstance(answer, tuple)
    return answer


def test_a_seed_chooses_the_order_of_tasks() -> None:
    orders = {seed: order(seed) for seed in range(20)}
    assert len(set(orders.values())) > 10
    assert orders == {seed: order(seed) for seed in range(20)}


def test_timers_of_one_moment_have_no_order() -> None:
    async def work() -> tuple[int, ...]:
        found: list[int] = []
        loop = asyncio.get_running_loop()
        for number in range(6):
            loop.call_later(1, found.append, number)
        await asyncio.sleep(2)
        return tuple(found)

    assert len({ran(work(), seed) for seed in range(20)}) > 10


def test_callbacks_keep_the_order_in_which_they_were_asked_for() -> None:
    async def work() -> list[int]:
        found: list[int] = []
        loop = asyncio.get_running_loop()
        for number in range(10):
            loop.call_soon(found.append, number)
        await asyncio.sleep(1)
        return found

    for seed in range(10):
        assert ran(work(), seed) == list(range(10))


def test_who_waits_for_nobody_is_told() -> None:
    with pytest.raises(Deadlock):
        ran(asyncio.Event().wait())


def test_a_story_without_end_is_ended() -> None:
    async def work() -> None:
        while True:  # noqa: ASYNC110  # that is what is to be ended
            await asyncio.sleep(0)

    with pytest.raises(Endless):
        ran(work(), steps_at_most=1000)


def test_a_task_that_fails_unheard_is_heard() -> None:
    async def fail() -> None:
        raise ValueError("unheard")

    async def work() -> None:
        task = asyncio.create_task(fail())
        await asyncio.sleep(1)
        del task

    with pytest.raises(AssertionError, match="never retrieved"):
        ran(work())
