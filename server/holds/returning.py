"""For sessions that come back, thousands at once: whether each is a user's, and where it holds anything.

A server that ends, or a network that breaks, drops all its browsers at the same moment. What one turn of the
event loop brings is asked by one script, and what comes until its answer, by the next.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from server.holds.index import Entry, Listing, OpenCart, index_key
from server.holds.scripts import Scripts
from server.holds.wire import settle

BATCH: Final = 50
"""Sessions in one script, so that neither Redis nor the event loop is busy with them for long."""


class Return(NamedTuple):
    """A session that comes back: whether it needs its user beside it, and its index."""

    is_bound: bool
    listing: Listing


class _Session(msgspec.Struct, frozen=True, kw_only=True):
    is_bound: bool
    entries: tuple[Entry, ...] = ()
    cart: OpenCart | None = None


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    now: int
    sessions: tuple[_Session, ...]


_Asked = tuple[str, "asyncio.Future[Return]"]
_decoder = msgspec.msgpack.Decoder(_Answer)


class Returns:
    """Asks for all of a process. `user_key` names the key that only a user's session has."""

    def __init__(self, scripts: Scripts, user_key: Callable[[str], str]) -> None:
        self.serves = not scripts.in_cluster
        """In a cluster no script sees two sessions: there, each is asked about by itself."""

        self._scripts = scripts
        self._user_key = user_key
        self._waiting: deque[_Asked] = deque()
        self._reading: asyncio.Task[None] | None = None

    def ask(self, session: str) -> "asyncio.Future[Return]":
        """The session's Return, to come; or Unavailable. A caller that gives up cancels it."""
        found: asyncio.Future[Return] = asyncio.get_running_loop().create_future()
        self._waiting.append((session, found))
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(), name="returning sessions")
        return found

    async def _read(self) -> None:
        try:
            while self._waiting:
                batch = list(islice(self._waiting, BATCH))
                for _ in batch:
                    self._waiting.popleft()
                still_there = [each for each in batch if not each[1].done()]
                if still_there:
                    await self._read_batch(still_there)
        finally:
            self._reading = None

    async def _read_batch(self, batch: Sequence[_Asked]) -> None:
        keys = tuple(key for session, _ in batch for key in (self._user_key(session), index_key(session)))
        try:
            answer = _decoder.decode(await self._scripts.run("returning", keys, {}))
        except Exception as error:  # noqa: BLE001  # whatever it is, those who asked are told
            for _, found in batch:
                settle(found, error)
            return
        for (_, found), one in zip(batch, answer.sessions, strict=True):
            settle(found, Return(one.is_bound, Listing(now=answer.now, cart=one.cart, entries=one.entries)))
