"""Push subscriptions in PostgreSQL: one row for each browser, at most a few for each user."""

from typing import Any, Final
from uuid import UUID, uuid4

import msgspec

from server.bookings.store import moment
from server.database.pool import Connection
from server.database.queries import load
from server.times import milliseconds

MOST: Final = 10

_queries = load(__file__, "sql/addresses.sql")


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A browser's subscription; `expires_at` and `created_at` in milliseconds, `agent` for people to read."""

    id: str
    user: str
    endpoint: str
    p256dh: str
    auth: str
    agent: str
    expires_at: int | None
    created_at: int


async def subscribe(connection: Connection, wanted: Subscription) -> Subscription:
    """Keep it, in place of what the same browser had; of more than MOST those longest unused are forgotten.

    Runs in a transaction of the caller's.
    """
    row = await connection.fetchrow(
        _queries.subscribe,
        uuid4(),
        wanted.user,
        wanted.endpoint,
        wanted.p256dh,
        wanted.auth,
        wanted.agent,
        None if wanted.expires_at is None else moment(wanted.expires_at),
        moment(wanted.created_at),
    )
    await connection.execute(_queries.forget_oldest_subscriptions, wanted.user, MOST)
    return _subscription(row)


async def of_user(connection: Connection, user: str) -> list[Subscription]:
    """A user's, oldest first."""
    return [_subscription(row) for row in await connection.fetch(_queries.subscriptions, user)]


async def find(connection: Connection, subscription_id: str) -> Subscription | None:
    """One by its id, whosever it is."""
    row = await connection.fetchrow(_queries.subscription, UUID(subscription_id))
    return None if row is None else _subscription(row)


async def unsubscribe(connection: Connection, user: str, endpoint: str) -> bool:
    """Whether the user had it."""
    return await connection.fetchval(_queries.unsubscribe, user, endpoint) is not None


async def unsubscribe_by_id(connection: Connection, user: str, subscription_id: UUID) -> bool:
    """Whether the user had it."""
    return await connection.fetchval(_queries.unsubscribe_by_id, user, subscription_id) is not None


async def gone(connection: Connection, subscription_id: str) -> None:
    """Its push service knows it no more."""
    await connection.execute(_queries.subscription_gone, UUID(subscription_id))


async def used(connection: Connection, subscription_id: str, now: int) -> None:
    """A push was taken."""
    await connection.execute(_queries.subscription_used, UUID(subscription_id), moment(now))


def _subscription(row: Any) -> Subscription:
    return Subscription(
        id=str(row["id"]),
        user=row["user_id"],
        endpoint=row["endpoint"],
        p256dh=row["p256dh"],
        auth=row["auth"],
        agent=row["agent"],
        expires_at=None if row["expires_at"] is None else milliseconds(row["expires_at"]),
        created_at=milliseconds(row["created_at"]),
    )
