"""What all connections of one running server share."""

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol

from channels.corking import Cork
from channels.socket import Door


@dataclass(frozen=True, slots=True)
class House:
    """One running server, as its connections know it."""

    door: Door
    path: str
    loop: asyncio.AbstractEventLoop
    connections: set[Any]
    first_word: "Deadlines"
    """By when a connection has said anything."""

    rate_limit: "Deadlines"
    """By when the rate limit has answered about a handshake."""

    cork: Cork


class Late(Protocol):
    """What waits with a timeout."""

    def overdue(self) -> None:
        """Its time has passed."""
        ...


class Deadlines:
    """Timeouts of equal length for many waiters, served by one timer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: dict[Late, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, late: Late, seconds: float) -> None:
        """Its time begins; `seconds` is the same for all."""
        self._due[late] = due = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._fire_due)

    def discard(self, late: Late) -> None:
        """It was in time, or is gone: it is not called any more."""
        self._due.pop(late, None)

    def _fire_due(self) -> None:
        """Fire what is due; insertion order is deadline order."""
        self._timer = None
        while self._due:
            late, due = next(iter(self._due.items()))
            if due > self._loop.time():
                self._timer = self._loop.call_at(due, self._fire_due)
                return
            del self._due[late]
            late.overdue()
