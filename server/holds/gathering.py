"""Batches: the commands of many sessions on one resource as one call of a script.

What comes while a call is on its way joins the next. So a quiet process asks at once, and the busier Redis
is, the more commands one call has: it parses, reads the clock and the resource, writes the log and publishes
once for all of them. Once ENOUGH wait, waiting for the answer of the call before saves hardly anything: then
their call follows it on the same connection.

pipeline.py does something else: it sends calls together that stay calls of their own.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self, cast

import msgspec

from server.errors import Overloaded, Unavailable
from server.holds.scripts import Scripts
from server.holds.wire import settle

MOST: Final = 64
"""Commands in one call."""

CALLS: Final = 3
"""Calls on their way; a further one than the first is begun for ENOUGH commands and no fewer."""

ENOUGH: Final = 16
"""Commands in one call by which each costs Redis nearly as little as one of MOST."""

MOST_ITEMS: Final = 1000
"""Items in one call, so that Redis is never busy with it for long; one command alone has no more."""

WAITING: Final = 20_000
"""Commands that may wait; beyond that they are refused."""

Reply = asyncio.Future[bytes]
Kind = tuple[object, ...]


class Common(NamedTuple):
    """Arguments that many commands share; commands with equal values go in one call."""

    fields: Mapping[str, Any]
    values: tuple[object, ...]

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """These fields; all commands of one script give the same ones, in the same order."""
        return cls(fields, tuple(fields.values()))


class Command(NamedTuple):
    """What one session asks of a resource: the key of its cart, the arguments it shares, and its own.

    `items` is how many items Redis has to look at for it. A command with blobs goes alone.
    """

    key: str
    common: Common
    own: Mapping[str, Any]
    blobs: Sequence[bytes] = ()
    items: int = 1


class _Asked(NamedTuple):
    command: Command
    reply: Reply


@dataclass(eq=False, slots=True)
class _Queue:
    """What waits for a call, and those that make them."""

    waiting: deque[_Asked] = field(default_factory=deque)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def wants_a_task(self) -> bool:
        """Whether a further task is to make calls, now that another command has come."""
        if self.tasks:
            return len(self.waiting) % ENOUGH == 0 and len(self.tasks) < CALLS
        return True

    @property
    def keeps_calling(self) -> bool:
        """Whether a task makes a call now: the only task for any command that waits, others for ENOUGH."""
        return len(self.waiting) >= (1 if len(self.tasks) == 1 else ENOUGH)


class Gathering:
    """All commands of one script, of a process."""

    def __init__(self, scripts: Scripts, name: str) -> None:
        self._scripts = scripts
        self._name = name
        self._queues: dict[Kind, _Queue] = {}
        self._count = 0

    @property
    def is_behind(self) -> bool:
        """Whether as many commands wait as all calls at once can take."""
        return self._count >= CALLS * MOST

    def ask(self, resource_key: str, command: Command) -> Reply:
        """The script's answer, to come; or Unavailable, Overloaded. Even if cancelled, it is done."""
        reply: Reply = asyncio.get_running_loop().create_future()
        if self._count >= WAITING:
            reply.set_exception(Overloaded(retry_after=1))
            return reply
        self._count += 1
        kind = (resource_key, command.common.values, command.key if command.blobs else "")
        queue = self._queues.get(kind)
        if queue is None:
            queue = self._queues[kind] = _Queue()
        queue.waiting.append(_Asked(command, reply))
        if queue.wants_a_task:
            queue.tasks.add(asyncio.create_task(self._serve(resource_key, kind, queue)))
        return reply

    async def _serve(self, resource_key: str, kind: Kind, queue: _Queue) -> None:
        """One call after the other, until too few wait; nobody waits for a Redis that is away.

        What comes of one is told in a turn of its own: by then the next is on its way, and Redis has no rest.
        """
        loop, waiting = asyncio.get_running_loop(), queue.waiting
        try:
            while queue.keeps_calling:
                batch = self._next(waiting)
                try:
                    answers = await self._call(resource_key, batch)
                except Exception as error:  # noqa: BLE001  # whatever it is, those who asked are told
                    if isinstance(error, Unavailable):
                        batch += self._all(waiting)
                    answers = [error] * len(batch)
                loop.call_soon(_tell, batch, answers)
        finally:
            queue.tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))
            if not queue.tasks:
                del self._queues[kind]
                self._all(waiting)

    def _next(self, waiting: deque[_Asked]) -> list[_Asked]:
        """The first of those that wait, as many as may go together.

        One of a session: what it asks again under an op is answered from what was remembered of the first.
        """
        batch: dict[str, _Asked] = {}
        items = 0
        while waiting and len(batch) < MOST and waiting[0].command.key not in batch:
            items += waiting[0].command.items
            if batch and items > MOST_ITEMS:
                break
            asked = waiting.popleft()
            batch[asked.command.key] = asked
        self._count -= len(batch)
        return [*batch.values()]

    def _all(self, waiting: deque[_Asked]) -> list[_Asked]:
        found = list(waiting)
        waiting.clear()
        self._count -= len(found)
        return found

    async def _call(self, resource_key: str, batch: list[_Asked]) -> list[bytes | Exception]:
        first = batch[0].command
        each = [(command.key, _encode(command.own)) for command, _ in batch]
        return await self._scripts.run_many(self._name, resource_key, first.common.fields, each, *first.blobs)


def _tell(batch: Sequence[_Asked], answers: Sequence[bytes | Exception]) -> None:
    for (_, reply), found in zip(batch, answers, strict=True):
        settle(reply, found)


_encode = msgspec.msgpack.Encoder().encode
