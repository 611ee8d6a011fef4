"""Whose command comes next, when sockets say more than a turn of the event loop has time for.

A turn that took all commands there are would keep bookings, Redis' and PostgreSQL's answers and the ends of
holds waiting for as long as thousands of clicks take, and a booking waits for a dozen turns. So commands have
a few milliseconds of each. The rest wait in two queues of the process: that of holds, with what their sockets
said behind them, and before it that of everything else.

Only holds are bounded: one whose turn comes after PATIENCE_SECONDS is refused, and so is, at once, one that
comes while the first in their queue has waited that long. No other command is ever refused for having waited.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

TURN_SECONDS: Final = 0.005
"""Of each turn of the event loop, for commands."""

PATIENCE_SECONDS: Final = 2.0
"""How long a hold waits for its turn before it is refused: its seat has been somebody else's for longer."""

RETRY_SECONDS: Final = 2.0
"""After how long who was refused may ask again."""

ROOM_SECONDS: Final = 0.002
"""How soon it is looked again whether Redis takes more."""


class Waiter(Protocol):
    """A conversation that has something to do, and no turn for it."""

    def take_turn(self, *, is_late: bool) -> None:
        """Do it now; a hold that `is_late` is refused instead."""
        ...


class Turns:
    """The commands of all sockets of a process.

    `has_room` says whether those who decide take more; `clock` counts seconds, and only has to be monotonic;
    `soon` and `later` are the event loop's.
    """

    def __init__(
        self,
        *,
        has_room: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
        soon: Callable[[Callable[[], None]], object] | None = None,
        later: Callable[[float, Callable[[], None]], object] | None = None,
    ) -> None:
        self._has_room = has_room
        self._clock = clock
        self._soon = soon or (lambda work: asyncio.get_running_loop().call_soon(work))
        self._later = later or (lambda wait, work: asyncio.get_running_loop().call_later(wait, work))
        self._first: deque[Waiter] = deque()
        self._takers: deque[tuple[float, Waiter]] = deque()
        self._until = 0.0
        self._goes_on = False

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return len(self._first) + len(self._takers)

    def has_time(self) -> bool:
        """Whether a command may be done at once: nobody waits, and this turn's time is not over."""
        if self._first or self._takers:
            return False
        now = self._clock()
        if not self._goes_on:
            self._begin(now)
        return now < self._until and self._has_room()

    def is_too_long(self) -> bool:
        """Whether a hold that comes now would wait too long: the first in the queue already has."""
        return bool(self._takers) and self._clock() - self._takers[0][0] > PATIENCE_SECONDS

    def wait(self, waiter: Waiter, *, takes: bool) -> None:
        """Call its `take_turn` when its turn comes; `takes`: with a hold, behind all that is none."""
        now = self._clock()
        if takes:
            self._takers.append((now, waiter))
        else:
            self._first.append(waiter)
        if not self._goes_on:
            self._begin(now)

    def _begin(self, now: float) -> None:
        """Let this turn's time begin; what is left over is seen to in the next."""
        self._until = now + TURN_SECONDS
        self._goes_on = True
        self._soon(self._go_on)

    def _go_on(self) -> None:
        """The next turn."""
        self._goes_on = False
        if not self._first and not self._takers:
            return
        self._until = self._clock() + TURN_SECONDS
        self._serve()
        if self._first or self._takers:
            self._goes_on = True
            if self._first or self._has_room():
                self._soon(self._go_on)
            else:
                self._later(ROOM_SECONDS, self._go_on)

    def _serve(self) -> None:
        while self._first and self._clock() < self._until:
            self._first.popleft().take_turn(is_late=False)
        while self._takers and (now := self._clock()) < self._until:
            asked, waiter = self._takers[0]
            is_late = now - asked > PATIENCE_SECONDS
            if not is_late and not self._has_room():
                return
            self._takers.popleft()
            waiter.take_turn(is_late=is_late)
