"""Work in batches: what is asked while one is at work is the next, and nobody's answer is another's."""

import asyncio
from collections.abc import Callable

import pytest

from server.batches import Batches


class Desk:
    """Doubles numbers, a batch at a time, while it is `open`; one below 0 is an error."""

    def __init__(self, *, most: int | None = None, idle: Callable[[], object] = lambda: None) -> None:
        self.open = asyncio.Event()
        self.batches: list[list[int]] = []
        self.asks = Batches(self.work, most=most, idle=idle)

    async def work(self, asked: list[int]) -> list[int]:
        self.batches.append(asked)
        await self.open.wait()
        if min(asked) < 0:
            raise LookupError("no such number")
        return [2 * number for number in asked]


async def test_what_one_turn_brings_is_one_batch_and_what_comes_until_its_answer_the_next() -> None:
    desk, before = Desk(), asyncio.all_tasks()
    first = [desk.asks.ask(number) for number in (1, 2)]
    await asyncio.sleep(0)
    late = [desk.asks.ask(number) for number in (3, 4, 5)]
    await asyncio.sleep(0)
    assert desk.batches == [[1, 2]]
    assert len(asyncio.all_tasks() - before) == 1
    desk.open.set()
    assert await asyncio.gather(*first, *late) == [2, 4, 6, 8, 10]
    assert desk.batches == [[1, 2], [3, 4, 5]]


async def test_a_batch_is_bounded_and_the_rest_goes_in_its_order() -> None:
    desk = Desk(most=2)
    desk.open.set()
    assert await asyncio.gather(*map(desk.asks.ask, range(5))) == [0, 2, 4, 6, 8]
    assert desk.batches == [[0, 1], [2, 3], [4]]


async def test_who_gave_up_before_a_batch_is_left_out_and_who_did_later_is_in_nobodys_way() -> None:
    desk = Desk()
    desk.asks.ask(1).cancel()
    gone, stays = desk.asks.ask(2), desk.asks.ask(3)
    await asyncio.sleep(0)
    gone.cancel()
    desk.open.set()
    assert await stays == 6
    assert desk.batches == [[2, 3]]


async def test_where_all_gave_up_nothing_is_asked() -> None:
    done = asyncio.Event()
    desk = Desk(idle=done.set)
    desk.asks.ask(1).cancel()
    await asyncio.wait_for(done.wait(), 5)
    assert desk.batches == []


async def test_an_error_is_told_to_its_batch_alone() -> None:
    desk = Desk(most=2)
    gone, told, well = map(desk.asks.ask, (1, -1, 2))
    await asyncio.sleep(0)
    gone.cancel()
    desk.open.set()
    with pytest.raises(LookupError):
        await told
    assert await well == 4


async def test_it_says_when_nobody_waits_any_more_and_goes_on_with_who_comes_then() -> None:
    said: list[int] = []
    desk = Desk(idle=lambda: said.append(len(desk.batches)))
    desk.open.set()
    await asyncio.gather(desk.asks.ask(1), desk.asks.ask(2))
    await asyncio.sleep(0)
    assert said == [1]
    assert await desk.asks.ask(3) == 6
    await asyncio.sleep(0)
    assert said == [1, 2]
