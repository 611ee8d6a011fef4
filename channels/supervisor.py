"""Background work that must not die quietly."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

CANCEL_AGAIN_SECONDS = 0.5

_log = logging.getLogger("holdfast.supervisor")


async def supervise(name: str, work: Callable[[], Awaitable[None]], *, pause: float = 1.0) -> None:
    """Run `work` for ever: its end, by an error or not, is logged as critical, and it starts again after
    `pause` s.

    Cancelling ends it.
    """
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001 - that is what it is for
            _log.critical("%s died and starts again", name, exc_info=True)
        else:
            _log.critical("%s ended and starts again", name)
        await asyncio.sleep(pause)


async def stop(task: "asyncio.Task[None] | None") -> None:
    """Cancel a task that this process started, and wait until it has ended."""
    while task is not None and not task.done():
        # Cancelled more than once: redis-py sends under `asyncio.wait_for`, which on Python 3.11 swallows
        # a cancellation that comes at the moment when the bytes are out.
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_AGAIN_SECONDS)
