"""An event loop of our own: virtual time, a seeded order of tasks, and no way out to the real world.

Time jumps to the next timer when nobody is ready. What asyncio promises is kept: callbacks run in the order
in which they were asked for. What it does not promise is drawn: neighbouring steps of different tasks are
shuffled within a turn, and timers of one moment among themselves.
"""

import asyncio
import random
from collections.abc import Callable, Generator
from concurrent.futures import Executor
from contextvars import Context, copy_context
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, cast

if TYPE_CHECKING:
    from asyncio import events

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

STEPS_AT_MOST = 2_000_000
_TASKS = asyncio.Task


class Deadlock(AssertionError):
    """Somebody waits, and nothing will ever happen again."""


class Endless(AssertionError):
    """More steps than any story needs."""


class Soon(list[Any]):
    """A callback, its arguments and its context: as cheap a Handle as there is, for thousands are made.

    A list, as that is made without a step in Python. Where it was cancelled, the callback is None.
    """

    __slots__ = ()

    def cancel(self) -> None:
        self[:2] = (None, ())

    def cancelled(self) -> bool:
        return self[0] is None


Step = Soon | tuple[Callable[..., object], tuple[Any, ...], None]
"""What nobody can cancel needs no handle."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """`time()` is virtual, in seconds from 0. Errors that nobody hears are raised by `run_until_complete`."""

    def __init__(self, seed: int, *, steps_at_most: int = STEPS_AT_MOST) -> None:
        super().__init__()
        self._chance = random.Random(seed)
        self._now = 0.0
        self._draw = self._chance.random
        self._soon: list[Step] = []
        self._timers: list[tuple[float, float, int, Step]] = []
        self._is_stopping = False
        self._numbers = 0
        self._steps_left = steps_at_most
        self.failures: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _loop, context: self.failures.append(context))

    # What asyncio asks of a loop.

    def time(self) -> float:
        return self._now

    def call_soon(
        self,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> "events.Handle":
        handle = Soon((callback, args, copy_context() if context is None else context))
        self._soon.append(handle)
        return cast("events.Handle", handle)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> "events.TimerHandle":
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> "events.TimerHandle":
        handle = Soon((callback, args, copy_context() if context is None else context))
        self._numbers += 1
        heappush(self._timers, (when, self._draw(), self._numbers, handle))
        return cast("events.TimerHandle", handle)

    def nobodys_at(self, when: float, callback: Callable[[*Arguments], object], *args: *Arguments) -> None:
        """The same of what no process does: the network, or a server. It costs no context."""
        self._numbers += 1
        heappush(self._timers, (when, self._draw(), self._numbers, (callback, args, None)))

    get_debug = staticmethod(bool)  # never; asked for each future, and this is no Python to be run

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002  # asyncio's own signature
        func: Callable[[*Arguments], Result],
        *args: *Arguments,
    ) -> asyncio.Future[Result]:
        """There are no threads: it is done at once, and its answer comes a turn later."""
        future: asyncio.Future[Result] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # whoever waits for it is told
            future.set_exception(error)
        return future

    def stop(self) -> None:
        super().stop()
        self._is_stopping = True

    def run_until_complete(self, future: Generator[Any, None, Result] | Any) -> Any:
        result = super().run_until_complete(future)
        self.raise_failures()
        return result

    def raise_failures(self) -> None:
        """A task that failed unheard fails the whole."""
        if self.failures:
            failed = self.failures[0]
            raise AssertionError(failed["message"]) from failed.get("exception")

    # Turns.

    def _run_once(self) -> None:
        """As many turns as there are until somebody stops it."""
        self._is_stopping = False
        while not self._is_stopping:
            batch = self._soon or self._jump()
            self._soon = []
            if len(batch) > 1:
                self._shuffle(batch)
            self._steps_left -= len(batch)
            if self._steps_left < 0:
                raise Endless(f"at {self._now:.3f} s")
            for callback, arguments, context in batch:
                try:
                    if context is None:
                        callback(*arguments)
                    elif callback is not None:
                        context.run(callback, *arguments)
                except Exception as error:  # noqa: BLE001  # a callback's, as asyncio's own handles tell it
                    self.failures.append({"message": f"{callback} failed", "exception": error})

    def _jump(self) -> list[Step]:
        """To the next moment at which anything happens; all that happens then."""
        timers = self._timers
        found: list[Step] = []
        while timers and (not found or timers[0][0] <= self._now):
            when, _, _, handle = heappop(timers)
            if handle[0] is not None:
                self._now = max(self._now, when)
                found.append(handle)
        if not found:
            raise Deadlock(f"at {self._now:.3f} s nobody is left who could wake anybody")
        return found

    def _shuffle(self, batch: list[Step]) -> None:
        """Steps of tasks that stand side by side change places; plain callbacks keep theirs."""
        start = 0
        for place in range(len(batch) + 1):
            if place < len(batch) and _is_step(batch[place]):
                continue
            if place - start > 1:
                run = batch[start:place]
                self._chance.shuffle(run)
                batch[start:place] = run
            start = place + 1


def _is_step(handle: Step) -> bool:
    """Whether it is a task's next step, and nobody's plain callback."""
    return isinstance(getattr(handle[0], "__self__", None), _TASKS)
