"""The one way to PostgreSQL: a pool whose troubles all come out as Unavailable, and that heals by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import asyncpg
import msgspec

from server.errors import Unavailable

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

ACQUIRE_SECONDS = 2.0
COMMAND_SECONDS = 3.0
PROBE_SECONDS = 0.5
AGAIN_SECONDS = 0.4  # after a server that nobody reached; whoever asks earlier is told the same
# Each connection keeps what it has prepared: more than there are different statements.
STATEMENTS = 400

# A statement is planned once for a connection, not each time: for what is looked up by a few keys that took
# longer than the looking up. So that it is planned well while a table is still short, rows by their key cost
# little more than rows in a row.
_SETTINGS = {
    "application_name": "holdfast",
    "idle_in_transaction_session_timeout": "15000",  # a stopped process frees its locks
    "plan_cache_mode": "force_generic_plan",
    "random_page_cost": "1.1",
}

# The last is what asyncpg says of a connection whose end it has been told of but has not yet seen.
_AWAY = (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InternalClientError)
# Connection trouble, rollbacks that a second try cures, no room, an administrator's hand, a broken disk, a
# lock that did not come in time, a standby.
_PASSING_CLASSES = frozenset({"08", "40", "53", "57", "58"})
_PASSING_STATES = frozenset({"55P03", "25006"})


class Database:
    """PostgreSQL for all rooms.

    Only database work belongs inside `connection()` and `transaction()`: their OSError and TimeoutError are
    taken for the database's. A failed commit's outcome is unknown, so whatever is changed must be safe to
    repeat. With the server silent a request gives up after ACQUIRE_SECONDS + COMMAND_SECONDS at the most.
    """

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self.pool = pool
        self._suspicious = False
        self._proven: set[int] = set()
        self._spare: list[Connection] = []
        self._waiting = 0
        self._unreached = -AGAIN_SECONDS
        self._closing = False

    @classmethod
    async def connect(cls, url: str, *, size: int = 10, command_seconds: float = COMMAND_SECONDS) -> Self:
        """Open the pool with a first connection; Unavailable where there is no database to be had."""
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=size,
                timeout=ACQUIRE_SECONDS,
                command_timeout=command_seconds,
                max_cached_statement_lifetime=0,
                statement_cache_size=STATEMENTS,
                init=_teach_json,
                reset=_leave_as_is,
                server_settings=_SETTINGS,
            )
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise Unavailable(f"The database cannot be reached: {_reason(error)}") from error
        return cls(pool)

    async def close(self) -> None:
        """Give every connection back to the server; connections in use have two seconds."""
        self._closing = True
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                while self._spare:
                    await self._release(self._spare.pop())
                await self.pool.close()
        except _AWAY:
            self.pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection in autocommit; raises Unavailable for whatever another try may cure."""
        connection = await self._acquire()
        is_spare = False
        try:
            yield connection
            is_spare = self._is_spare(connection)
        except (*_AWAY, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
            if isinstance(error, _AWAY):
                self._distrust(connection)
            if isinstance(error, _AWAY) or _is_passing(error, connection):
                raise Unavailable("The database does not answer", retry_after=1) from error
            raise
        finally:
            if is_spare:
                self._spare.append(connection)
            else:
                await self._release(connection)

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[Connection]:
        """One transaction; any exception rolls it back.

        Read committed; with `snapshot` it only reads, and all its queries see the same moment.
        """
        async with self.connection() as connection:
            isolation: Literal["repeatable_read"] | None = "repeatable_read" if snapshot else None
            transaction = connection.transaction(isolation=isolation, readonly=snapshot)
            await transaction.start()
            try:
                yield connection
            except _AWAY:
                raise  # the connection is thrown away, and its transaction with it
            except BaseException:
                await _roll_back(connection, transaction)
                raise
            await transaction.commit()

    async def _acquire(self) -> Connection:
        if self._spare and self._is_trusted(self._spare[-1]):
            return self._spare.pop()
        if asyncio.get_running_loop().time() < self._unreached + AGAIN_SECONDS:
            raise Unavailable("The database does not answer", retry_after=1)
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                while True:
                    connection = await self._next()
                    if await self._answers(connection):
                        return connection
        except (*_AWAY, asyncpg.PostgresError) as error:
            if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                self._unreached = asyncio.get_running_loop().time()
            raise Unavailable("The database does not answer", retry_after=1) from error
        except asyncpg.InterfaceError as error:
            raise Unavailable("The database pool is closed") from error

    async def _next(self) -> Connection:
        if self._spare:
            return self._spare.pop()
        self._waiting += 1
        try:
            return await self.pool.acquire()
        finally:
            self._waiting -= 1

    def _is_spare(self, connection: Connection) -> bool:
        """Whether the next one may have it as it is: the pool's own way takes longer than most statements.

        Not while somebody waits at the pool, which would never hear of it.
        """
        if self._waiting or self._closing or _is_closed(connection):
            return False
        return not connection.is_in_transaction()

    def _is_trusted(self, connection: Connection) -> bool:
        """Since the last trouble every connection is tried once before it is trusted again."""
        if _is_closed(connection):
            return False
        return not self._suspicious or connection.get_server_pid() in self._proven

    async def _answers(self, connection: Connection) -> bool:
        if self._is_trusted(connection):
            return True
        try:
            process = connection.get_server_pid()
            await connection.execute("select 1", timeout=PROBE_SECONDS)
            self._proven.add(process)
        except (*_AWAY, asyncpg.InterfaceError, asyncpg.PostgresError):
            _terminate(connection)
            await self._release(connection)
            return False
        except BaseException:
            _terminate(connection)
            await self._release(connection)
            raise
        return True

    def _distrust(self, connection: Connection) -> None:
        self._suspicious = True
        self._proven.clear()
        _terminate(connection)

    async def _release(self, connection: Connection) -> None:
        # What was asked of the connection has its answer by now; the pool replaces one that can't go back.
        with suppress(*_AWAY, asyncpg.InterfaceError, asyncpg.PostgresError):
            await self.pool.release(connection, timeout=1.0)


async def _teach_json(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.set_type_codec(
        "jsonb", encoder=_encode_json, decoder=msgspec.json.decode, schema="pg_catalog"
    )


def _encode_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


async def _leave_as_is(_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """No room changes a connection's own state, so the reset between two uses is a round trip saved."""


async def _roll_back(connection: Connection, transaction: "asyncpg.transaction.Transaction") -> None:
    try:
        await transaction.rollback()
    except (*_AWAY, asyncpg.InterfaceError, asyncpg.PostgresError):
        _terminate(connection)


def _terminate(connection: Connection) -> None:
    with suppress(asyncpg.InterfaceError):  # it went back to the pool by itself when it broke
        connection.terminate()


def _is_passing(error: BaseException, connection: Connection) -> bool:
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state[:2] in _PASSING_CLASSES or state in _PASSING_STATES
    return _is_closed(connection)


def _is_closed(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # it went back to the pool by itself when it broke
        return True


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
