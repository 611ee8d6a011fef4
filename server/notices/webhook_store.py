"""Owners' webhook endpoints in PostgreSQL, with the secrets that sign what they are sent."""

from typing import Any
from uuid import UUID, uuid4

import msgspec

from server.bookings.store import moment
from server.database.pool import Connection
from server.database.queries import load
from server.times import milliseconds

_queries = load(__file__, "sql/addresses.sql")


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where an owner's system hears of events; times in milliseconds, `kinds` None for every kind.

    `old_secret` signs beside `secret` until `old_secret_until`. `failing_since` is the first of the failures
    after which nothing has succeeded yet; a disabled one is told nothing.
    """

    id: str
    user: str
    url: str
    secret: str
    old_secret: str | None
    old_secret_until: int | None
    kinds: tuple[str, ...] | None
    description: str
    created_at: int
    failing_since: int | None
    disabled_at: int | None
    last_error: str | None

    def __repr__(self) -> str:
        return f"Endpoint({self.id})"  # the rest has secrets in it

    def secrets(self, now: int) -> tuple[str, ...]:
        """What signs at `now` (ms), the newest first."""
        if self.old_secret is None or (self.old_secret_until or 0) <= now:
            return (self.secret,)
        return self.secret, self.old_secret


async def lock_user(connection: Connection, user: str) -> int:
    """How many endpoints the user has, which nobody else changes until the transaction ends."""
    await connection.execute(_queries.lock_user, user)
    found: int = await connection.fetchval(_queries.count_endpoints, user)
    return found


async def add(
    connection: Connection,
    *,
    user: str,
    url: str,
    secret: str,
    kinds: tuple[str, ...] | None,
    description: str,
    now: int,
) -> Endpoint:
    """A new one."""
    row = await connection.fetchrow(
        _queries.add_endpoint, uuid4(), user, url, secret, kinds, description, moment(now)
    )
    return _endpoint(row)


async def of_user(connection: Connection, user: str) -> list[Endpoint]:
    """A user's, oldest first."""
    return [_endpoint(row) for row in await connection.fetch(_queries.endpoints, user)]


async def find_of(connection: Connection, user: str, endpoint_id: UUID) -> Endpoint | None:
    """One of the user's."""
    return _maybe(await connection.fetchrow(_queries.endpoint_of, user, endpoint_id))


async def find(connection: Connection, endpoint_id: str) -> Endpoint | None:
    """One by its id, whosever it is."""
    return _maybe(await connection.fetchrow(_queries.endpoint, UUID(endpoint_id)))


async def delete(connection: Connection, user: str, endpoint_id: UUID) -> bool:
    """Whether the user had it."""
    return await connection.fetchval(_queries.delete_endpoint, user, endpoint_id) is not None


async def rotate(
    connection: Connection, user: str, endpoint_id: UUID, secret: str, *, until: int
) -> Endpoint | None:
    """Sign with `secret` from now on, and with the one before until `until` (ms) too."""
    row = await connection.fetchrow(_queries.rotate_secret, user, endpoint_id, secret, moment(until))
    return _maybe(row)


async def enable(connection: Connection, user: str, endpoint_id: UUID) -> Endpoint | None:
    """Tell it of events again."""
    return _maybe(await connection.fetchrow(_queries.enable_endpoint, user, endpoint_id))


async def answered(connection: Connection, endpoint_id: str) -> None:
    """It took an event."""
    await connection.execute(_queries.endpoint_answered, UUID(endpoint_id))


async def failed(
    connection: Connection, endpoint_id: str, reason: str, *, now: int, given_up_before: int
) -> None:
    """It did not take an event; it is disabled if it has failed since before `given_up_before` (ms)."""
    await connection.execute(
        _queries.endpoint_failed, UUID(endpoint_id), moment(now), reason, moment(given_up_before)
    )


async def disable(connection: Connection, endpoint_id: str, reason: str, now: int) -> None:
    """Tell it of nothing more."""
    await connection.execute(_queries.disable_endpoint, UUID(endpoint_id), moment(now), reason)


def _maybe(row: Any) -> Endpoint | None:
    return None if row is None else _endpoint(row)


def _endpoint(row: Any) -> Endpoint:
    def time(name: str) -> int | None:
        return None if row[name] is None else milliseconds(row[name])

    return Endpoint(
        id=str(row["id"]),
        user=row["user_id"],
        url=row["url"],
        secret=row["secret"],
        old_secret=row["old_secret"],
        old_secret_until=time("old_secret_until"),
        kinds=None if row["kinds"] is None else tuple(row["kinds"]),
        description=row["description"],
        created_at=milliseconds(row["created_at"]),
        failing_since=time("failing_since"),
        disabled_at=time("disabled_at"),
        last_error=row["last_error"],
    )
