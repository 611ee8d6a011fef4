"""A Redis Cluster: which server has which slot, and a client that asks the one that has the key.

Nothing is sent twice that may have run: only what a server refused (it has the slot no longer, or not yet)
goes to another one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, RedisError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from channels.redis_clients import open_node
from channels.redis_url import Host, RedisUrl
from channels.supervisor import stop

SLOTS: Final = 16384
REDIRECTS: Final = 4
PAUSE_SECONDS: Final = 0.2  # between two readings of the map of slots that errors asked for

Result = TypeVar("Result")
Send = Callable[[Redis, bool], Awaitable[Result]]

_ERRORS = (RedisError, OSError, asyncio.TimeoutError)
_GONE = (RedisConnectionError, RedisTimeoutError, OSError, ClusterDownError)
_WITH_KEYS_THIRD = frozenset({"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL"})
_KEYLESS = frozenset(
    {"ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DBSIZE", "FLUSHALL", "INFO", "LATENCY", "PING"}
    | {"PUBLISH", "PUBSUB", "SCRIPT", "TIME", "WAIT"}
)
_EVERYWHERE = frozenset({"PING", "FLUSHALL", "SCRIPT"})  # what is asked of every master, and of none less


def slot_of(key: str | bytes) -> int:
    """The slot of a key or of a shard channel."""
    return key_slot(key.encode() if isinstance(key, str) else key)


def slot_of_command(command: Sequence[Any]) -> int | None:
    """Where a command goes by its first key; None for one without keys."""
    name = str(command[0]).upper()
    if name in _WITH_KEYS_THIRD:
        return slot_of(command[3])
    return None if name in _KEYLESS else slot_of(command[1])


class Nodes:
    """The map of slots, read anew when a server says that it is old, and a client for each server."""

    def __init__(self, url: RedisUrl, *, connections: int) -> None:
        self._url = url
        self._connections = connections
        self._clients: dict[Host, Redis] = {}
        self._by_slot: list[Host | None] = [None] * SLOTS
        self._refreshing: asyncio.Task[None] | None = None
        self._looked = 0.0
        self._turn = 0
        self._sent_to: Host | None = None
        self._missing: set[Host] = set()
        self.masters: tuple[Host, ...] = ()

    def client(self, host: Host) -> Redis:
        """The client of one server."""
        found = self._clients.get(host)
        if found is None:
            found = self._clients[host] = open_node(self._url, host, connections=self._connections)
        return found

    @property
    def complete(self) -> bool:
        """Whether every slot is served by somebody, as far as is known."""
        return bool(self.masters) and None not in self._by_slot

    def host_of(self, slot: int) -> Host | None:
        """Who serves the slot, if anybody is known to."""
        return self._by_slot[slot]

    def slot_at(self, host: Host) -> int | None:
        """The first slot of a server, if it has any."""
        return self._by_slot.index(host) if host in self.masters else None

    async def refresh(self) -> None:
        """Read the map; ConnectionError where no server tells it. Who asks meanwhile shares the answer."""
        task = self._refreshing
        if task is None or task.done():
            task = self._refreshing = asyncio.create_task(self._refresh(), name="map of the cluster")
        await asyncio.wait([task])
        task.result()  # by now `_refreshing` may be the next one

    def refresh_soon(self) -> None:
        """Something has moved; whoever asks next may be told by then."""
        if self._refreshing is None or self._refreshing.done():
            pause = max(0.0, self._looked + PAUSE_SECONDS - time.monotonic())
            self._refreshing = asyncio.create_task(self._refresh(pause), name="map of the cluster")
            self._refreshing.add_done_callback(_retrieve)

    async def _refresh(self, pause: float = 0.0) -> None:
        await asyncio.sleep(pause)
        for host in self._to_ask():
            try:
                ranges = await self.client(host).execute_command("CLUSTER", "SLOTS")  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
            except _ERRORS:
                continue
            if ranges:
                await self._take(host, ranges)
                return
        raise RedisConnectionError("no server of the cluster tells which one has which slot")

    def _to_ask(self) -> list[Host]:
        """The servers to ask for the map, one after the other until one answers.

        First the server that a MOVED named, for it knows of that move. Then the masters, each time beginning
        with another, for one that is cut off from the rest knows only an old map. Last the addresses of the
        URL, which may be no masters any more.
        """
        self._turn += 1
        turn = self._turn % max(1, len(self.masters))
        told = [] if self._sent_to is None else [self._sent_to]
        self._sent_to = None
        turned = self._turn % len(self._url.hosts)
        others = (*self._url.hosts[turned:], *self._url.hosts[:turned])
        return list(dict.fromkeys((*told, *self.masters[turn:], *self.masters[:turn], *others)))

    async def _take(self, asked: Host, ranges: Sequence[Sequence[Any]]) -> None:
        by_slot: list[Host | None] = [None] * SLOTS
        for first, last, master, *_ in ranges:
            by_slot[int(first) : int(last) + 1] = [_host(master, asked)] * (int(last) - int(first) + 1)
        self._by_slot = by_slot
        self.masters = tuple(sorted({host for host in by_slot if host is not None}))
        self._looked = time.monotonic()
        missing = self._clients.keys() - {*self.masters, *self._url.hosts}
        gone, self._missing = missing & self._missing, missing  # once may be a server that does not know yet
        for host in gone:
            await self._clients.pop(host).aclose()

    async def route(self, slot: int | None, send: Send[Result]) -> Result:
        """Send to whoever has the slot, or to the first master; raise what the client raises.

        `send(client, asking)` says ASKING first where it is told to: the slot is on its way there.
        """
        if not self.masters:
            await self.refresh()
        host = self.masters[0] if slot is None else self._by_slot[slot]
        asking = False
        for _ in range(REDIRECTS):
            if host is None:
                self.refresh_soon()
                raise ClusterDownError("nobody serves the slot")
            try:
                return await send(self.client(host), asking)
            except MovedError as moved:
                host, asking = (moved.host or host[0], moved.port), False
                self._by_slot[moved.slot_id] = self._sent_to = host
                self.refresh_soon()
            except AskError as ask:
                host, asking = (ask.host or host[0], ask.port), True
            except _GONE:
                self.refresh_soon()
                raise
        raise TryAgainError("the slot goes from server to server")

    async def everywhere(self, ask: Callable[[Redis], Awaitable[Result]]) -> list[Result]:
        """What every master answers; raise the first failure. Slots that nobody serves are one, too."""
        if not self.complete:
            await self.refresh()
        answers = await asyncio.gather(
            *(ask(self.client(host)) for host in self.masters), return_exceptions=True
        )
        failed = next((answer for answer in answers if isinstance(answer, BaseException)), None)
        if failed is None and not self.complete:
            failed = ClusterDownError("some slots are served by nobody")
        if failed is not None:
            self.refresh_soon()
            raise failed
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    async def close(self) -> None:
        """End all connections."""
        await stop(self._refreshing)
        for client in self._clients.values():
            await client.aclose()


class Cluster(Redis):
    """redis-py's commands on a cluster, each sent to the server that has its first key.

    A pipeline is of one slot. There is no pub/sub here: see channels.cluster_bus.
    """

    def __init__(self, url: RedisUrl, *, connections: int) -> None:
        super().__init__(connection_pool=ConnectionPool())  # never connects; redis-py reads its encoding
        self.nodes = Nodes(url, connections=connections)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """As redis-py's; MOVED and ASK are followed."""

        async def send(client: Redis, asking: bool) -> Any:
            if not asking:
                return await client.execute_command(*args, **options)  # type: ignore[no-untyped-call]  # as above
            return await ask(client, args, options)

        if str(args[0]).partition(" ")[0].upper() in _EVERYWHERE:
            return (await self.nodes.everywhere(lambda client: send(client, False)))[0]
        return await self.nodes.route(slot_of_command(args), send)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:  # noqa: ARG002  # redis-py's own
        """Commands of one slot, sent together."""
        return _Pipeline(self, transaction=transaction)

    async def at(self, key: str | bytes) -> Redis:
        """The client of the server that has a key, for what is asked of the server itself."""

        async def send(client: Redis, asking: bool) -> Redis:  # noqa: ARG001  # nothing is sent
            return client

        return await self.nodes.route(slot_of(key), send)

    def by_server(self, keys: Mapping[str, str]) -> list[list[str]]:
        """The names in one list for each server that has their keys."""
        found: dict[Host | None, list[str]] = {}
        for name, key in keys.items():
            found.setdefault(self.nodes.host_of(slot_of(key)), []).append(name)
        return list(found.values())

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: ARG002  # redis-py's own
        """End all connections."""
        await self.nodes.close()


