"""Buyers: each does one thing after another at some process, and tries again with the same op where it hears
nothing."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any, ClassVar, Final

from server.accounts.rules import Caller
from server.errors import HoldfastError, Overloaded, Unavailable
from server.holds.rules import Hold, HoldRequest
from tests.simulation.process import Gone, Process

if TYPE_CHECKING:
    from tests.simulation.world import World

DOES: Final = {
    "takes": 10,
    "releases": 3,
    "extends": 1,
    "releases_all": 1,
    "opens": 3,
    "closes_one": 2,
    "leaves": 1,
    "looks": 2,
}
PATIENCE_SECONDS = 8.0
TRIES = 6


@dataclass
class Buyer:
    """One session."""

    world: "World"
    name: str
    chance: random.Random
    think: float
    caller: Caller = field(init=False)
    sockets: dict[str, tuple[Process, float]] = field(default_factory=dict)
    holds: list[Hold] = field(default_factory=list)
    ops: int = 0
    does: ClassVar[Mapping[str, int]] = DOES

    def __post_init__(self) -> None:
        self.caller = Caller(session=self.name)
        self._what, self._how_often = tuple(self.does), tuple(accumulate(self.does.values()))

    async def lives(self) -> None:
        """Until the story has had all of its operations; what one finds nothing to do for is none."""
        while not self.world.is_over:
            await self.does_something()
            await asyncio.sleep(self.think * self.chance.random() * 2)
        for socket in list(self.sockets):
            self.closes(socket)

    async def does_something(self) -> None:
        await getattr(self, self.chance.choices(self._what, cum_weights=self._how_often)[0])()

    # What it may do.

    async def takes(self) -> None:
        name = self.chance.choice(self.world.resources)
        slots = self.world.catalogue.halls[name].slots
        chosen = self.chance.sample(slots, self.chance.choice((1, 1, 2)))
        items = tuple((slot.id, self.chance.randint(1, min(2, slot.capacity))) for slot in chosen)
        request = HoldRequest(resource=name, items=items)
        held = await self.asks(
            f"hold {name} {items}",
            lambda at, op: at.holds.hold(self.caller, request, op=op, connected=at.name in self.sockets),
        )
        if held is not None:
            self.holds.append(held.hold)

    async def releases(self) -> None:
        if self.holds:
            hold = self.holds.pop(self.chance.randrange(len(self.holds)))
            items = None
            if hold.items[0].quantity > 1 and self.chance.random() < 0.7:
                items = [(f"s{hold.items[0].index}", 1)]
            await self.asks(
                f"release {hold.id[:6]} {items or ''}",
                lambda at, op: at.holds.release(self.caller, hold.id, items, op=op),
            )

    async def extends(self) -> None:
        await self.asks("extend", lambda at, op: at.holds.extend(self.caller, op=op))

    async def releases_all(self) -> None:
        self.holds.clear()
        await self.asks("release all", lambda at, op: at.holds.release_cart(self.caller, op=op))

    async def looks(self) -> None:
        await self.asks("look", lambda at, _: at.holds.standing(self.name))

    async def leaves(self) -> None:
        await self.asks("leave", lambda at, _: at.holds.leave(self.caller))

    async def opens(self) -> None:
        """A socket on some process, or the same again after that has died."""
        at = self.world.some_process(self.chance)
        if at is not None and at.name not in self.sockets:
            self.world.operation()
            self.sockets[at.name] = (at, self.world.loop.time())
            at.keeper.socket_opened(self.name, self.name)
            self.world.says(f"{self.name} opens a socket at {at.name}")

    async def closes_one(self) -> None:
        if self.sockets:
            self.world.operation()
            self.closes(self.chance.choice(sorted(self.sockets)))

    def closes(self, name: str) -> None:
        at, _ = self.sockets.pop(name)
        if at.is_alive:
            at.keeper.socket_closed(self.name, self.name)
            self.world.says(f"{self.name} closes its socket at {at.name}")

    # How it asks.

    async def asks(
        self, what: str, ask: Callable[[Process, str], Coroutine[Any, Any, Any]], *, repeats: bool = True
    ) -> Any:
        """The answer, None for a refusal. Where nobody knows what came of it, the same again elsewhere."""
        self.ops += 1
        self.world.operation()
        op = f"{self.name}-{self.ops}"
        for _ in range(TRIES if repeats else 1):
            at = self.world.some_process(self.chance)
            if at is None:
                await asyncio.sleep(0.5)
                continue
            self.world.says(f"{self.name} asks {at.name}: {what}")
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    answer = await at.run(ask(at, op))
            except (Gone, Unavailable, Overloaded, TimeoutError) as error:
                self.world.says(f"{self.name} hears nothing: {type(error).__name__}")
                await asyncio.sleep(0.2 + self.chance.random())
            except HoldfastError as error:
                self.world.says(f"{self.name} is refused: {type(error).__name__}")
                return None
            else:
                self.world.says(f"{self.name} has it")
                return answer
        return None
