"""Work in batches: what is asked while one batch is at work is the next, so that a call answers many.

Under load that is one call for dozens who ask; who asks alone waits for nobody.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Batches(Generic[Asked, Answer]):
    """One batch after the other, each of at most `most`, in a task that is there while somebody waits.

    `work` answers a list of what was asked, one answer for each and in their order. What it raises is told to
    all of its batch. `idle` is called when nobody waits any more.
    """

    def __init__(
        self,
        work: Callable[[list[Asked]], Awaitable[Sequence[Answer]]],
        *,
        most: int | None = None,
        name: str | None = None,
        idle: Callable[[], object] = lambda: None,
    ) -> None:
        self._work = work
        self._most = most
        self._name = name
        self._idle = idle
        self._waiting: deque[tuple[Asked, asyncio.Future[Answer]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def ask(self, asked: Asked) -> "asyncio.Future[Answer]":
        """The answer, to come. Who cancels it before its batch begins is left out of that."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=self._name)
        return answer

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = [each for each in self._next() if not each[1].done()]
                if batch:
                    await self._serve(batch)
        finally:
            self._task = None
            self._idle()

    def _next(self) -> list[tuple[Asked, "asyncio.Future[Answer]"]]:
        count = len(self._waiting) if self._most is None else min(self._most, len(self._waiting))
        return [self._waiting.popleft() for _ in range(count)]

    async def _serve(self, batch: Sequence[tuple[Asked, "asyncio.Future[Answer]"]]) -> None:
        try:
            answers = await self._work([asked for asked, _ in batch])
        except Exception as error:  # noqa: BLE001  # whatever it is, those who asked are told
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), found in zip(batch, answers, strict=True):
            if not answer.done():
                answer.set_result(found)
