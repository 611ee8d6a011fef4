"""Redis loses what it knows: all of it, its last writes, or those that a replica had not yet read."""

import asyncio
import contextlib
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

from redis.asyncio import Redis as RedisClient
from redis.exceptions import RedisError

from tests.support.servers import Redis, open_redis
from tests.support.waiting import until
from tests.torture.proxy import Healthy, Proxy, Silence

REPLICA_SECONDS = 60
OTHER_PASSWORD = "another"


class FlushRedis:
    """FLUSHALL: it serves on and has forgotten everything, which nothing brings back but ourselves."""

    name = "flush redis"

    def __init__(self, url: str) -> None:
        self._url = url

    async def strike(self, _chance: random.Random) -> str:
        async with open_redis(self._url) as client:
            lost = await client.dbsize()
            await client.flushall()
        return f"FLUSHALL of {lost} keys"

    async def heal(self) -> None:
        """What is gone is gone; to come back from that is the product's part."""


class LoseRedis:
    """Killed, and everything it wrote is removed; healing starts it empty on the port it had."""

    name = "lose redis"

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._is_down = False

    async def strike(self, _chance: random.Random) -> str:
        self._is_down = True
        self._redis.kill()
        lost = sum(path.stat().st_size for path in appended(self._redis))
        shutil.rmtree(self._redis.state / "appendonlydir")
        return f"kill -9, removed {lost} bytes that it had written"

    async def heal(self) -> None:
        if self._is_down:
            self._redis.start()
        self._is_down = False


class CutRedisFile:
    """Killed, and the last `share` of its append-only file is cut off: it comes back as it was before."""

    name = "cut redis' file"

    def __init__(self, redis: Redis, share: tuple[float, float] = (0.05, 0.3)) -> None:
        self._redis = redis
        self._share = share
        self._is_down = False

    async def strike(self, chance: random.Random) -> str:
        self._is_down = True
        self._redis.kill()
        path = appended(self._redis)[-1]
        size = path.stat().st_size
        kept = int(size * (1 - chance.uniform(*self._share)))
        with path.open("r+b") as file:
            file.truncate(kept)
        return f"kill -9, cut {path.name} from {size} to {kept} bytes"

    async def heal(self) -> None:
        if self._is_down:
            self._redis.start()
        self._is_down = False


class PromoteLaggingReplica:
    """A replica that lags is made master where clients go, and the old master stays there for those it has.

    Clients go by way of a proxy that leads to the master. The strike leads it to the replica, cuts every
    connection and promotes the replica with REPLICAOF NO ONE, while its link to the master, which goes by way
    of a proxy of its own, has been silent for `lag` seconds. The old master is writable all the time: whoever
    holds its address (`old_url`) may still write to it. Healing makes it a replica of the new one.
    """

    name = "promote a lagging replica"

    def __init__(self, front: Proxy, servers: Sequence[Redis], link: Proxy, *, lag: float = 0.5) -> None:
        self._front = front
        self._link = link
        self._lag = lag
        self._old, self._new = servers

    async def follow(self) -> None:
        """Have the second server follow the first, by way of the link; call it before the first strike."""
        await self._follows(self._new, self._link.port)

    async def strike(self, _chance: random.Random) -> str:
        self._link.mode = Silence()
        await asyncio.sleep(self._lag)
        ahead = await offset(self._old) - await offset(self._new)
        async with open_redis(self._new.url) as client:
            await client.replicaof("NO", "ONE")
        self._front.upstream = ("127.0.0.1", self._new.port)
        self._front.cut_all()
        return f"promoted a replica that lags {ahead} bytes"

    async def heal(self) -> None:
        if self._front.upstream[1] != self._new.port:
            return
        self._old, self._new = self._new, self._old
        self._link.cut_all()
        self._link.upstream = ("127.0.0.1", self._old.port)
        self._link.mode = Healthy()
        await self._follows(self._new, self._link.port)

    async def _follows(self, replica: Redis, port: int) -> None:
        async with open_redis(replica.url) as client:
            await client.config_set("masterauth", password(replica))
            await client.replicaof("127.0.0.1", str(port))
            await until(lambda: _is_linked(client), REPLICA_SECONDS)


class KillPubSub:
    """CLIENT KILL TYPE pubsub: every subscriber's connection, and nobody else's."""

    name = "kill pub/sub"

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    async def strike(self, _chance: random.Random) -> str:
        killed = 0
        with contextlib.suppress(RedisError):
            killed = await self._client.client_kill_filter(_type="pubsub")
        return f"killed {killed} connections"

    async def heal(self) -> None:
        """Subscribers connect again by themselves."""


class StallSubscriber:
    """One more subscriber, that reads nothing: Redis keeps what it is sent until it is cut off."""

    name = "stalled subscriber"

    def __init__(self, redis: Redis, pattern: str = "*") -> None:
        self._redis = redis
        self._pattern = pattern
        self._writer: asyncio.StreamWriter | None = None

    async def strike(self, _chance: random.Random) -> str:
        if self._writer is not None:
            return "stalls already"
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._redis.port, limit=1)
        self._writer.write(f"AUTH {password(self._redis)}\r\nPSUBSCRIBE {self._pattern}\r\n".encode())
        await reader.read(1)
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport reads
        return f"subscribed to {self._pattern} and reads nothing"

    async def heal(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._writer = None


async def _is_linked(replica: RedisClient) -> bool:
    return bool((await replica.info("replication"))["master_link_status"] == "up")


def appended(redis: Redis) -> list[Path]:
    """The parts of its append-only file, the one that is written to last."""
    folder = redis.state / "appendonlydir"
    return sorted(folder.glob("*.base.*")) + sorted(folder.glob("*.incr.*"), key=_number)


def _number(path: Path) -> int:
    return int(path.suffixes[-3].removeprefix("."))


async def offset(redis: Redis) -> int:
    """How far it has come in the stream that replicas read."""
    async with open_redis(redis.url) as client:
        found = await client.info("replication")
    return int(found.get("slave_repl_offset" if found["role"] == "slave" else "master_repl_offset", 0))


class ChangePassword:
    """Another password is asked for, of those too who are connected: they are all sent away."""

    name = "change redis' password"

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._own: RedisClient | None = None

    async def strike(self, _chance: random.Random) -> str:
        if self._own is not None:
            return "is changed already"
        # this connection stays: it is how we see what happens, and the way back
        self._own = RedisClient.from_url(self._redis.url, single_connection_client=True)
        await self._own.config_set("requirepass", OTHER_PASSWORD)
        killed = await self._own.client_kill_filter(_type="normal", skipme=True)
        killed += await self._own.client_kill_filter(_type="pubsub")
        return f"changed the password, sent {killed} away"

    async def connects(self) -> int:
        """How many connections Redis has been asked for since it started."""
        assert self._own is not None, "strike first"
        return int((await self._own.info("stats"))["total_connections_received"])

    async def heal(self) -> None:
        if self._own is None:
            return
        await self._own.config_set("requirepass", password(self._redis))
        await self._own.aclose()
        self._own = None


def password(redis: Redis) -> str:
    """What its clients have to know."""
    return redis.url.partition("//:")[2].partition("@")[0]
