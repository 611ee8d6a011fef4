"""Deliveries in PostgreSQL; the queries stand in sql/deliveries.sql."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import asyncpg

from server.bookings.store import moment
from server.database.pool import Connection
from server.database.queries import load
from server.notices.channel import Channel, Message, Recipient
from server.notices.places import Candidate, Places
from server.times import milliseconds

Ended = Literal["sent", "dropped"]

_queries = load(__file__, "sql/deliveries.sql")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What goes out as one: the messages of one address, in order. `attempts` counts this one too."""

    id: UUID
    attempts: int
    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Standing:
    """How many wait, since when the oldest of them does (ms; None: none), how many were given up."""

    waiting: int = 0
    oldest: int | None = None
    dead: int = 0


async def candidates(connection: Connection, channel: Channel, now: int, places: Places) -> list[Candidate]:
    """What is due of those that have places left, until the transaction ends nobody else's."""
    full = places.full_addresses, places.full_users
    rows = await connection.fetch(_queries.candidates, channel, moment(now), *full, places.room)
    return [Candidate(row["id"], row["address"], row["user_id"]) for row in rows]


async def take(connection: Connection, ids: Sequence[UUID], until: int) -> list[Outgoing]:
    """These, given to nobody else before `until`; in the transaction that found them."""
    rows = await connection.fetch(_queries.take, ids, moment(until))
    attempts: dict[UUID, int] = {row["id"]: row["attempts"] for row in rows}
    messages: dict[UUID, list[Message]] = {name: [] for name in attempts}
    if attempts:
        for row in await connection.fetch(_queries.messages, list(attempts)):
            messages[row["leader"]].append(message_of(row["leader"], row))
    return [Outgoing(name, attempts[name], messages[name]) for name in attempts]


def message_of(key: UUID, row: asyncpg.Record) -> Message:
    """A row's message, to go out under `key`."""
    kept = row["message"]
    return Message(
        key=str(key),
        event=str(row["event_id"]),
        kind=kept["kind"],
        title=kept["title"],
        text=kept["text"],
        data=kept["data"],
        recipient=Recipient(
            address=row["address"], user=row["user_id"], name=kept["name"], side=kept["side"]
        ),
        created_at=kept["created_at"],
    )


async def end(
    connection: Connection, leader: UUID, now: int, state: Ended, *, provider: str, reason: str | None
) -> None:
    """It ended, and with it all that went along."""
    await connection.execute(_queries.done, leader, moment(now), state, provider, reason)


async def later(connection: Connection, leader: UUID, again: int, reason: str) -> None:
    """It is tried again at `again`."""
    await connection.execute(_queries.later, leader, moment(again), reason)


async def give_up(connection: Connection, leader: UUID, now: int, reason: str, provider: str) -> None:
    """It is a dead letter now."""
    await connection.execute(_queries.dead, leader, moment(now), reason, provider)


async def next_due(connection: Connection, channel: Channel) -> int | None:
    """When the next of the channel is due."""
    found = await connection.fetchval(_queries.next_due, channel)
    return None if found is None else milliseconds(found)


async def standing(connection: Connection) -> Standing:
    """How deliveries stand."""
    row = await connection.fetchrow(_queries.standing)
    assert row is not None, "an aggregate"
    oldest = None if row["oldest"] is None else milliseconds(row["oldest"])
    return Standing(row["waiting"], oldest, row["dead"])


async def forget(connection: Connection, *, deliveries: int, told: int, read: int, limit: int) -> bool:
    """Delete deliveries that ended, events told and notices read, each before a moment and `limit` of each.

    Whether there may be more: all of a month's would take longer than any statement may.
    """
    old = {
        _queries.forget_deliveries: deliveries,
        _queries.forget_outbox: told,
        _queries.forget_notices: read,
    }
    gone: list[int] = [await connection.fetchval(query, moment(at), limit) for query, at in old.items()]
    return max(gone) >= limit
