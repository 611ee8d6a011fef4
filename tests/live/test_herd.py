"""Thousands come at once: whoever asks for nothing that others must be asked about costs no task."""

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.support.buyer import CODECS, CodecName, visiting
from tests.support.house import House

CONNECTIONS = {"arrival", "reception", "together", "line", "door", "conversation", "returning"}
"""The modules in which a connection's bytes become what is done about them."""


@contextmanager
def tasks_for_connections() -> Iterator[list[str]]:
    """What is given a task on behalf of any connection meanwhile; loops of the server's own don't count."""
    made: list[str] = []
    loop = asyncio.get_running_loop()

    def make(where: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **more: Any) -> Any:
        if _is_for_a_connection(sys._getframe(1)):
            made.append(getattr(work, "__qualname__", ""))
        return asyncio.Task(work, loop=where, **more)

    loop.set_task_factory(make)  # type: ignore[arg-type]  # asyncio hands it what it was given
    try:
        yield made
    finally:
        loop.set_task_factory(None)


def _is_for_a_connection(frame: FrameType | None) -> bool:
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.stem in CONNECTIONS and path.parent.name in {"channels", "live"}:
            return True
        frame = frame.f_back
    return False


@pytest.mark.parametrize("codec", CODECS)
async def test_who_shows_nothing_and_looks_at_what_is_here_costs_no_task(
    house: House, codec: CodecName
) -> None:
    async with visiting(house.base_url) as ann, visiting(house.base_url, codec) as ben:
        known = await ann.watches("hall")
        with tasks_for_connections() as made:
            tab = await ben.connects()
            assert (await tab.says_hello())["session"] not in {"", ann.session}
            seen = await tab.watches("hall")
            await tab.gets("unsubscribe", channel="availability:hall")
            await tab.resumes(seen)
        assert sum(seen.available) == sum(known.available) > 0
        assert made == []


async def test_who_asks_for_what_is_not_here_is_counted(house: House) -> None:
    """Of the counting: it finds the task by which the first one has a map loaded."""
    async with visiting(house.base_url) as ann:
        with tasks_for_connections() as made:
            tab = await ann.connects()
            await tab.says_hello()
            await tab.watches("hall")
        assert "Conversation._work" in made
