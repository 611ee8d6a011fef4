"""PostgreSQL loses connections, is locked, or has no connection left to give."""

import asyncio
import contextlib
import os
import random
import signal
from typing import TypeAlias

import asyncpg

BACKENDS = """
select pid from pg_stat_activity
where backend_type = 'client backend' and datname = current_database() and pid <> pg_backend_pid()
"""
LOCK_SECONDS = 60
MOST = 500
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class KillBackend:
    """One connection's process is ended: by pg_terminate_backend, or by kill -9, after which all are."""

    def __init__(self, url: str, *, roughly: bool = False) -> None:
        self.name = "kill -9 a backend" if roughly else "terminate a backend"
        self._url = url
        self._roughly = roughly

    async def strike(self, chance: random.Random) -> str:
        connection = await asyncpg.connect(self._url)
        try:
            pids = sorted(row["pid"] for row in await connection.fetch(BACKENDS))
            if not pids:
                return "nobody is connected"
            pid = chance.choice(pids)
            if self._roughly:
                os.kill(pid, signal.SIGKILL)
                return f"kill -9 backend {pid} of {len(pids)}"
            await connection.execute("select pg_terminate_backend($1)", pid)
            return f"terminated backend {pid} of {len(pids)}"
        finally:
            connection.terminate()

    async def heal(self) -> None:
        """Clients connect again by themselves."""


class LockTable:
    """Another transaction has tables for itself: nobody reads or writes them, and whoever tries waits.

    With enough tables that is how a pool is exhausted: each of its connections is held by one that waits.
    """

    def __init__(self, url: str, *tables: str) -> None:
        self._tables = ", ".join(tables or ("booking",))
        self.name = f"lock {self._tables}"
        self._url = url
        self._connection: Connection | None = None

    async def strike(self, _chance: random.Random) -> str:
        if self._connection is not None:
            return "is locked already"
        self._connection = connection = await asyncpg.connect(self._url)
        async with asyncio.timeout(LOCK_SECONDS):
            while not await self._locks(connection):
                pass
        return f"locked {self._tables}"

    async def _locks(self, connection: Connection) -> bool:
        """Whether it came to that; who works in another order may have been in the way."""
        try:
            await connection.execute(f"begin; lock table {self._tables} in access exclusive mode")
        except asyncpg.DeadlockDetectedError:
            await connection.execute("rollback")
            return False
        return True

    async def heal(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


class TakeConnections:
    """Every connection that the server still gives is taken, but for `left` of them."""

    name = "take all connections"

    def __init__(self, url: str, left: int = 0) -> None:
        self._url = url
        self._left = left
        self._taken: list[Connection] = []

    async def strike(self, _chance: random.Random) -> str:
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while len(self._taken) < MOST:
                self._taken.append(await asyncpg.connect(self._url))
        for connection in self._taken[: self._left]:
            connection.terminate()
        del self._taken[: self._left]
        return f"took {len(self._taken)} connections"

    async def heal(self) -> None:
        while self._taken:
            self._taken.pop().terminate()
