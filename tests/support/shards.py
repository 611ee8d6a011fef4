"""A Redis Cluster on loopback: its masters, perhaps a replica of the first, and ways to move slots."""

import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from redis.asyncio import Redis as RedisClient

from server.embedded.process import choose_port
from server.embedded.redis import Redis
from tests.support.servers import open_redis
from tests.support.waiting import until

SLOTS = 16384
NODE_TIMEOUT_MS = 4000  # a master that a busy machine lets wait is not missed


class Shards:
    """`url` is Holdfast's; the first of `servers` are the masters, the others replicas of them in order."""

    def __init__(self, folder: Path, *, masters: int = 3, replicas: int = 0) -> None:
        self._folder = folder
        self._password = secrets.token_hex(16)
        self.masters = masters
        self._count = masters + replicas
        self.servers: list[Redis] = []

    def start(self) -> None:
        for number in range(self._count):
            self.servers.append(self._started(self._folder / f"node-{number}"))

    def _started(self, folder: Path) -> Redis:
        folder.mkdir(parents=True)
        options = {
            "cluster-enabled": "yes",
            "cluster-node-timeout": str(NODE_TIMEOUT_MS),
            "cluster-port": str(choose_port(folder / "bus-port")),
            "cluster-replica-validity-factor": "0",
            "cluster-require-full-coverage": "no",
            "repl-diskless-sync-delay": "0",
            "masterauth": self._password,
        }
        server = Redis(folder, options=options, password=self._password)
        server.start()
        return server

    def stop(self) -> None:
        for server in self.servers:
            server.stop()

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self.servers)
        return f"redis+cluster://:{self._password}@{hosts}"

    async def join(self) -> None:
        """Make them one cluster: slots in equal parts, everybody knows everybody."""
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(open_redis(server.url)) for server in self.servers]
            for number, client in enumerate(clients):
                await _run(client, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
                if number < self.masters:
                    first, after = (SLOTS * each // self.masters for each in (number, number + 1))
                    await _run(client, "CLUSTER", "ADDSLOTSRANGE", first, after - 1)
            for server in self.servers[1:]:
                bus = (server.state / "bus-port").read_text()
                await _run(clients[0], "CLUSTER", "MEET", "127.0.0.1", server.port, bus)
            for client in clients:
                await until(lambda client=client: self._knows_all(client))  # type: ignore[misc]
            for number, client in enumerate(clients[self.masters :]):
                await _run(client, "CLUSTER", "REPLICATE", await self.id_of(number))
            for client in clients:
                await until(lambda client=client: self._is_well(client))  # type: ignore[misc]

    async def _knows_all(self, client: RedisClient) -> bool:
        info = await _info(client)
        return int(info["cluster_known_nodes"]) == self._count and int(info["cluster_size"]) == self.masters

    async def _is_well(self, client: RedisClient) -> bool:
        if (await _info(client))["cluster_state"] != "ok":
            return False
        replication = await client.info("replication")
        return bool(replication["role"] == "master" or replication["master_link_status"] == "up")

    async def is_whole(self) -> None:
        """Return once every server that runs says that all slots are served."""
        for server in self.servers:
            async with open_redis(server.url) as client:
                await until(lambda client=client: self._is_well(client))  # type: ignore[misc]

    async def id_of(self, number: int) -> str:
        return _text(await self.run(number, "CLUSTER", "MYID"))

    async def run(self, number: int, *command: Any) -> Any:
        """A command at one server."""
        async with open_redis(self.servers[number].url) as client:
            return await _run(client, *command)

    async def owner(self, slot: int) -> int:
        """The number of the server that has a slot."""
        for first, last, (_, port, *_), *_ in await self.run(self._running(), "CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(at for at, server in enumerate(self.servers) if server.port == port)
        raise LookupError(f"nobody has slot {slot}")

    def _running(self) -> int:
        return next(number for number, server in enumerate(self.servers) if server._process is not None)

    async def migrate(self, slot: int, to: int) -> None:
        """Give a slot and its keys to another server at one moment, as Valkey 9 does it."""
        source, target = await self.owner(slot), await self.id_of(to)
        await self.run(source, "CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target)

        async def moved() -> bool:
            return await self.owner(slot) == to

        await until(moved)

    async def begin_key_by_key(self, slot: int, to: int) -> None:
        """Begin to move a slot as older versions do; its keys are at two servers meanwhile."""
        source = await self.owner(slot)
        await self.run(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", await self.id_of(source))
        await self.run(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", await self.id_of(to))

    async def move_keys(self, slot: int, to: int, keys: list[bytes]) -> None:
        """Move some keys of a slot that is on its way."""
        port = self.servers[to].port
        source = await self.owner(slot)
        await self.run(
            source, "MIGRATE", "127.0.0.1", port, "", 0, 5000, "AUTH", self._password, "KEYS", *keys
        )

    async def end_key_by_key(self, slot: int, to: int) -> None:
        """Move what is left, and the slot with it."""
        source, target = await self.owner(slot), await self.id_of(to)
        keys = await self.run(source, "CLUSTER", "GETKEYSINSLOT", slot, 10_000)
        if keys:
            await self.move_keys(slot, to, keys)
        for number in {to, source, *range(self.masters)}:
            await self.run(number, "CLUSTER", "SETSLOT", slot, "NODE", target)


async def _run(client: RedisClient, *command: Any) -> Any:
    return await client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped


async def _info(client: RedisClient) -> dict[str, str]:
    lines = _text(await _run(client, "CLUSTER", "INFO")).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
