"""Coalescing of calls: what many ask of PostgreSQL while a statement is on its way is sent as the next one.

Under load that is one round trip for dozens of callers; a caller who comes alone waits for nobody.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Final, Generic, TypeVar, cast

from server.errors import Unavailable

BATCH: Final = 100
"""Calls in one statement."""

LANES: Final = 2
"""Statements on their way at once."""

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Coalescer(Generic[Asked, Answer]):
    """`await coalesced(asked)`; `work` answers a list of them, one answer for each and in their order.

    Only for what each may ask by itself: reads, and writes of rows that nobody has locked for long, for one
    that waits keeps those in its statement waiting. A server that is away fails all calls of the statement
    and those that waited by then; after any other error each call is made again by itself. A caller that is
    cancelled leaves what it asked to be done.
    """

    def __init__(self, work: Callable[[list[Asked]], Awaitable[Sequence[Answer]]]) -> None:
        self._work = work
        self._waiting: deque[tuple[Asked, asyncio.Future[Answer]]] = deque()
        self._taken = 0
        self._lanes: set[asyncio.Task[None]] = set()

    async def __call__(self, asked: Asked) -> Answer:
        """The answer to this one; raises what `work` raises."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if len(self._lanes) < LANES:
            # A context of its own: what is logged in there is not of the request that happened to open it.
            lane = asyncio.create_task(self._run(), name="coalesced calls", context=Context())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)  # for one that is cancelled before it begins
        return await answer

    async def _run(self) -> None:
        try:
            await self._work_off()
        finally:  # in the turn of the last look at what waits: who asks later finds no lane that is none
            self._lanes.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _work_off(self) -> None:
        while self._waiting:
            batch = self._take(BATCH)
            here = self._taken + len(self._waiting)
            try:
                await self._ask(batch)
            except Unavailable as error:
                _fail([*batch, *self._take(here - self._taken)], error)
            except BaseException as error:  # the process is on its way out
                _fail([*batch, *self._waiting], error)
                self._waiting.clear()
                if isinstance(error, (asyncio.CancelledError, KeyboardInterrupt, SystemExit)):
                    raise  # whatever else it is was told to those who asked, and nobody asks this task

    async def _ask(self, batch: Sequence[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._work([asked for asked, _ in batch])
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, its caller is told
            if len(batch) == 1:
                _fail(batch, error)
            else:  # one of them is what it is about
                for each in batch:
                    await self._ask([each])
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)

    def _take(self, count: int) -> list[tuple[Asked, asyncio.Future[Answer]]]:
        taken = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
        self._taken += len(taken)
        return taken


def _fail(lost: Sequence[tuple[Asked, asyncio.Future[Answer]]], error: BaseException) -> None:
    for _, future in lost:
        if isinstance(error, asyncio.CancelledError):
            future.cancel()
        elif not future.done():
            future.set_exception(error)
