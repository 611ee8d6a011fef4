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
    deadlines: "Deadlines"
    """For the first word."""

    asked: "Deadlines"
    """For who else is asked about a handshake."""

    cork: Cork


class Late(Protocol):
    """Whoever may let its time pass."""

    def overdue(self) -> None:
        """It did."""
        ...


class Deadlines:
    """Who has so many seconds for something, all of them as many; one timer serves them all."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: dict[Late, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, late: Late, seconds: float) -> None:
        """Its time begins."""
        self._due[late] = due = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._look)

    def discard(self, late: Late) -> None:
        """It was in time, or is gone."""
        self._due.pop(late, None)

    def _look(self) -> None:
        """The oldest stand first."""
        self._timer = None
        while self._due:
            late, due = next(iter(self._due.items()))
            if due > self._loop.time():
                self._timer = self._loop.call_at(due, self._look)
                return
            del self._due[late]
            late.overdue()
