"""A master, its replica and three Sentinels, as a deployment has them, on loopback."""

import secrets
import socket
from contextlib import suppress
from pathlib import Path

from redis.asyncio import Redis as RedisClient

from server.embedded.process import write_secret
from server.embedded.redis import Redis
from tests.support.servers import open_redis
from tests.support.waiting import until

SERVICE = "tickets"
SENTINELS, QUORUM = 3, 2


class Sentinel(Redis):
    """One process that watches the master; it writes what it learns into its configuration."""

    def __init__(self, state: Path, master: Redis, password: str) -> None:
        super().__init__(state, password=password)
        self._master = master

    def _command(self) -> list[str]:
        settings = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self.state}",
            f"pidfile {self.state / 'redis.pid'}",
            "set-proc-title no",
            f"requirepass {self._password}",
            f"sentinel sentinel-pass {self._password}",
            f"sentinel monitor {SERVICE} 127.0.0.1 {self._master.port} {QUORUM}",
            f"sentinel auth-pass {SERVICE} {self._password}",
            f"sentinel down-after-milliseconds {SERVICE} 3000",
            f"sentinel failover-timeout {SERVICE} 3000",
        ]
        write_secret(self._configuration, "\n".join(settings))
        return [str(self._binary), str(self._configuration), "--sentinel"]

    def _is_ready(self) -> bool:
        """As Redis', but a Sentinel knows no QUIT."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
            connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
            with connection.makefile("rb") as answers:
                return answers.readline() + answers.readline() == b"+OK\r\n+PONG\r\n"
        return False


class Watched:
    """`url` is Holdfast's; `servers` are the two, the first master first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._password = secrets.token_hex(16)
        self.servers: list[Redis] = []
        self.sentinels: list[Sentinel] = []

    def start(self) -> None:
        common = {"masterauth": self._password, "repl-diskless-sync-delay": "0"}
        master = Redis(self._folder / "first", options=common, password=self._password)
        master.start()
        follows = {"replicaof": f"127.0.0.1 {master.port}"}
        replica = Redis(self._folder / "second", options={**common, **follows}, password=self._password)
        replica.start()
        self.servers = [master, replica]
        for number in range(SENTINELS):
            sentinel = Sentinel(self._folder / f"sentinel-{number}", master, self._password)
            sentinel.start()
            self.sentinels.append(sentinel)

    async def is_complete(self) -> None:
        """Return once every Sentinel knows the others and the replica, which follows its master."""
        for sentinel in self.sentinels:
            async with open_redis(sentinel.url.removesuffix("/0")) as client:
                await until(lambda client=client: self._knows_all(client))  # type: ignore[misc]

    async def _knows_all(self, client: RedisClient) -> bool:
        flat = await client.execute_command("SENTINEL", "MASTER", SERVICE)  # type: ignore[no-untyped-call]
        found = _fields(flat)
        return (found["num-other-sentinels"], found["num-slaves"]) == (str(SENTINELS - 1), "1")

    def stop(self) -> None:
        for server in (*self.sentinels, *self.servers):
            server.stop()

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        password = self._password
        return f"redis+sentinel://:{password}@{hosts}/{SERVICE}/0?sentinel_password={password}"

    async def master(self) -> Redis:
        """The server that Sentinel names."""
        async with open_redis(self.sentinels[0].url.removesuffix("/0")) as client:
            _, port = await client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)  # type: ignore[no-untyped-call]
        return next(server for server in self.servers if server.port == int(port))


def _fields(answer: object) -> dict[str, str]:
    """A Sentinel's answer by name, as RESP2 or RESP3 has it."""
    if isinstance(answer, dict):
        pairs = list(answer.items())
    else:
        assert isinstance(answer, list)
        pairs = list(zip(answer[::2], answer[1::2], strict=True))
    return {_text(name): _text(value) for name, value in pairs}


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
