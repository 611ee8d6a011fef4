"""For sessions that come back, thousands at once: whether each is a user's, and where it holds anything.

A server that ends, or a network that breaks, drops all its browsers at the same moment. What one turn of the
event loop brings is asked by one script, and what comes until its answer, by the next.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from server.batches import Batches
from server.holds.index import Entry, Listing, OpenCart, index_key
from server.holds.scripts import Scripts

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


_decoder = msgspec.msgpack.Decoder(_Answer)


class Returns:
    """Asks for all of a process. `user_key` names the key that only a user's session has."""

    def __init__(self, scripts: Scripts, user_key: Callable[[str], str]) -> None:
        self.serves = not scripts.in_cluster
        """In a cluster no script sees two sessions: there, each is asked about by itself."""

        self._scripts = scripts
        self._user_key = user_key
        self._batches = Batches(self._read, most=BATCH, name="returning sessions")

    def ask(self, session: str) -> asyncio.Future[Return]:
        """The session's Return, to come; or Unavailable. A caller that gives up cancels it."""
        return self._batches.ask(session)

    async def _read(self, sessions: Sequence[str]) -> list[Return]:
        keys = tuple(key for session in sessions for key in (self._user_key(session), index_key(session)))
        answer = _decoder.decode(await self._scripts.run("returning", keys, {}))
        return [
            Return(one.is_bound, Listing(now=answer.now, cart=one.cart, entries=one.entries))
            for one in answer.sessions
        ]
