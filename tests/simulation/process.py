"""One process of the server: the shipped parts on simulated servers, and how it dies."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import msgspec
from redis.exceptions import ConnectionError as RedisConnectionError

from channels.supervisor import supervise
from server.holds.events import SESSIONS_CHANNEL
from server.holds.keeper import Keeper
from server.holds.scripts import Keys, Own, Scripts, or_unavailable
from server.holds.service import Holds
from server.settings import Settings
from tests.simulation.catalogue import Catalogue
from tests.simulation.clock import Clock
from tests.simulation.network import Link, Server, Weather
from tests.simulation.office import Office
from tests.simulation.postgres.server import Postgres
from tests.simulation.provider import Bank
from tests.simulation.pubsub import Bus
from tests.simulation.redis import Redis

if TYPE_CHECKING:
    from redis.asyncio import Redis as RealClient

Result = TypeVar("Result")

_within: ContextVar["Process | None"] = ContextVar("process", default=None)


class Gone(Exception):
    """The process died before it answered: nobody knows what came of it."""


def task_factory(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> "asyncio.Task[Any]":
    """Each task is known to the process that made it, so that it can die with it."""
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **more)
    process = _within.get()
    if process is not None:
        process.tasks.append(task)
    return task


class RedisClient:
    """What server.holds.store asks of a client beside scripts; on a connection of its own."""

    def __init__(self, redis: Redis, link: Link) -> None:
        self._redis = redis
        self._link = link
        self.sadd = partial(self._do, "SADD")
        self.srem = partial(self._do, "SREM")
        self.smembers = partial(self._do, "SMEMBERS")
        self.exists = partial(self._do, "EXISTS")
        self.info = partial(self._do, "INFO")

    def _do(self, *command: Any) -> "asyncio.Future[Any]":
        return self._link.call(lambda: self._redis.do(command))

    def pipeline(self, *, transaction: bool) -> "Pipeline":
        assert transaction
        return Pipeline(self._do)


class Pipeline:
    """MULTI … EXEC of a resource's meta and slots."""

    def __init__(self, do: Callable[..., "asyncio.Future[Any]"]) -> None:
        self._do = do
        self._meta: tuple[str, list[str]] = ("", [])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def hmget(self, key: str, fields: list[str]) -> None:
        self._meta = (key, fields)

    def get(self, _key: str) -> None:
        """Its slots: they come with the meta."""

    def execute(self) -> "asyncio.Future[Any]":
        return self._do("SLOTS", *self._meta)


class SimulatedScripts(Scripts):
    """Runs scripts by their names on the simulated Redis; what is away is told as the shipped one does."""

    def __init__(self, redis: Redis, link: Link, client: RedisClient) -> None:
        self.client = cast("RealClient", client)  # as much of one as is asked for
        self.in_cluster = False
        self._clock = None
        self._redis = redis
        self._link = link

    async def run(self, name: str, key: Keys, content: Mapping[str, Any], *blobs: bytes) -> bytes:
        given = (msgspec.msgpack.encode(content), *blobs)
        keys = (key,) if isinstance(key, str) else key
        answer: bytes = await or_unavailable(self._link.call(lambda: self._redis.script(name, keys, given)))
        return answer

    async def run_many(
        self, name: str, key: str, common: Mapping[str, Any], each: Sequence[Own], *blobs: bytes
    ) -> list[bytes | Exception]:
        assert not blobs, "grids are not simulated"
        keys, given = (key, *(one for one, _ in each)), [own for _, own in each]
        packed = (msgspec.msgpack.encode(common), *given)
        answers: list[bytes] = await or_unavailable(
            self._link.call(lambda: self._redis.script_of_many(name, keys, packed))
        )
        return [*answers]

    async def read(self, name: str, key: str) -> Any:
        raise NotImplementedError("grids are not simulated")

    async def command(self, *command: Any) -> Any:
        return await or_unavailable(self._link.call(lambda: self._redis.do(command)))


def redis_breaks(reason: str) -> Exception:
    return RedisConnectionError(reason)


class Process:
    """`run` something in it as a route would; `dies` at any moment. A new one takes its place."""

    def __init__(
        self,
        name: str,
        *,
        redis: Redis,
        redis_server: Server,
        catalogue: Catalogue,
        postgres: Postgres,
        bank: Bank,
        settings: Settings,
        clock: Clock,
        weather: Weather,
    ) -> None:
        self.name = name
        self.clock = clock
        self.is_alive = True
        self.tasks: list[asyncio.Task[Any]] = []
        self.links = [Link(redis_server, weather, redis_breaks), Link(redis_server, weather, redis_breaks)]
        self.bus = Bus(redis_server, weather)
        self._context = copy_context()
        self._context.run(_within.set, self)
        self.office = Office(postgres, bank, weather, clock)
        self.scripts = SimulatedScripts(redis, self.links[0], RedisClient(redis, self.links[1]))
        self.holds = Holds(
            self.scripts.client,
            catalogue,
            self.office.booked,
            settings,
            process=name,
            clock=clock.milliseconds,
            scripts=self.scripts,
        )
        self.holds.trust._clock = clock.monotonic
        self.holds.trust.outage()
        self.keeper = Keeper(self.holds, hears=lambda: self.bus.is_connected, clock=clock.milliseconds)
        self.bus.on_gap(self.keeper.may_have_missed)
        self.bus.subscribe(SESSIONS_CHANNEL, self.keeper.hear)
        self.office.opens(self.holds, self.scripts, catalogue)
        self.bookings, self.payments = self.office.bookings, self.office.payments

    def starts(self, *, sells: bool) -> None:
        """What runs by itself, set going; the loops of bookings and payments only where it `sells`."""
        self.begin(self.keeper.run())
        for worker in self.office.workers() if sells else ():
            self.begin(supervise(worker.name, worker.run))

    def begin(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        """A task of this process."""
        return asyncio.get_running_loop().create_task(work, context=self._context.copy())

    async def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What a route answers; Gone if the process dies meanwhile."""
        if not self.is_alive:
            work.close()
            raise Gone
        task = self.begin(work)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not self.is_alive or task.cancelled():
            raise Gone
        return task.result()

    def dies(self, *, in_flight: bool) -> None:
        """At once. What it had sent may yet arrive, if `in_flight`; nothing else of it has any effect."""
        self.is_alive = False
        for link in self.links:
            link.close(in_flight=in_flight)
        self.office.dies(in_flight=in_flight)
        self.bus.close()
        for task in self.tasks:
            task.cancel()
        self.tasks.clear()  # else they stay for as long as it does, and all that they hold
