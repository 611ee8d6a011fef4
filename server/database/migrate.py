"""Brings a database to this version's schema: numbered SQL files, each applied once and never edited."""

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import asyncpg

from server.database.pool import ACQUIRE_SECONDS
from server.database.pool import Connection as PooledConnection
from server.errors import Unavailable

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
AnyConnection: TypeAlias = "Connection | PooledConnection"

MIGRATIONS = Path(__file__).parent / "migrations"
SCHEMA = Path(__file__).parent / "schema.sql"

# Waiting by polling: a waiter inside pg_advisory_lock() holds a snapshot, which deadlocks with
# CREATE INDEX CONCURRENTLY in the one that works.
_LOCK = 0x686F6C6466617374
_POLL_SECONDS = 0.1
_WAIT_SECONDS = 120.0
# Whoever waits for a table that another transaction uses has everybody wait behind it who only comes then.
_TABLE_SECONDS = 1.0
_TRIES = 60
_OLDEST_SERVER = 150000

# A connection that broke inside a transaction shows as an InterfaceError when that is to be ended.
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresConnectionError,
)

_FILE = re.compile(r"(?P<number>\d{4})_[a-z0-9_]+\.sql")


class MigrationError(Exception):
    """The database and this version do not go together; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `0001_inventory`, its SQL and the sha256 of that."""

    number: int
    name: str
    sql: str
    sha256: str


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """All migrations by number; MigrationError for a misnamed file, a gap or a number given twice."""
    migrations = [_read(path) for path in sorted(folder.glob("*.sql"))]
    for place, migration in enumerate(migrations, start=1):
        if migration.number != place:
            raise MigrationError(f"{migration.name}.sql stands where number {place:04} is due")
    return migrations


async def migrate(url: str, *, folder: Path = MIGRATIONS, wait_seconds: float = _WAIT_SECONDS) -> list[str]:
    """Apply what is missing and answer the names; safe from several machines at once.

    Each migration is one transaction, that waits for a table in use for a second at a time. Raises
    MigrationError when an applied file was changed since, when the database knows migrations that this
    version does not, when a table is never free, or when another migrator does not finish within
    `wait_seconds`; Unavailable when there is no database.
    """
    migrations = read_migrations(folder)
    connection = await _connect(url)
    try:
        await _lock(connection, wait_seconds)
        return await _apply_missing(connection, migrations)
    except _AWAY as error:
        raise Unavailable(f"The database went away while it was migrated: {error}") from error
    finally:
        await _close(connection)


async def require_current(connection: AnyConnection, *, folder: Path = MIGRATIONS) -> None:
    """Raise MigrationError unless the database has exactly this version's migrations."""
    missing = missing_migrations(read_migrations(folder), await _applied(connection))
    if missing:
        names = ", ".join(migration.name for migration in missing)
        raise MigrationError(f"the database lacks {names}: run `holdfast migrate` first")


def missing_migrations(migrations: Sequence[Migration], applied: Mapping[str, str]) -> list[Migration]:
    """What has to be applied, in order; `applied` is name → sha256. MigrationError where the two clash."""
    known = {migration.name: migration for migration in migrations}
    newer = sorted(set(applied) - set(known))
    if newer:
        raise MigrationError(
            f"the database is newer than this version of Holdfast: it has {', '.join(newer)}. "
            "Run the version that migrated it, or a later one"
        )
    for name, sha256 in applied.items():
        if known[name].sha256 != sha256:
            raise MigrationError(
                f"{name}.sql was changed after it was applied. Restore it; put the change into a new one"
            )
    return [migration for migration in migrations if migration.name not in applied]


def _read(path: Path) -> Migration:
    match = _FILE.fullmatch(path.name)
    if not match:
        raise MigrationError(f"{path.name} is no migration's name; one looks like 0001_inventory.sql")
    sql = path.read_text(encoding="utf-8").replace("\r\n", "\n")
    return Migration(int(match["number"]), path.stem, sql, hashlib.sha256(sql.encode()).hexdigest())


async def _connect(url: str) -> Connection:
    try:
        connection = await asyncpg.connect(
            url, timeout=ACQUIRE_SECONDS, server_settings={"application_name": "holdfast migrate"}
        )
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(f"The database cannot be reached: {reason}") from error
    await _require_version(connection)
    return connection


async def _close(connection: Connection) -> None:
    """Frees the lock whatever state the connection is in."""
    with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await connection.close(timeout=ACQUIRE_SECONDS)


async def _require_version(connection: Connection) -> None:
    version = int(await connection.fetchval("show server_version_num"))
    if version < _OLDEST_SERVER:
        await _close(connection)
        raise MigrationError(f"PostgreSQL {version // 10000} is too old; Holdfast needs 15 or later")


async def _lock(connection: Connection, wait_seconds: float) -> None:
    deadline = asyncio.get_running_loop().time() + wait_seconds
    while not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
        if asyncio.get_running_loop().time() >= deadline:
            raise MigrationError(f"another migration has been running for {wait_seconds:.0f} s; try later")
        await asyncio.sleep(_POLL_SECONDS)


async def _apply_missing(connection: Connection, migrations: Sequence[Migration]) -> list[str]:
    missing = missing_migrations(migrations, await _applied(connection))
    for migration in missing:
        await _apply(connection, migration)
    return [migration.name for migration in missing]


async def _applied(connection: AnyConnection) -> dict[str, str]:
    if await connection.fetchval("select to_regclass('schema_migration')") is None:
        return {}
    rows = await connection.fetch("select name, sha256 from schema_migration order by name")
    return {row["name"]: row["sha256"] for row in rows}


async def _apply(connection: Connection, migration: Migration) -> None:
    """Let others pass, and try again, while they use what it wants for itself."""
    for _ in range(_TRIES):
        try:
            return await _try(connection, migration)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            await asyncio.sleep(_TABLE_SECONDS)
    raise MigrationError(f"{migration.name}.sql found its tables in use {_TRIES} times; try later")


async def _try(connection: Connection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(f"set local lock_timeout = '{round(1000 * _TABLE_SECONDS)}ms'")
            await connection.execute(migration.sql)
            await connection.execute(
                "insert into schema_migration (name, sha256) values ($1, $2)",
                migration.name,
                migration.sha256,
            )
    except (*_AWAY, asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
        raise
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{migration.name}.sql failed and was rolled back: {error}") from error
