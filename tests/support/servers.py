"""Real servers for tests: one of each per worker, and spare ones that a test may kill, freeze and restart."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias
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
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# Copying a database costs a quarter of a second, emptying one a few milliseconds.
MOST_BYTES = 4_000_000
BYTES = """
select coalesce(sum(pg_relation_size(c.oid)), 0)::bigint from pg_class c
join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname in ('public', 'sandbox')
"""
OTHERS_OUT = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
"""
# Whatever is made, altered or dropped leaves other transactions' numbers, or other counts, in the catalogue.
SHAPE = """
select
  (select (count(*), sum(xmin::text::bigint))::text from pg_class where oid >= 16384),
  (select (count(*), sum(xmin::text::bigint))::text from pg_attribute where attrelid >= 16384),
  (select (count(*), sum(xmin::text::bigint))::text from pg_constraint where oid >= 16384),
  (select (count(*), sum(xmin::text::bigint))::text from pg_trigger),
  (select (count(*), sum(xmin::text::bigint))::text from pg_proc where oid >= 16384),
  (select (count(*), sum(xmin::text::bigint))::text from pg_namespace),
  (select (count(*), sum(xmin::text::bigint))::text from schema_migration)
"""
EMPTYING = """
select 'set session_replication_role = replica; '
  || string_agg(format('delete from %I.%I', schemaname, tablename), '; ')
  || coalesce('; ' || (
    select string_agg(format('select setval(%L, 1, false)', format('%I.%I', schemaname, sequencename)), '; ')
    from pg_sequences where schemaname in ('public', 'sandbox')), '')
from pg_tables where schemaname in ('public', 'sandbox') and tablename <> 'schema_migration'
"""


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
    """A database for each test: a copy of one that was migrated once, or one that a test has left clean.

    Where it `stays_connected` to each, emptying one costs a fifth; where connections are what a test
    torments, it does not.
    """

    def __init__(self, server: PostgreSQL, *, stays_connected: bool = False) -> None:
        self._server = server
        self._stays_connected = stays_connected
        self._made = 0
        self._clean: list[str] = []
        self._connections: dict[str, Connection] = {}
        self._shape: object = None
        self._empty = ""

    def url(self, name: str) -> str:
        return urlunsplit(urlsplit(self._server.url)._replace(path=f"/{name}"))

    async def create_template(self) -> None:
        who = urlsplit(self._server.url)
        # Each connection proves that it knows the password, slowly on purpose: no need of that here.
        await self._execute(f"set scram_iterations = 1; alter role {who.username} password '{who.password}'")
        await self._execute(f"create database {TEMPLATE}")
        await migrate(self.url(TEMPLATE))
        connection = await asyncpg.connect(self.url(TEMPLATE))
        self._empty = await connection.fetchval(EMPTYING)
        await connection.close()

    @asynccontextmanager
    async def fresh(self, template: str = TEMPLATE) -> AsyncIterator[str]:
        """The URL of a database that is nobody else's in the context; `template0` is an empty one."""
        name = self._clean.pop() if self._clean and template == TEMPLATE else await self._copy(template)
        try:
            yield self.url(name)
        finally:
            if template == TEMPLATE and await self._cleans(name):
                self._clean.append(name)
            else:
                await self._drop(name)

    async def _copy(self, template: str) -> str:
        self._made += 1
        name = f"test_{self._made}"
        await self._execute(f"create database {name} template {template}")
        if template == TEMPLATE and self._shape is None:
            self._shape = await self._look(name)
        return name

    async def _look(self, name: str) -> object:
        connection = await asyncpg.connect(self.url(name))
        try:
            return await connection.fetchrow(SHAPE)
        finally:
            await connection.close()

    async def _cleans(self, name: str) -> bool:
        """Whether it is as it was copied, but for rows: those are gone then. What was altered is dropped."""
        try:
            connection = await self._connected(name)
            try:
                return await self._empties(connection)
            finally:
                if not self._stays_connected:
                    await connection.close(timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False

    async def _empties(self, connection: Connection) -> bool:
        await connection.execute(OTHERS_OUT, timeout=10)
        if await connection.fetchrow(SHAPE) != self._shape or await connection.fetchval(BYTES) > MOST_BYTES:
            return False
        await connection.execute(self._empty, timeout=10)
        return True

    async def _connected(self, name: str) -> Connection:
        kept = self._connections.get(name)
        if kept is None or kept.is_closed():
            kept = self._connections[name] = await asyncpg.connect(self.url(name), timeout=5)
        return kept

    async def _drop(self, name: str) -> None:
        kept = self._connections.pop(name, None)
        if kept is not None:
            kept.terminate()
        await self._execute(f"drop database {name} with (force)")

    async def close(self) -> None:
        """Before the server stops."""
        for kept in self._connections.values():
            await kept.close(timeout=5)

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._server.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
