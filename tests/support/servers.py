"""Real servers for tests: one of each per worker, and spare ones that a test may kill, freeze and restart."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from redis.asyncio import Redis as RedisClient
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from server.database.migrate import migrate
from server.embedded.postgresql import PostgreSQL
from server.embedded.process import Server
from server.embedded.redis import Redis

__all__ = ["PostgreSQL", "Redis", "Server", "fast_postgresql", "freeze", "open_redis", "thaw"]

TEMPLATE = "migrated"


def fast_postgresql(state: Path) -> PostgreSQL:
    """One that forgets on a power cut, which no test of ours makes; it survives kill -9 like any other."""
    options = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}
    return PostgreSQL(state, options=options)


@asynccontextmanager
async def open_redis(url: str) -> AsyncIterator[RedisClient]:
    """A client without retries that is closed at the end; answers are bytes."""
    client = RedisClient.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_timeout=5, socket_connect_timeout=5
    )
    try:
        yield client
    finally:
        await client.aclose()


def freeze(server: Server) -> None:
    """Stop the server and its children in their tracks: connections stay open and nothing answers."""
    for pid in family(server.pid):
        os.kill(pid, signal.SIGSTOP)


def thaw(server: Server) -> None:
    """Let a frozen server go on where it stood."""
    for pid in family(server.pid):
        os.kill(pid, signal.SIGCONT)


def family(parent: int) -> list[int]:
    """The process and its children."""
    return [parent, *(int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _parent(entry) == parent)]


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


class Databases:
    """Makes a database for each test, by copying one that was migrated once."""

    def __init__(self, server: PostgreSQL) -> None:
        self._server = server
        self._made = 0

    def url(self, name: str) -> str:
        return urlunsplit(urlsplit(self._server.url)._replace(path=f"/{name}"))

    async def create_template(self) -> None:
        await self._execute(f"create database {TEMPLATE}")
        await migrate(self.url(TEMPLATE))

    @asynccontextmanager
    async def fresh(self, template: str = TEMPLATE) -> AsyncIterator[str]:
        """The URL of a database that lives as long as the context; `template0` is an empty one."""
        self._made += 1
        name = f"test_{self._made}"
        await self._execute(f"create database {name} template {template}")
        try:
            yield self.url(name)
        finally:
            await self._execute(f"drop database {name} with (force)")

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._server.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
