"""Waiting for what tells nobody that it has happened."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def until(holds: Callable[[], object | Awaitable[object]], seconds: float = 60) -> None:
    """Ask again and again, at most for so long, until the answer is true."""
    async with asyncio.timeout(seconds):
        while not await _answer(holds):  # noqa: ASYNC110  # what is awaited tells nobody
            await asyncio.sleep(0.01)


async def _answer(holds: Callable[[], object | Awaitable[object]]) -> object:
    found = holds()
    return await found if inspect.isawaitable(found) else found
