"""Commands of many callers sent as one pipeline: what gathers while a batch is on its way is the next batch.

Under load that is a few system calls for hundreds of commands; an idle caller waits for nobody.
"""

import asyncio
from collections import deque
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from redis.asyncio import Redis

from channels.cluster import Cluster, ask, slot_of_command
from server.errors import Overloaded

BATCH = 256  # commands in one pipeline
LANES = 4  # pipelines on their way at once
WAITING = 20_000  # commands that may wait; beyond that they are refused

Command = tuple[Any, ...]


class Caller(Protocol):
    """Whoever sends commands."""

    async def call(self, *command: Any) -> Any:
        """The answer to one command."""
        ...


def batcher(client: Redis) -> Caller:
    """What sends commands in pipelines to one server, or to each of a cluster's."""
    return ClusterBatcher(client) if isinstance(client, Cluster) else Batcher(client)


class Batcher:
    """`call` as many commands as you like; each answers, or fails, by itself.

    A connection that fails takes along what was sent on it and what waited behind it: nobody waits for a
    Redis that is away. A caller that is cancelled leaves its command to run.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._waiting: deque[tuple[Command, asyncio.Future[Any]]] = deque()
        self._lanes: set[asyncio.Task[None]] = set()

    async def call(self, *command: Any) -> Any:
        """Redis' answer to one command; raises what redis-py raises, or Overloaded."""
        if len(self._waiting) >= WAITING:
            raise Overloaded(retry_after=1)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        if len(self._lanes) < LANES:
            lane = asyncio.create_task(self._work(), name="holds lane")
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        return await answer

    async def _work(self) -> None:
        """Send batches until nothing waits."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                answers = await self._send([command for command, _ in batch])
            except Exception as error:  # noqa: BLE001  # whatever it is, its callers are told
                self._fail([*batch, *self._waiting], error)
                return
            for (_, future), answer in zip(batch, answers, strict=True):
                _settle(future, answer)

    async def _send(self, commands: list[Command]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            return await pipeline.execute(raise_on_error=False)

    def _fail(self, lost: list[tuple[Command, asyncio.Future[Any]]], error: Exception) -> None:
        self._waiting.clear()
        for _, future in lost:
            _settle(future, error)


class ClusterBatcher:
    """A batcher for each server: one that is away, or slow, holds nobody up who asks another."""

    def __init__(self, cluster: Cluster) -> None:
        self._nodes = cluster.nodes
        self._batchers: WeakKeyDictionary[Redis, Batcher] = WeakKeyDictionary()

    async def call(self, *command: Any) -> Any:
        """As Batcher.call, at the server that has the command's key."""

        async def send(client: Redis, asking: bool) -> Any:
            if asking:
                return await ask(client, command)
            batcher = self._batchers.get(client)
            if batcher is None:
                batcher = self._batchers[client] = Batcher(client)
            return await batcher.call(*command)

        return await self._nodes.route(slot_of_command(command), send)


def _settle(future: asyncio.Future[Any], answer: Any) -> None:
    if future.cancelled():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
