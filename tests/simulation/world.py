"""A whole street in one thread: servers, processes, buyers and faults of one seed."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from server.errors import Overloaded, Unavailable
from server.inventory.rules import HoldPolicy
from server.payments.provider import Event
from server.settings import Settings
from tests.simulation.catalogue import Catalogue, hall
from tests.simulation.clock import Clock
from tests.simulation.live import Turn
from tests.simulation.loop import SimulatedLoop
from tests.simulation.money import MoneyProperties
from tests.simulation.network import Mode, Server, Weather
from tests.simulation.postgres.server import Postgres
from tests.simulation.process import Gone, Process
from tests.simulation.properties import Broken, LiveProperties
from tests.simulation.provider import NAME, Bank
from tests.simulation.redis import Redis

if TYPE_CHECKING:
    from tests.simulation.people import Buyer

OPERATIONS: Final = 200
POLICY: Final = HoldPolicy(hold_seconds=12, hold_max_seconds=25, max_hold_items=5)
SETTINGS: Final = Settings(disconnect_grace_seconds=4, liveness_seconds=9)
PROCESSES: Final = ("one", "two")
SERVES_AFTER: Final = 2.0
"""Seconds from a process' start until it is expected to do its part."""


@dataclass
class World:
    """One seed's. `operations` are still to be done by its buyers."""

    loop: SimulatedLoop
    seed: int
    operations: int = OPERATIONS
    faults: int = 0
    calm_seconds: float = 8.0
    trace: list[tuple[float, str]] = field(default_factory=list)
    is_rough: bool = False
    buyers: "dict[str, Buyer]" = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"world {self.seed}")
        self.weather = Weather(random.Random(f"weather {self.seed}"))
        self.redis_clock = Clock(self.loop)
        self.redis = Redis(self.redis_clock.microseconds)
        self.redis_server = Server("redis")
        self.catalogue = Catalogue(
            [hall("hall", (1, 1, 1, 3, 1, 1), POLICY), hall("other", (1, 2, 1), POLICY)]
        )
        self.resources = list(self.catalogue.halls)
        self.postgres = Postgres()
        self.postgres.opens(self.catalogue)
        self.bank = Bank(random.Random(f"bank {self.seed}"), Clock(self.loop).milliseconds)
        self.bank.deliver, self.bank.says = self._deliver, self.says
        self.money = MoneyProperties(self.postgres, self.bank)
        self.postgres.tables.on_commit = self._committed
        self.bank.on_capture = self._captured
        self.processes: dict[str, Process] = {}
        self.properties = LiveProperties(self.is_here)
        self.redis.on_turn = self._after
        self.redis.on_publish = self._publish
        self._starts = 0
        self._serving: dict[str, float] = {}
        self._reaching: dict[str, float] = {}
        self.broken: Broken | None = None

    @property
    def sells(self) -> bool:
        """Every other seed books and pays, too."""
        return self.seed % 2 == 1

    def says(self, text: str) -> None:
        """A line of the trace."""
        self.trace.append((self.loop.time(), text))

    # Processes.

    def starts(self, name: str) -> None:
        """A process of this name, with an empty memory."""
        self._starts += 1
        ahead = self.chance.choice((0.0, 0.0, -0.4, 0.4))
        process = self._made(f"{name}.{self._starts}", Clock(self.loop, ahead))
        self.processes[name] = process
        process.starts(sells=self.sells)
        self.says(f"{process.name} starts, {ahead:+.1f} s")

    def _made(self, name: str, clock: Clock) -> Process:
        return Process(
            name,
            redis=self.redis,
            redis_server=self.redis_server,
            catalogue=self.catalogue,
            postgres=self.postgres,
            bank=self.bank,
            settings=SETTINGS,
            clock=clock,
            weather=self.weather,
        )

    def kills(self, name: str, *, in_flight: bool) -> None:
        process = self.processes[name]
        if process.is_alive:
            self.says(f"{process.name} dies")
            process.dies(in_flight=in_flight)

    def some_process(self, chance: random.Random) -> Process | None:
        """One that a buyer reaches, if there is any."""
        alive = [each for each in self.processes.values() if each.is_alive]
        return chance.choice(alive) if alive else None

    # Money.

    async def _deliver(self, event: Event) -> bool:
        """As the webhook's route does; True once somebody has it for good."""
        at = self.some_process(self.chance)
        if at is None:
            return False
        try:
            async with asyncio.timeout(10):
                await at.run(at.payments.inbox.receive(NAME, event))
        except (Gone, Unavailable, Overloaded, TimeoutError):
            return False
        return True

    def _captured(self, intent: str) -> None:
        try:
            self.money.is_accepted(intent)
        except Broken as broken:
            self.breaks(broken)

    def _committed(self, changed: dict[tuple[str, Any], dict[str, Any] | None]) -> None:
        try:
            for line in self.money.after(changed):
                self.says(f"  postgresql: {line}")
        except Broken as broken:
            self.breaks(broken)

    # Redis.

    def redis_down(self) -> None:
        self.says("redis is down")
        self.redis_server.goes_down()
        for process in self.processes.values():
            process.bus.cut()
        self.stumbles()

    def redis_up(self) -> None:
        self.says(f"redis is up as {self.redis.run_id}")
        self.redis_server.is_up = True
        self.stumbles()

    def cuts_off(self, process: Process, mode: Mode) -> None:
        self.says(f"{process.name} is {mode}")
        for link in process.links:
            link.mode = mode
        process.bus.cut_off(is_away=mode != "open")
        self._serving.pop(process.name, None)
        self._reaching.pop(process.name, None)

    def _publish(self, channel: str, data: bytes) -> None:
        for process in self.processes.values():
            process.bus.published(channel, data)

    def _after(self, turn: Turn) -> None:
        if turn.events or turn.touched or turn.name == "load":
            ids = " ".join(f"{each['hold']['id'][:6]}:{each['hold']['status']}" for each in turn.events)
            self.says(f"  redis: {turn.name} {turn.resource} v{turn.meta.version} {ids}")
        try:
            self.properties.after(turn)
        except Broken as broken:
            self.breaks(broken)

    def breaks(self, broken: Broken) -> None:
        """A property does not hold: the story ends as soon as it is looked at."""
        self.says(f"BROKEN: {broken}")
        self.broken = self.broken or broken

    # Properties that time brings.

    def is_here(self, session: str) -> bool:
        """Whether the session has had a socket for a while, on a process that serves for a while."""
        before = self.loop.time() - SERVES_AFTER
        sockets = self.buyers[session].sockets.values() if session in self.buyers else ()
        return any(
            process.is_alive and opened < before and self._reaching.get(process.name, before) < before
            for process, opened in sockets
        )

    def stumbles(self) -> None:
        """From here on everybody has to find their feet again."""
        self._serving.clear()

    async def watch(self) -> None:
        """Twice a second."""
        while True:
            await asyncio.sleep(0.5)
            self._look()
            if self.broken is not None:
                raise self.broken

    def _look(self) -> None:
        now = self.loop.time()
        for process in self.processes.values():
            is_open = process.is_alive and all(link.mode == "open" for link in process.links)
            reaches = is_open and not self.is_rough
            _note(self._reaching, process.name, now + SERVES_AFTER, holds=reaches)
            _note(self._serving, process.name, now + SERVES_AFTER, holds=reaches and self.redis_server.is_up)
        alive = {process.name for process in self.processes.values()}
        since = [at for name, at in self._serving.items() if name in alive]
        if since and min(since) < now:
            ago = round(1000 * (now - min(since)))
            self.properties.deadlines_are_kept(
                self.redis.resources, self.redis.now, served_since=self.redis.now - ago
            )

    # The story.

    @property
    def is_over(self) -> bool:
        """Whether all has been done that is to be done, and a fault has struck meanwhile."""
        return self.operations <= 0 < self.faults

    def operation(self) -> None:
        """Somebody does something: asks for it, pays, opens a socket or closes one."""
        self.operations -= 1

    async def settles(self, bound: float) -> None:
        """All that is held or owed comes to its end by itself, once nobody does anything any more.

        A Redis that has gone back just now knows of nothing that is left: that is found out first.
        """
        until = self.loop.time() + bound
        await asyncio.sleep(SERVES_AFTER)
        while left := [*self._still_held(), *self.money.unsettled()]:
            if self.loop.time() > until:
                raise Broken(f"after {bound} s there is left: {left}")
            await asyncio.sleep(1)
        self.money.agrees_with(self.redis)

    def _still_held(self) -> list[str]:
        return [
            f"{name} {hold}"
            for name, live in self.redis.resources.items()
            for hold in (*live.deadlines, *live.paying)
        ]


def _note(since: dict[str, float], name: str, now: float, *, holds: bool) -> None:
    """Since when it is so; nothing while it is not."""
    if holds:
        since.setdefault(name, now)
    else:
        since.pop(name, None)
