"""A connection to Redis on which many callers' commands travel together and are answered as they come.

redis-py opens it (Sentinel, account, TLS) and would read it, too, one awaited answer after the other, for
some 60 µs each. This takes its transport over: bytes in, hiredis, futures; about 5 µs. What it uses of
redis-py beyond its public face is a connection's `_writer`, for its transport, and how errors are told apart.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import hiredis
from redis._parsers.base import BaseParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError

Answer = asyncio.Future[Any]
Command = tuple[bytes, Answer]
"""What is sent, as Redis reads it, and who waits for what comes back."""

LAST_LOOK_SECONDS: Final = 0.02
"""After nothing came for too long: a turn of the event loop, in which all is read that has come."""

_NOTHING: Final = object()
_PUSHED: Final = getattr(hiredis, "PushNotification", ())


class Wire(asyncio.Protocol):
    """Answers come in the order of the commands.

    `on_answers` is called whenever some have come.

    It breaks when nothing has come for `seconds` although something was asked, when the other side closes,
    and when that is no master any more; then everybody who waits is told so.
    """

    def __init__(self, connection: Any, seconds: float, on_answers: Callable[[], None]) -> None:
        writer = connection._writer  # noqa: SLF001  # see above
        self._transport: asyncio.WriteTransport = writer.transport
        self._streams: Any = self._transport.get_protocol()
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(
            protocolError=InvalidResponse, replyError=BaseParser.parse_error, notEnoughData=_NOTHING
        )
        self._asked: deque[Answer] = deque()
        self._heard, self._doubted = 0.0, -1.0
        self._watch: asyncio.TimerHandle | None = None
        self._on_answers = on_answers
        self.lost: asyncio.Future[Exception] = self._loop.create_future()
        """Why it is broken, once it is."""
        self._transport.set_protocol(self)

    def __len__(self) -> int:
        """How many answers are still to come."""
        return len(self._asked)

    def send(self, commands: list[Command]) -> None:
        """Send these in one go."""
        if not self._asked:
            self._heard = self._loop.time()
        self._asked.extend(answer for _, answer in commands)
        self._transport.write(b"".join([packed for packed, _ in commands]))
        if self._watch is None:
            self._watch = self._loop.call_later(self._seconds, self._look)

    def data_received(self, data: bytes) -> None:
        """Give each answer to whom it belongs."""
        self._heard = self._loop.time()
        self._reader.feed(data)
        try:
            while (found := self._reader.gets()) is not _NOTHING:
                if not isinstance(found, _PUSHED):
                    self._settle(found)
        except InvalidResponse as error:
            self.cut(error)
        self._on_answers()

    def _settle(self, found: Any) -> None:
        if not self._asked:
            raise InvalidResponse("an answer that nobody asked for")
        answer = self._asked.popleft()
        settle(answer, found)
        if isinstance(found, ReadOnlyError):
            self.cut(found)

    def _look(self) -> None:
        """Has anything come lately?"""
        self._watch = None
        if not self._asked:
            return
        left = self._heard + self._seconds - self._loop.time()
        if left <= 0 and self._doubted == self._heard:
            self.cut(RedisTimeoutError("Redis does not answer"))
            return
        if left <= 0:
            # It may have answered while this process was busy: what has come is read before it is judged.
            self._doubted, left = self._heard, LAST_LOOK_SECONDS
        self._watch = self._loop.call_later(left, self._look)

    def cut(self, error: Exception) -> None:
        """End it at once, for the other side may read no more; who waits is told `error`."""
        if not self.lost.done():
            self.lost.set_result(error)
        asked, self._asked = self._asked, deque()
        for answer in asked:
            settle(answer, error)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """The other side is gone; redis-py's own protocol is told, for its `disconnect` waits for it."""
        self.cut(RedisConnectionError(str(error) or "Redis closed the connection"))
        self._streams.connection_lost(error)


def settle(answer: Answer, found: Any) -> None:
    """Give an answer to a caller, unless they have gone."""
    if answer.done():
        return
    if isinstance(found, Exception):
        answer.set_exception(found)
    else:
        answer.set_result(found)
