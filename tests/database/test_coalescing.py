"""Many ask as one: each has its own answer, a failure is told to all of its statement, nobody hangs."""

import asyncio
from contextvars import ContextVar

import pytest

from server.database.coalescing import BATCH, LANES, Coalescer
from server.errors import Unavailable


class Killed(BaseException):
    """No handler for exceptions sees it."""


class Desk:
    """Answers with ten times what it was asked, once it may."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.open = asyncio.Event()
        self.trouble: BaseException | None = None
        self.ask = Coalescer(self.work)

    async def work(self, asked: list[int]) -> list[int]:
        self.asked.append(asked)
        await self.open.wait()
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            raise trouble
        return [10 * each for each in asked]


async def ask(desk: Desk, numbers: range) -> list[asyncio.Task[int]]:
    tasks = [asyncio.ensure_future(desk.ask(number)) for number in numbers]
    await _turns()
    return tasks


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_gathers_while_one_is_on_its_way_is_the_next() -> None:
    desk = Desk()
    first = await ask(desk, range(1))
    second = await ask(desk, range(1, 2))
    rest = await ask(desk, range(2, 60))
    desk.open.set()
    assert await asyncio.gather(*first, *second, *rest) == [10 * number for number in range(60)]
    assert desk.asked == [[0], [1], list(range(2, 60))]


async def test_no_more_are_on_their_way_at_once_and_none_is_too_long() -> None:
    desk = Desk()
    tasks = await ask(desk, range(5 * BATCH))
    assert len(desk.asked) == LANES
    desk.open.set()
    await asyncio.gather(*tasks)
    assert max(map(len, desk.asked)) == BATCH


async def test_a_failure_is_told_to_whom_it_is_about_and_the_rest_go_on() -> None:
    """One row that cannot be read is one caller's trouble, whoever shares a statement with it."""

    async def work(asked: list[int]) -> list[int]:
        if 7 in asked:
            raise ValueError("a row that does not decode")
        return [10 * each for each in asked]

    coalesced = Coalescer(work)
    done = await asyncio.gather(*(coalesced(number) for number in range(20)), return_exceptions=True)
    assert isinstance(done.pop(7), ValueError)
    assert done == [10 * number for number in range(20) if number != 7]
    assert await coalesced(8) == 80


async def test_away_while_each_is_asked_alone_is_away_for_the_rest() -> None:
    calls: list[list[int]] = []

    async def work(asked: list[int]) -> list[int]:
        calls.append(asked)
        if len(calls) == 1:
            raise ValueError("a row that does not decode")
        if len(calls) > 2:
            raise Unavailable("gone")
        return asked

    coalesced = Coalescer(work)
    done = await asyncio.gather(*(coalesced(number) for number in range(20)), return_exceptions=True)
    assert done[0] == 0
    assert all(isinstance(each, Unavailable) for each in done[1:])
    assert calls == [list(range(20)), [0], [1]]


async def test_away_is_away_for_all_who_waited_when_it_was_asked() -> None:
    """Nobody stands in a line that moves by one statement's patience at a time."""
    desk = Desk()
    lost, kept = range(BATCH), range(BATCH, LANES * BATCH)
    waited = await ask(desk, range(10 * BATCH))
    later = await ask(desk, range(5))
    desk.trouble = Unavailable("gone")
    desk.open.set()
    done = await asyncio.gather(*waited, return_exceptions=True)
    assert desk.asked[:2] == [list(lost), list(kept)]
    assert [done[number] for number in kept] == [10 * number for number in kept]
    assert all(isinstance(done[number], Unavailable) for number in range(10 * BATCH) if number not in kept)
    assert await asyncio.gather(*later) == [0, 10, 20, 30, 40]


async def test_a_caller_that_is_cancelled_takes_no_other_along() -> None:
    desk = Desk()
    one, two = await ask(desk, range(2))
    one.cancel()
    desk.open.set()
    assert await two == 10
    with pytest.raises(asyncio.CancelledError):
        await one


async def test_nobody_is_left_waiting_when_the_process_ends() -> None:
    desk = Desk()
    tasks = await ask(desk, range(3))
    more = [asyncio.ensure_future(desk.ask(9)) for _ in range(2)]
    for lane in desk.ask._lanes:
        lane.cancel()
    done = await asyncio.gather(*tasks, *more, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in done)


async def test_who_asks_in_the_turn_in_which_both_lanes_end_is_answered() -> None:
    """Both statements' answers come in one poll, and the first caller asks again before a lane is missed."""
    gates = [asyncio.get_running_loop().create_future() for _ in range(LANES)]
    on_their_way = iter(gates)

    async def work(asked: list[int]) -> list[int]:
        if (gate := next(on_their_way, None)) is not None:
            await gate
        return asked

    coalesced = Coalescer(work)

    async def twice() -> int:
        return await coalesced(await coalesced(1) + 1)

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        again = tasks.create_task(twice())
        await _turns()
        tasks.create_task(coalesced(7))
        await _turns()
        for gate in gates:
            gate.set_result(None)
    assert again.result() == 2


async def test_what_is_done_for_many_is_nobodys_in_the_log() -> None:
    """A lane outlives the request that opened it, and works for others."""
    request: ContextVar[str] = ContextVar("request", default="nobody's")

    async def work(asked: list[int]) -> list[str]:
        return [request.get() for _ in asked]

    request.set("the first one's")
    assert await Coalescer(work)(1) == "nobody's"


async def test_what_all_callers_were_told_is_not_told_again() -> None:
    desk = Desk()
    (task,) = await ask(desk, range(1))
    (lane,) = desk.ask._lanes
    desk.trouble = Killed()
    desk.open.set()
    with pytest.raises(Killed):
        await task
    await _turns()
    assert lane.done()
    assert lane.exception() is None
    assert await desk.ask(7) == 70
