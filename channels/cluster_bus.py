"""The bus of a cluster: one reader for each master, and one for what is said to all of them.

A resource's channel is a shard channel, served by the master that has its slot: what it costs is paid there
alone. Each master has a reader of its own, for redis-py's own reading of several asks one after the other,
and a quiet one holds up all that comes from the others. Channels without a resource are ordinary ones:
whatever master they are published at, the cluster carries them to every other, and one reader hears them.

Each master is probed on both ways, its own and the cluster's: that one of them is silent is as bad as a
broken connection, for nobody knows what else did not come.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex

from redis.asyncio import Redis

from channels.cluster import Nodes, slot_of
from channels.reader import ERRORS, Handler, Reader, is_sharded
from channels.redis_url import Host, read
from channels.supervisor import stop, supervise

LOOK_SECONDS = 1.0  # how often the map of slots is read, whatever was said or not
PAUSE_SECONDS = 0.05
_CONNECTIONS = 4


class ClusterBus:
    """Channels of a cluster and their handlers, as Bus has them of one server.

    A gap is told for all channels, whichever server had it; that a slot moved is one.
    """

    def __init__(self, url: str, *, probe_seconds: float = 1.0, confirm_seconds: float = 1.0) -> None:
        self._nodes = Nodes(read(url), connections=_CONNECTIONS)
        self._probe_seconds = probe_seconds
        self._confirm_seconds = confirm_seconds
        self._token = token_hex(8)
        self._places: dict[bytes, tuple[Host, list[Handler]]] = {}
        self._readers: dict[Host, Reader] = {}
        self._gap_callbacks: list[Callable[[], None]] = []
        self._moving = asyncio.Lock()
        self._moved = asyncio.Event()
        self._broadcast = _Broadcast(self._nodes, self._token, probe_seconds, confirm_seconds)
        self._broadcast.on_gap(self._gap)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen; the cluster may be away."""
        await self._follow()
        await self._broadcast.start()
        self._task = asyncio.create_task(supervise("map of the cluster", self._watch))

    async def close(self) -> None:
        """End the connections and the tasks."""
        await stop(self._task)
        await asyncio.gather(self._broadcast.close(), *(reader.close() for reader in self._readers.values()))
        await self._nodes.close()

    @property
    def healthy(self) -> bool:
        """Whether every master delivers, on its own way and on the cluster's."""
        return (
            self._nodes.complete
            and not self._moved.is_set()
            and set(self._nodes.masters) == self._readers.keys()
            and all(reader.healthy for reader in self._readers.values())
            and self._broadcast.healthy
        )

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Call back whenever messages may have been lost."""
        self._gap_callbacks.append(callback)

    async def subscribe(self, channel: str, handler: Handler) -> bool:
        """Hear this channel. False if it is not confirmed in time; it is heard once its server is back."""
        name = channel.encode()
        if not is_sharded(name):
            return await self._broadcast.subscribe(channel, handler)
        async with self._moving:
            host, handlers = self._places.get(name) or (self._host_of(name), [])
            handlers.append(handler)
            self._places[name] = host, handlers
            reader = self._readers.get(host)
        return reader is not None and await reader.subscribe(channel, handler)

    async def unsubscribe(self, channel: str, handler: Handler) -> None:
        """Hear it no more."""
        name = channel.encode()
        if not is_sharded(name):
            await self._broadcast.unsubscribe(channel, handler)
            return
        async with self._moving:
            host, handlers = self._places.get(name, (_NOWHERE, []))
            if handler in handlers:
                handlers.remove(handler)
            if not handlers:
                self._places.pop(name, None)
            reader = self._readers.get(host)
        if reader is not None:
            await reader.unsubscribe(channel, handler)

    def _host_of(self, name: bytes) -> Host:
        return self._nodes.host_of(slot_of(name)) or _NOWHERE

    async def _watch(self) -> None:
        """Follow the map: at once when a server says that a channel is elsewhere, and each second."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._moved.wait()
            told = self._moved.is_set()
            await asyncio.sleep(PAUSE_SECONDS if told else 0)  # several channels move together
            self._moved.clear()
            await self._follow()
            if not told:  # by now the map is not only late
                for reader in self._readers.values():
                    await reader.ask_again()

    async def _follow(self) -> None:
        """Have a reader for each master, and each channel at the one that serves it."""
        with suppress(*ERRORS):
            await self._nodes.refresh()
        async with self._moving:
            masters = set(self._nodes.masters)
            stale = [host for host, reader in self._readers.items() if not self._serves(host, reader)]
            for host in stale:
                await self._readers.pop(host).close()
            for host in masters - self._readers.keys():
                self._readers[host] = await self._open(host)
            moved = [
                name
                for name, (host, _) in self._places.items()
                if host in stale or host != self._host_of(name)
            ]
            await asyncio.gather(*map(self._move, moved))
        if moved:
            self._gap()

    def _serves(self, host: Host, reader: Reader) -> bool:
        """Whether a reader is still of use: its server is a master, and has the slot of its probe."""
        return host in self._nodes.masters and self._nodes.host_of(slot_of(reader.probe)) == host

    async def _open(self, host: Host) -> Reader:
        reader = Reader(
            lambda: self._nodes.client(host),
            probe=self._probe_at(host),
            probe_seconds=self._probe_seconds,
            confirm_seconds=self._confirm_seconds,
            one_by_one=True,
            on_moved=self._moved.set,
        )
        reader.on_gap(self._gap)
        await reader.start()
        return reader

    def _probe_at(self, host: Host) -> str:
        """A channel in a slot of this server; one try in as many as there are servers succeeds."""
        names = (f"holdfast:{{probe:{self._token}:{number}}}" for number in itertools.count())
        return next(name for name in names if self._nodes.host_of(slot_of(name)) == host)

    async def _move(self, name: bytes) -> None:
        old, handlers = self._places[name]
        new = self._host_of(name)
        self._places[name] = new, handlers
        for handler in handlers:
            if old in self._readers and old != new:
                await self._readers[old].unsubscribe(name.decode(), handler)
            if new in self._readers:
                await self._readers[new].subscribe(name.decode(), handler)

    def _gap(self) -> None:
        for callback in self._gap_callbacks:
            callback()