class _Pipeline(Pipeline):
    """Collects commands; the pipeline of the server that has the first one's key sends them."""

    def __init__(self, cluster: Cluster, *, transaction: bool) -> None:
        super().__init__(cluster.connection_pool, cluster.response_callbacks, transaction, None)
        self._cluster = cluster

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """As redis-py's; all of it is refused while the slot is on its way."""
        stack = list(self.command_stack)

        async def send(client: Redis, asking: bool) -> list[Any]:
            if asking:
                raise TryAgainError("the slot is on its way")
            async with client.pipeline(transaction=self.is_transaction) as pipeline:
                pipeline.command_stack = stack
                return await pipeline.execute(raise_on_error)

        try:
            return await self._cluster.nodes.route(slot_of_command(stack[0][0]), send)
        finally:
            await self.reset()  # type: ignore[no-untyped-call]  # as above


async def ask(client: Redis, command: Sequence[Any], options: dict[str, Any] | None = None) -> Any:
    """A command for a slot that is on its way to this server."""
    async with client.pipeline(transaction=False) as pipeline:
        pipeline.execute_command("ASKING")
        pipeline.execute_command(*command, **(options or {}))
        _, answer = await pipeline.execute(raise_on_error=False)
    if isinstance(answer, Exception):
        raise answer
    return answer


def _host(told: Sequence[Any], asked: Host) -> Host:
    """A server as CLUSTER SLOTS has it; one without a name is where it was asked."""
    name, port = told[0], int(told[1])
    text = name.decode() if isinstance(name, bytes) else name
    return (asked[0] if text in {None, "", "?"} else str(text)), port


def _retrieve(task: "asyncio.Task[None]") -> None:
    if not task.cancelled():
        task.exception()
