"""One pub/sub connection to one server of Redis, which notices when it may have missed something.

Pub/sub forgets, so versions don't: this only has to say when something may be missing. redis-py reconnects
and resubscribes without a word, so its retries are off here and a second confirmation of one subscription
counts as a gap. A connection can also be healthy and deaf: a probe published each second through Redis to
ourselves shows it.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.asyncio import Redis
from redis.exceptions import MovedError, RedisError

from channels.supervisor import stop, supervise

if TYPE_CHECKING:
    from redis.asyncio.client import PubSub

Handler = Callable[[bytes], None]

ERRORS = (RedisError, OSError, asyncio.TimeoutError)

_log = logging.getLogger("holdfast.pubsub")
_YIELD_EVERY = 200
_MESSAGES = {b"message": "message", b"smessage": "smessage"}
_LONGEST_BACKOFF = 1.0
_SILENT_PERIODS = 3
_CONNECT_SECONDS = 1.0
_NAMES_A_SECOND = 2_000  # how many subscriptions one after the other certainly go out in a second


def is_sharded(name: bytes) -> bool:
    """Whether a channel belongs to a resource, and so to one server of a cluster: it has a hash tag."""
    return b"{" in name


class Reader:
    """Channels and their handlers.

    Handlers are called in the order of arrival, on the event loop, with the message's bytes; they never
    block. Each callback given to `on_gap` is called, without arguments, when messages may have been lost
    and after the channels are subscribed again.

    `client` is asked before each connection which server to connect to. Every `probe_seconds` a message is
    published on the channel `probe`, to be heard here; after three such periods in which nothing at all came
    the connection counts as deaf. Only periods that this process waited through are counted: while it stands
    still it can neither publish nor hear.

    In a cluster one command may only subscribe to channels of one slot (`one_by_one`), and `on_moved` is
    called when the server no longer serves a channel.
    """

    def __init__(
        self,
        client: Callable[[], Redis],
        *,
        probe: str,
        probe_seconds: float = 1.0,
        confirm_seconds: float = 1.0,
        one_by_one: bool = False,
        on_moved: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._probe_seconds = probe_seconds
        self._confirm_seconds = confirm_seconds
        self._one_by_one = one_by_one
        self._on_moved = on_moved
        self._probe_channel = probe.encode()
        self._handlers: dict[bytes, list[Handler]] = {self._probe_channel: []}
        self._leaving: Counter[bytes] = Counter()
        self._lost: set[bytes] = set()
        self._gap_callbacks: list[Callable[[], None]] = []
        self._commands = asyncio.Lock()
        self._pubsub: PubSub | None = None
        self._asked: set[bytes] = set()
        self._confirmed: set[bytes] = set()
        self._waiting: dict[bytes, asyncio.Future[None]] = {}
        self._complete = False
        self._broken = False
        self._silent_periods = 0
        self._backoff = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to listen; Redis may be away."""
        self._tasks = [
            asyncio.create_task(supervise("pub/sub reader", self._listen, pause=0.05)),
            asyncio.create_task(supervise("pub/sub probe", self._probe)),
        ]

    async def close(self) -> None:
        """End the connection and the tasks."""
        for task in self._tasks:
            await stop(task)
        await self._disconnect()

    @property
    def healthy(self) -> bool:
        """Whether pub/sub really delivers: all is subscribed and something came in the last probe periods."""
        return self._complete and not self._deaf()

    def _deaf(self) -> bool:
        return self._silent_periods >= _SILENT_PERIODS

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Call back whenever messages may have been lost."""
        self._gap_callbacks.append(callback)

    @property
    def probe(self) -> bytes:
        """The channel on which we write to ourselves."""
        return self._probe_channel

    async def subscribe(self, channel: str, handler: Handler) -> bool:
        """Hear this channel. False if Redis does not confirm it in time; it is heard once Redis is back."""
        name = channel.encode()
        self._handlers.setdefault(name, []).append(handler)
        await self._ask(name)
        return await self._confirmation(name)

    async def unsubscribe(self, channel: str, handler: Handler) -> None:
        """Hear it no more."""
        name = channel.encode()
        handlers = self._handlers.get(name, [])
        if handler in handlers:
            handlers.remove(handler)
        if not handlers and self._handlers.pop(name, None) is not None:
            self._waiting.pop(name, None)
            self._lost.discard(name)
            await self._ask(name)

    async def ask_again(self) -> None:
        """Subscribe to what the server has taken from us and nobody else has."""
        for name in tuple(self._lost):
            await self._ask(name)

    async def _ask(self, name: bytes) -> None:
        """Make the connection's subscription to this channel what the handlers want."""
        async with self._commands:
            pubsub, wanted = self._pubsub, name in self._handlers
            if pubsub is None or wanted == (name in self._asked):
                return
            if not wanted:
                self._leaving[name] += 1
                self._confirmed.discard(name)  # who comes back meanwhile has to be confirmed anew
            try:
                async with asyncio.timeout(self._confirm_seconds):
                    await (_enter if wanted else _leave)(pubsub, [name])
            except ERRORS as error:
                _log.warning("a pub/sub command failed: %s", str(error) or type(error).__name__)
                self._broken = True
            else:
                (self._asked.add if wanted else self._asked.discard)(name)
                self._look_whether_complete()

    async def _confirmation(self, name: bytes) -> bool:
        if name not in self._confirmed and name in self._handlers:
            waiting = self._waiting.setdefault(name, asyncio.get_running_loop().create_future())
            await asyncio.wait([waiting], timeout=self._confirm_seconds)
        return name in self._confirmed

    async def _listen(self) -> None:
        """Connect, subscribe to everything, read until it breaks; for ever."""
        while True:
            try:
                await self._connect()
                await self._read()
            except MovedError:
                self._on_moved()
            except ERRORS as error:
                _log.warning("pub/sub has no connection: %s", str(error) or type(error).__name__)
            finally:  # also where it is something else, which starts this again
                await self._disconnect()
            await asyncio.sleep(self._backoff)
            self._backoff = min(_LONGEST_BACKOFF, self._backoff * 2 + 0.05)

    async def _connect(self) -> None:
        pubsub = self._client().pubsub()
        async with self._commands:
            names = list(self._handlers)
            try:
                async with asyncio.timeout(_CONNECT_SECONDS + len(names) / _NAMES_A_SECOND):
                    for some in [[name] for name in names] if self._one_by_one else _by_kind(names):
                        await _enter(pubsub, some)
            except BaseException:
                await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
                raise
            self._pubsub = pubsub
            self._broken = False
            self._asked = set(names)
            self._silent_periods = 0

    async def _disconnect(self) -> None:
        async with self._commands:
            pubsub, self._pubsub = self._pubsub, None
            self._complete = False
            self._asked = set()
            self._confirmed = set()
            self._leaving.clear()
            self._lost.clear()
            if pubsub is not None:
                await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped

    async def _read(self) -> None:
        """Hand on what comes. It never yields while replies are buffered, so this does."""
        pubsub = self._pubsub
        assert pubsub is not None
        count = 0
        while not self._broken and not self._deaf():
            message = await pubsub.get_message(timeout=self._probe_seconds)
            self._silent_periods += 1
            while message is not None:
                self._silent_periods = 0
                self._take(message["type"], message["channel"], message["data"])
                count += 1
                if count % _YIELD_EVERY == 0:
                    await asyncio.sleep(0)
                message = await _read_already(pubsub)
        raise ConnectionError("nothing comes, not even from ourselves")

    async def _probe(self) -> None:
        """Write to ourselves through Redis; that it fails shows by nothing coming.

        Who does not listen would hear nothing, and a Redis that is away is asked by enough others.
        """
        while True:
            if self._pubsub is not None:
                with suppress(*ERRORS):
                    await self._send_probe()
            await asyncio.sleep(self._probe_seconds)

    async def _send_probe(self) -> None:
        name = self._probe_channel
        publish = "SPUBLISH" if is_sharded(name) else "PUBLISH"
        await self._client().execute_command(publish, name, b"")  # type: ignore[no-untyped-call]  # as below

    def _take(self, kind: str, name: bytes, data: bytes) -> None:
        if kind in {"message", "smessage"}:
            for handler in tuple(self._handlers.get(name, ())):
                _call(handler, data)
        elif kind in {"subscribe", "ssubscribe"}:
            self._confirm(name)
        elif kind in {"unsubscribe", "sunsubscribe"}:
            self._confirmed.discard(name)
            if self._leaving[name]:
                self._leaving[name] -= 1
            elif name in self._asked:  # the server's own doing: the channel's slot is elsewhere now
                self._asked.discard(name)
                self._lost.add(name)
                self._on_moved()

    def _confirm(self, name: bytes) -> None:
        if self._leaving[name]:
            return  # of before we left
        again = name in self._confirmed or name in self._lost
        self._lost.discard(name)
        self._confirmed.add(name)
        waiting = self._waiting.pop(name, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
        if not self._look_whether_complete() and again:
            self._gap()

    def _look_whether_complete(self) -> bool:
        """Whether all that is asked for is confirmed now; a channel that is left is waited for no more."""
        if self._complete or not self._confirmed >= self._asked:
            return False
        self._complete = True
        self._backoff = 0.0
        self._gap()
        return True

    def _gap(self) -> None:
        """The library reconnected by itself, or we did: what was said in between is gone."""
        for callback in self._gap_callbacks:
            _call(callback)


async def _read_already(pubsub: "PubSub") -> Any:
    """A message that came along with the one before, None without: get_message takes 40 µs for each."""
    connection: Any = pubsub.connection
    found = connection._parser._reader.gets()  # noqa: SLF001  # redis-py has no other way to it
    if found is NOT_ENOUGH_DATA:
        return None
    if isinstance(found, Exception):
        raise found
    if found[0] in _MESSAGES:
        return {"type": _MESSAGES[found[0]], "channel": found[1], "data": found[2]}
    return await pubsub.handle_message(found)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped


def _by_kind(names: Iterable[bytes]) -> list[list[bytes]]:
    """Those with a hash tag and those without, for each has its own command."""
    kinds: dict[bool, list[bytes]] = {}
    for name in names:
        kinds.setdefault(is_sharded(name), []).append(name)
    return list(kinds.values())


async def _enter(pubsub: "PubSub", names: list[bytes]) -> None:
    await (pubsub.ssubscribe if is_sharded(names[0]) else pubsub.subscribe)(*names)


async def _leave(pubsub: "PubSub", names: list[bytes]) -> None:
    await (pubsub.sunsubscribe if is_sharded(names[0]) else pubsub.unsubscribe)(*names)


def _call(handler: Callable[..., None], *arguments: bytes) -> None:
    try:
        handler(*arguments)
    except Exception:  # noqa: BLE001 - one broken handler must not end the reading
        _log.exception("a pub/sub handler failed")