_NOWHERE: Host = ("", 0)


class _Broadcast(Reader):
    """Ordinary channels, heard at any one master; each master's probes come through the cluster."""

    def __init__(self, nodes: Nodes, token: str, probe_seconds: float, confirm_seconds: float) -> None:
        self._nodes = nodes
        self._turn = 0
        self._heard_from: dict[bytes, float] = {}
        self._heard_all: bool | None = None
        probe = f"holdfast:probe:{token}"
        super().__init__(
            self._next_master, probe=probe, probe_seconds=probe_seconds, confirm_seconds=confirm_seconds
        )
        self._handlers[probe.encode()] = [self._note]

    def _next_master(self) -> Redis:
        """Another one for each connection: the one of before may be what is broken."""
        if not self._nodes.masters:
            raise ConnectionError("the cluster has told of no master yet")
        self._turn += 1
        return self._nodes.client(self._nodes.masters[self._turn % len(self._nodes.masters)])

    def _note(self, said: bytes) -> None:
        self._heard_from[said] = time.monotonic()

    @property
    def healthy(self) -> bool:
        """Whether this reader hears, and hears every master."""
        return super().healthy and not self._silent()

    def _silent(self) -> bool:
        since = time.monotonic() - 3 * self._probe_seconds
        return any(self._heard_from.get(_name(host), 0.0) < since for host in self._nodes.masters)

    async def _send_probe(self) -> None:
        if self._silent():
            self._heard_all = None if self._heard_all is None else False
        else:
            if self._heard_all is False:
                self._gap()  # what was said through that server meanwhile did not come
            self._heard_all = True
        await asyncio.gather(*(self._probe_through(host) for host in self._nodes.masters))

    async def _probe_through(self, host: Host) -> None:
        with suppress(*ERRORS):
            await self._nodes.client(host).publish(self._probe_channel, _name(host))


def _name(host: Host) -> bytes:
    return f"{host[0]}:{host[1]}".encode()
