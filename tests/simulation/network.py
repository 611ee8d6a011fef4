"""What lies between a process and a server: time, and sometimes nothing at all.

A link carries calls in the order in which they were made, as a connection does, and their answers likewise.
When it breaks, what had arrived has had its effect and nobody hears of it; what had not never happens.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from tests.simulation.loop import SimulatedLoop

Mode = Literal["open", "away", "deaf"]
Error = Callable[[str], Exception]


@dataclass
class Weather:
    """The network just now: seconds a message takes, how often a connection breaks under a call."""

    chance: random.Random
    slowest: float = 0.004
    breaks: float = 0.0
    stalls: float = 0.002

    def delay(self) -> float:
        """Of one message: mostly short, seldom very long."""
        chance = self.chance.random
        if chance() < self.stalls:
            return 0.4 * chance()
        drawn = chance()
        return 0.0002 + self.slowest * drawn * drawn

    def breaks_now(self) -> bool:
        return self.breaks > 0 and self.chance.random() < self.breaks


@dataclass
class Server:
    """Something at the other end: up, or refusing."""

    name: str
    is_up: bool = True
    links: list["Link"] = field(default_factory=list)

    def goes_down(self) -> None:
        """Every connection breaks."""
        self.is_up = False
        for link in list(self.links):
            link.cut()


class Link:
    """One connection of one process to one server. `error` makes what callers are told when it breaks.

    `away`: nothing gets through either way. `deaf`: calls arrive and no answer comes back. In both a caller
    waits for `patience` seconds before the connection is given up.
    """

    def __init__(
        self,
        server: Server,
        weather: Weather,
        error: Error,
        *,
        patience: float = 1.0,
        on_cut: Callable[[], object] = lambda: None,
    ) -> None:
        self.server = server
        self.mode: Mode = "open"
        self._loop = cast("SimulatedLoop", asyncio.get_running_loop())
        self._weather = weather
        self._error = error
        self._patience = patience
        self._generation = 0
        self._arrived = self._answered = 0.0
        self._asked: dict[asyncio.Future[Any], None] = {}
        self._is_closed = False
        self._on_cut = on_cut
        server.links.append(self)

    @property
    def arrived(self) -> float:
        """When the last of what was sent has arrived, by the loop's time."""
        return self._arrived

    def call(self, work: Callable[[], Any]) -> "asyncio.Future[Any]":
        """What `work` answers at the server, or raises there."""
        loop = self._loop
        answer: asyncio.Future[Any] = asyncio.Future(loop=loop)
        if self._is_closed:
            answer.cancel()
            return answer
        self._asked[answer] = None
        if self.mode == "away":
            loop.call_later(self._patience, self._give_up, self._generation)
            return answer
        self._arrived = max(self._arrived + 1e-7, loop.time() + self._weather.delay())
        loop.nobodys_at(self._arrived, self._arrive, self._generation, answer, work)
        return answer

    def _arrive(self, generation: int, answer: "asyncio.Future[Any]", work: Callable[[], Any]) -> None:
        if generation != self._generation or self.mode == "away":
            self._lose(generation)
            return
        if not self.server.is_up or self._weather.breaks_now():
            self.cut()
            return
        try:
            found = work()
        except Exception as error:  # noqa: BLE001  # an answer, too
            found = error
        if isinstance(found, asyncio.Future):  # somebody at the server has to wait
            found.add_done_callback(lambda done: self._send(generation, answer, _outcome(done)))
            self._loop.call_later(self._patience, self._lose_patience, generation, answer)
        else:
            self._send(generation, answer, found)

    def _lose_patience(self, generation: int, answer: "asyncio.Future[Any]") -> None:
        if not answer.done():
            self._give_up(generation)

    def _send(self, generation: int, answer: "asyncio.Future[Any]", found: Any) -> None:
        if generation != self._generation:
            return
        if self.mode == "deaf":
            self._lose(generation)
        elif self._weather.breaks_now():
            self.cut()
        else:
            loop = self._loop
            self._answered = max(self._answered + 1e-7, loop.time() + self._weather.delay())
            loop.nobodys_at(self._answered, self._answer, generation, answer, found)

    def _answer(self, generation: int, answer: "asyncio.Future[Any]", found: Any) -> None:
        if generation != self._generation:
            return
        if self.mode != "open":
            self._lose(generation)
            return
        self._asked.pop(answer, None)
        if answer.done():
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def _lose(self, generation: int) -> None:
        """Nobody hears of it until somebody loses patience."""
        if generation == self._generation:
            self._loop.call_later(self._patience, self._give_up, generation)

    def _give_up(self, generation: int) -> None:
        if generation == self._generation:
            self.cut()

    def cut(self) -> None:
        """It breaks; whoever waits is told so."""
        self._generation += 1
        asked, self._asked = self._asked, {}
        for answer in asked:
            if not answer.done():
                answer.set_exception(self._error("the connection broke"))
        self._on_cut()

    def close(self, *, in_flight: bool) -> None:
        """The process is gone: it hears nothing more; what it has sent may arrive yet, if `in_flight`."""
        self._is_closed = True
        for answer in self._asked:
            answer.cancel()
        self._asked = {}
        if not in_flight:
            self._generation += 1
        self.retires()

    def retires(self) -> None:
        """It is nobody's any more."""
        if self in self.server.links:
            self.server.links.remove(self)


def _outcome(done: "asyncio.Future[Any]") -> Any:
    return done.exception() or done.result()
