"""Giving back: one call where one server has all of Redis and the caller knows where the hold is, else three.

The resource's script decides; the session's index only says where to look, and forgets what has ended.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from redis.exceptions import ClusterCrossSlotError

from server.errors import BadRequest, Conflict, NotFound
from server.holds import requests
from server.holds.carts import by_resource, ids
from server.holds.gathering import Command, Common, Reply
from server.holds.index import Index
from server.holds.loading import Loader
from server.holds.places import Begun
from server.holds.rules import Hold
from server.holds.sources import Resources
from server.holds.store import Answer, NotReady, read

_RELEASED = frozenset({"held", "released"})  # a part of it, or all

Items = Sequence[tuple[str, int]]
"""Slot ids and quantities."""


class Released(NamedTuple):
    """A hold as it is now, at its resource's `version`.

    `is_news` unless this is the answer to a repeat, or to who gives back what had ended otherwise: whoever
    ended it tells of that, and why.
    """

    hold: Hold
    version: int
    is_news: bool


class Releasing:
    """What buyers give back."""

    def __init__(self, loader: Loader, index: Index, inventory: Resources) -> None:
        self._loader = loader
        self._index = index
        self._inventory = inventory

    async def release(
        self,
        session: str,
        hold: str,
        items: Items | None,
        *,
        op: str | None,
        resource: str | None,
    ) -> Released:
        """Give a hold back, or a part of it; `resource` is where the caller thinks it is."""
        answer = None
        if resource is not None and self._index.is_beside_resources:
            content = await self._content(session, hold, items, op, resource)
            answer = await self._at_once(resource, partial(self._ask, resource, content))
        return released(answer or await self._in_turn(session, hold, items, op))

    def begin(self, session: str, hold: str, *, op: str | None, resource: str) -> Begun[Released] | None:
        """Give all of a hold back that is in this resource: sent to Redis at once; None if it can't be."""
        if not self._index.is_beside_resources:
            return None
        content = {"session": session, "holds": [hold], "op": op}
        reply = self._ask(resource, content)
        return Begun(reply, partial(_simply, resource, reply), partial(self._after, resource, content, reply))

    async def _after(self, resource: str, content: dict[str, Any], reply: Reply) -> Released:
        """As release does; it was asked once already."""
        sent = [reply]
        answer = await self._at_once(resource, lambda: sent.pop() if sent else self._ask(resource, content))
        session, (hold,), op = content["session"], content["holds"], content["op"]
        return released(answer or await self._in_turn(session, hold, None, op))

    def _ask(self, resource: str, content: dict[str, Any]) -> Reply:
        command = Command(self._index.key(content["session"]), Common.of({"resource": resource}), content)
        return self._loader.store.ask("release_many", resource, command)

    async def _at_once(self, resource: str, ask: Callable[[], Reply]) -> Answer | None:
        """Release and forget in one call; None where it is not there, or has to be done in turn."""

        async def once() -> Answer:
            return read(await ask(), resource)

        try:
            answer = await self._loader.with_loaded(resource, once)
        except ClusterCrossSlotError:
            self._index.is_beside_resources = False
            return None
        return None if _is_apart(answer) else answer

    async def _in_turn(self, session: str, hold: str, items: Items | None, op: str | None) -> Answer:
        resource = await self._index.resource_of(session, hold)
        if resource is None:
            raise NotFound
        content = await self._content(session, hold, items, op, resource)
        answer = await self._loader.run("release", resource, **content)
        if answer.holds and answer.holds[0].status != "held":
            await self._index.write(session, drop=[hold])
        return answer

    async def _content(
        self, session: str, hold: str, items: Items | None, op: str | None, resource: str
    ) -> dict[str, Any]:
        """What both scripts that release are told."""
        indices = None
        if items is not None:
            loaded = await self._inventory.get(resource)
            requests.refuse_parts(loaded)
            indices = requests.indices(loaded, items)
        return {"session": session, "holds": [hold], "items": indices, "op": op}

    async def release_all(self, session: str, holds: Sequence[Hold], *, op: str | None) -> None:
        """Give all of these back; their entries stay."""
        for resource, some in by_resource(holds).items():
            answer = await self._loader.run("release", resource, session=session, holds=ids(some), op=op)
            refuse_unreleased(answer)


def released(answer: Answer) -> Released:
    """What came of giving one hold back; raises what refuses it."""
    refuse_unreleased(answer)
    if not answer.holds:
        raise NotFound
    found = answer.holds[0]
    return Released(found, answer.version, is_news=not answer.replayed and found.status in _RELEASED)


def _simply(resource: str, reply: Reply) -> Released | None:
    try:
        answer = read(reply.result(), resource)
    except (ClusterCrossSlotError, NotReady):
        return None
    return None if _is_apart(answer) else released(answer)


def _is_apart(answer: Answer) -> bool:
    return answer.status == "apart" or answer.replayed


def refuse_unreleased(answer: Answer) -> None:
    """What was not given back, and why."""
    if answer.status == "paying":
        raise Conflict("This is being paid: cancel its booking instead")
    if answer.status == "excess":
        raise BadRequest("The hold has less than that")
