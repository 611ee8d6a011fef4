"""A supervised loop: does what is due, sleeps until the next is, and survives its own failures."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from server.errors import Unavailable

RETRY_SECONDS: Final = 1.0

_PHASE: Final = random.random()  # noqa: S311  # spreads processes, hides nothing

_log = structlog.get_logger(__name__)


def with_the_others(idle: float) -> float:
    """Seconds until the next whole `idle` by this process' count: all with nothing to do wake it at once."""
    return idle - (time.monotonic() + _PHASE) % idle


class Worker:
    """Runs `work` again and again; it answers in how many seconds it wants to be called next (0: at once).

    `wake()` calls it at once. `idle` bounds the sleep, because other processes leave work too. A failure is
    logged and tried again after RETRY_SECONDS; a server that is away is no failure of ours.
    """

    def __init__(self, name: str, work: Callable[[], Awaitable[float]], *, idle: float) -> None:
        self.name = name
        self._work = work
        self._idle = idle
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """There is something to do now."""
        self._awake.set()

    async def run(self, rest: Callable[[float], float] = float) -> None:
        """Until cancelled. `rest(idle)` is how long it sleeps where nothing is due before that."""
        while True:
            self._awake.clear()
            pause = await self._once()
            if pause > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(
                        self._awake.wait(), pause if pause < self._idle else rest(self._idle)
                    )

    async def _once(self) -> float:
        try:
            return await self._work()
        except Unavailable as error:
            _log.warning("worker_waits", worker=self.name, reason=error.detail)
        except Exception:  # noqa: BLE001  # a supervised loop outlives whatever one round of it meets
            _log.exception("worker_failed", worker=self.name)
        return RETRY_SECONDS
