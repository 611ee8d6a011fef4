"""Commands of many callers sent together: what one turn of the event loop brings is written at once.

Under load that is a few system calls for hundreds of commands; an idle caller waits for nobody.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import hiredis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from channels.cluster import Cluster, ask, slot_of, slot_of_command
from server.errors import Overloaded
from server.holds.wire import Answer, Command, Wire, settle

IN_FLIGHT = 512  # commands sent and not yet answered
WAITING = 20_000  # commands that may wait; beyond that they are refused
CONNECT_SECONDS = 2.0  # until there is a connection; whoever waits for it is told then
AGAIN_SECONDS = 0.4  # after a connection that did not come about; whoever asks earlier is told the same
SECONDS = 1.0  # without any answer, until Redis counts as away


class CommandSender(Protocol):
    """A pipeline to one server, or to each of a cluster's."""

    def call(self, *command: Any, at: str | None = None) -> Awaitable[Any]:
        """The answer to one command; one without a key goes to the server that has the key `at`."""
        ...

    async def aclose(self) -> None:
        """Give back every connection; what is under way fails. A later call opens another."""
        ...


def open_pipeline(client: Redis) -> CommandSender:
    """What sends commands to one server, or to each of a cluster's."""
    return ClusterPipeline(client) if isinstance(client, Cluster) else Pipeline(client)


class Pipeline:
    """`call` as many commands as you like; each answers, or fails, by itself.

    They reach Redis in the order of the calls. A connection that fails takes along what was sent on it and
    what waited behind it: nobody waits for a Redis that is away. A caller that is cancelled leaves its
    command to run.
    """

    def __init__(self, client: Redis) -> None:
        self._pool: Any = client.connection_pool
        self._waiting: deque[Command] = deque()
        self._wire: Wire | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._is_due = False
        self._refusal: tuple[float, Exception] | None = None

    def call(self, *command: Any, at: str | None = None) -> Answer:  # noqa: ARG002  # one server has all keys
        """Redis' answer to one command, or what redis-py raises, or Overloaded.

        It is packed here: one that cannot be must leave no place among the answers on the wire.
        """
        loop = asyncio.get_running_loop()
        answer: Answer = loop.create_future()
        if len(self._waiting) >= WAITING:
            answer.set_exception(Overloaded(retry_after=1))
            return answer
        try:
            packed = hiredis.pack_command(command)
        except Exception as error:  # noqa: BLE001  # a TypeError, a UnicodeEncodeError: its own caller is told
            answer.set_exception(error)
            return answer
        self._waiting.append((packed, answer))
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self._flush)
        return answer

    def _flush(self) -> None:
        """Send what waits, as much as may be on its way; answers make room for more."""
        self._is_due = False
        wire = self._wire
        if wire is None:
            if not self._is_refused():
                self._keeping = self._keeping or asyncio.create_task(self._keep(), name="holds wire")
            return
        if wire.lost.done():
            return  # `_keep` is about to tell whoever waits
        room = min(IN_FLIGHT - len(wire), len(self._waiting))
        if room > 0:
            wire.send([self._waiting.popleft() for _ in range(room)])

    def _is_refused(self) -> bool:
        """Whether nobody was reached a moment ago: whoever waits is told so, and no try is spent on them."""
        if self._refusal is None or time.monotonic() > self._refusal[0] + AGAIN_SECONDS:
            return False
        self._fail(self._refusal[1])
        return True

    def _fail(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, deque()
        for _, answer in waiting:
            settle(answer, error)

    async def _keep(self) -> None:
        """Have a connection for as long as it lasts."""
        connection, error = None, None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):  # Sentinels are asked one after the other
                connection = await self._pool.get_connection()
            self._wire = Wire(connection, SECONDS, self._flush)
            self._flush()
            error = await self._wire.lost
        except Exception as failure:  # noqa: BLE001  # whatever it is, its callers are told
            error = failure
            self._refusal = (time.monotonic(), failure)
        finally:
            self._wire = self._keeping = None
            self._fail(error or RedisConnectionError("closed"))
            if connection is not None:
                await connection.disconnect(nowait=True)
                await self._pool.release(connection)

    async def aclose(self) -> None:
        """As CommandSender.aclose."""
        keeping = self._keeping
        if keeping is not None:
            keeping.cancel()
            await asyncio.wait([keeping])


class ClusterPipeline:
    """A pipeline for each server: one that is away, or slow, holds nobody up who asks another."""

    def __init__(self, cluster: Cluster) -> None:
        self._nodes = cluster.nodes
        self._pipelines: WeakKeyDictionary[Redis, Pipeline] = WeakKeyDictionary()

    async def call(self, *command: Any, at: str | None = None) -> Any:
        """As Pipeline.call, at the server that has the command's key, or the key `at`."""

        async def send(client: Redis, asking: bool) -> Any:
            if asking:
                return await ask(client, command)
            pipeline = self._pipelines.get(client)
            if pipeline is None:
                pipeline = self._pipelines[client] = Pipeline(client)
            return await pipeline.call(*command)

        return await self._nodes.route(slot_of_command(command) if at is None else slot_of(at), send)

    async def aclose(self) -> None:
        """As CommandSender.aclose."""
        for pipeline in list(self._pipelines.values()):
            await pipeline.aclose()
