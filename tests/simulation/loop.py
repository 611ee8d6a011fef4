"""An event loop of our own: virtual time, a seeded order of tasks, and no way out to the real world.

Time jumps to the next timer when nobody is ready. What asyncio promises is kept: callbacks run in the order
in which they were asked for. What it does not promise is drawn: neighbouring steps of different tasks are
shuffled within a turn, and timers of one moment among themselves.
"""

import asyncio
import heapq
import random
from collections.abc import Callable, Generator
from concurrent.futures import Executor
from contextvars import Context, copy_context
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


class Soon:
    """A callback and its context: a Handle without what is for debugging, as thousands are made a second."""

    __slots__ = ("arguments", "callback", "context", "is_cancelled", "when_due")

    def __init__(
        self,
        callback: Callable[..., object],
        arguments: tuple[Any, ...],
        context: Context | None,
        when: float = 0.0,
    ) -> None:
        self.callback = callback
        self.arguments = arguments
        self.when_due = when
        self.is_cancelled = False
        self.context = context

    def cancel(self) -> None:
        self.is_cancelled = True
        self.arguments = ()

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self.when_due


class SimulatedLoop(asyncio.BaseEventLoop):
    """`time()` is virtual, in seconds from 0. Errors that nobody hears are raised by `run_until_complete`."""

    def __init__(self, seed: int, *, steps_at_most: int = STEPS_AT_MOST) -> None:
        super().__init__()
        self._chance = random.Random(seed)
        self._now = 0.0
        self._draw = self._chance.random
        self._soon: list[Soon] = []
        self._timers: list[tuple[float, float, int, Soon]] = []
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
        handle = Soon(callback, args, copy_context() if context is None else context)
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
        handle = Soon(callback, args, copy_context() if context is None else context, when)
        self._numbers += 1
        heapq.heappush(self._timers, (when, self._draw(), self._numbers, handle))
        return cast("events.TimerHandle", handle)

    def nobodys_at(self, when: float, callback: Callable[[*Arguments], object], *args: *Arguments) -> None:
        """The same of what no process does: the network, or a server. It costs no context."""
        self._numbers += 1
        heapq.heappush(self._timers, (when, self._draw(), self._numbers, Soon(callback, args, None, when)))

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
            if not self._soon:
                self._jump()
            batch, self._soon = self._soon, []
            if len(batch) > 1:
                self._shuffle(batch)
            self._steps_left -= len(batch)
            if self._steps_left < 0:
                raise Endless(f"at {self._now:.3f} s")
            for handle in batch:
                if handle.is_cancelled:
                    continue
                try:
                    if handle.context is None:
                        handle.callback(*handle.arguments)
                    else:
                        handle.context.run(handle.callback, *handle.arguments)
                except Exception as error:  # noqa: BLE001  # a callback's, as asyncio's own handles tell it
                    self.failures.append({"message": f"{handle.callback} failed", "exception": error})

    def _jump(self) -> None:
        """To the next moment at which anything happens, with all that happens then."""
        timers, pop = self._timers, heapq.heappop
        while timers and timers[0][3].is_cancelled:
            pop(timers)
        if not timers:
            raise Deadlock(f"at {self._now:.3f} s nobody is left who could wake anybody")
        self._now = now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= now:
            handle = pop(timers)[3]
            if not handle.is_cancelled:
                self._soon.append(handle)

    def _shuffle(self, batch: list[Soon]) -> None:
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


def _is_step(handle: Soon) -> bool:
    """Whether it is a task's next step, and nobody's plain callback."""
    return isinstance(getattr(handle.callback, "__self__", None), _TASKS)
