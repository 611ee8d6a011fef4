"""Python's full garbage collections, kept rare: one stops the whole process while it looks at everything.

By itself Python looks again whenever a quarter more has come, several times while an on-sale's buyers arrive,
and for half a second each with some thousands of sockets. What is left behind in cycles can wait a minute.
"""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from channels.supervisor import stop, supervise

PERIOD_SECONDS: Final = 60.0

THRESHOLDS: Final = (10_000, 20, 50)
"""The last bounds what a flood may leave behind within a period: about ten million objects."""


@asynccontextmanager
async def collected_rarely(period: float = PERIOD_SECONDS) -> AsyncIterator[None]:
    """While this is open; what there was before it, modules above all, is never looked at."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    task = asyncio.create_task(supervise("garbage", lambda: _collect_for_ever(period)))
    try:
        yield
    finally:
        await stop(task)
        gc.set_threshold(*before)
        gc.unfreeze()


async def _collect_for_ever(period: float) -> None:
    while True:
        await asyncio.sleep(period)
        gc.collect()
