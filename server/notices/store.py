"""Notices and preferences in PostgreSQL; the queries stand in sql/notices.sql."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.bookings.store import moment
from server.database.pool import Connection
from server.database.queries import load
from server.notices.preferences import read_preferences
from server.notices.rules import USUAL, Notice, Preferences
from server.times import milliseconds

COUNTED_AT_MOST: Final = 1_000

Wanted = tuple[str, int]

_queries = load(__file__, "sql/notices.sql")


async def unread_after(
    connection: Connection, wanted: Sequence[Wanted], limit: int
) -> dict[Wanted, list[Notice]]:
    """What users have not read: for each (user, position) up to `limit` after it, in order."""
    users, after = [user for user, _ in wanted], [position for _, position in wanted]
    found: dict[Wanted, list[Notice]] = {}
    for row in await connection.fetch(_queries.unread_after, users, after, limit):
        found.setdefault((row["user_id"], row["after"]), []).append(_notice(row))
    return found


async def latest(connection: Connection) -> int:
    """The latest notice's position."""
    return int(await connection.fetchval(_queries.latest))


async def told_since(connection: Connection, position: int) -> tuple[int, list[str]]:
    """Up to which position there are notices, and who has any after the given one."""
    row = await connection.fetchrow(_queries.told_since, position)
    if row is None or row["position"] is None:
        return position, []
    return row["position"], row["users"]


async def page(connection: Connection, user: str, below: int, limit: int, *, unread: bool) -> list[Notice]:
    """A user's notices, the latest first."""
    rows = await connection.fetch(_queries.page, user, below, limit, unread)
    return [_notice(row) for row in rows]


async def unread(connection: Connection, user: str) -> int:
    """How many a user has not read, COUNTED_AT_MOST at most."""
    return int(await connection.fetchval(_queries.unread, user, COUNTED_AT_MOST))


async def read_these(connection: Connection, user: str, ids: Sequence[UUID], now: int) -> list[UUID]:
    """Note these of the user's as read; those that were not yet."""
    rows = await connection.fetch(_queries.read_these, user, list(ids), moment(now))
    return [row["id"] for row in rows]


async def read_until(connection: Connection, user: str, until: UUID, now: int) -> list[UUID] | None:
    """Note that one and all before it as read; those that were not yet. None: the user has no such notice."""
    if not await connection.fetchval(_queries.is_users, user, until):
        return None
    rows = await connection.fetch(_queries.read_until, user, until, moment(now))
    return [row["id"] for row in rows]


async def read_lately(
    connection: Connection, users: Sequence[str], since: int, limit: int
) -> dict[str, list[UUID]]:
    """What these users have read since a moment, of each up to `limit`."""
    found: dict[str, list[UUID]] = {}
    for row in await connection.fetch(_queries.read_lately, list(users), moment(since), limit):
        found.setdefault(row["user_id"], []).append(row["id"])
    return found


async def preferences(connection: Connection, user: str) -> Preferences:
    """How the user wants to be told."""
    row = await connection.fetchrow(_queries.preferences_of, user)
    return USUAL if row is None else read_preferences(row)


async def write_preferences(connection: Connection, user: str, preferences: Preferences, now: int) -> None:
    """Keep how the user wants to be told."""
    quiet = None if preferences.quiet is None else msgspec.to_builtins(preferences.quiet)
    await connection.execute(
        _queries.write_preferences,
        user,
        preferences.email,
        preferences.phone,
        preferences.channels,
        preferences.batch_seconds,
        quiet,
        moment(now),
    )


def _notice(row: asyncpg.Record) -> Notice:
    read_at = row["read_at"]
    return Notice(
        id=row["id"],
        position=row["position"],
        user=row["user_id"],
        kind=row["kind"],
        title=row["title"],
        message=row["message"],
        data=row["data"],
        created_at=milliseconds(row["created_at"]),
        read_at=None if read_at is None else milliseconds(read_at),
    )
