"""The inbox in PostgreSQL: what providers told us until it is worked off, and the letters that never were."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import asyncpg

from server.bookings.store import moment
from server.database.pool import Connection
from server.database.queries import load
from server.payments.provider import Event
from server.times import milliseconds

State = Literal["due", "done", "dead"]
Key = tuple[str, str]

_queries = load(__file__, "sql/inbox.sql")


@dataclass(frozen=True, slots=True)
class Work:
    """All due events of one object, to be worked off together.

    By the events' ids: `attempts`, this one counted, and when each was `received` (milliseconds).
    """

    provider: str
    object_id: str
    attempts: dict[str, int] = field(default_factory=dict)
    received: dict[str, int] = field(default_factory=dict)

    @property
    def since(self) -> int:
        """When the oldest was received."""
        return min(self.received.values())


@dataclass(frozen=True, slots=True)
class Standing:
    """How many events wait, since when the oldest of them does (None: none), how many are dead letters."""

    waiting: int
    oldest: int | None
    dead: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A stored event as a person looks at it. Times in milliseconds; `body` only where one was asked for."""

    provider: str
    id: str
    kind: str
    object_id: str
    received_at: int
    attempts: int
    due_at: int
    done_at: int | None
    dead_at: int | None
    last_error: str | None
    state: State
    body: str = ""


async def keep(
    connection: Connection,
    events: Sequence[tuple[str, Event]],
    now: int,
    *,
    ours: Collection[Key] = (),
    until: int = 0,
) -> set[Key]:
    """Store events, each with its provider; (provider, id) of those that were new.

    `ours` are taken by this, and given to nobody else before `until`.
    """
    ordered = sorted(events, key=lambda item: (item[0], item[1].id))
    rows = await connection.fetch(
        _queries.keep_events,
        [provider for provider, _ in ordered],
        [event.id for _, event in ordered],
        [event.kind for _, event in ordered],
        [event.object_id for _, event in ordered],
        [event.body.decode() for _, event in ordered],
        [(provider, event.id) in ours for provider, event in ordered],
        moment(now),
        moment(until),
    )
    return {(row["provider"], row["event_id"]) for row in rows}


async def take(connection: Connection, now: int, until: int, limit: int) -> list[Work]:
    """What is due, by object, given to nobody else before `until`."""
    rows = await connection.fetch(_queries.take_events, moment(now), moment(until), limit)
    found: dict[Key, Work] = {}
    for row in rows:
        work = found.setdefault((row["provider"], row["object_id"]), Work(row["provider"], row["object_id"]))
        work.attempts[row["event_id"]] = row["attempts"]
        work.received[row["event_id"]] = milliseconds(row["received_at"])
    return list(found.values())


async def done(connection: Connection, works: Sequence[Work], now: int) -> None:
    """They are worked off."""
    events = sorted((work.provider, name) for work in works for name in work.attempts)
    providers, names = [each[0] for each in events], [each[1] for each in events]
    await connection.execute(_queries.events_done, providers, names, moment(now))


async def wait(connection: Connection, work: Work, why: str, until: int) -> None:
    """It could not even be tried."""
    await connection.execute(_queries.events_wait, work.provider, list(work.attempts), why, moment(until))


async def failed(connection: Connection, key: Key, why: str, again: int, dead_at: int | None) -> None:
    """It is tried again at `again`, or kept as a dead letter."""
    dead = None if dead_at is None else moment(dead_at)
    await connection.execute(_queries.event_failed, *key, why, moment(again), dead)


async def standing(connection: Connection) -> Standing:
    """How the inbox stands."""
    row = await connection.fetchrow(_queries.standing)
    assert row is not None, "an aggregate"
    oldest = None if row["oldest"] is None else milliseconds(row["oldest"])
    return Standing(row["waiting"], oldest, row["dead"])


async def forget(connection: Connection, before: int, limit: int) -> bool:
    """Delete what was received before then and is done, `limit` of it; whether there may be more.

    All of an hour's would take longer than any statement may.
    """
    return int(await connection.fetchval(_queries.forget_events, moment(before), limit)) >= limit


async def letters(connection: Connection, states: Sequence[State], limit: int) -> list[Letter]:
    """The latest events in those states, the latest first, without their bodies."""
    return [_letter(row) for row in await connection.fetch(_queries.list_events, list(states), limit)]


async def letter(connection: Connection, event_id: str) -> Letter | None:
    """One event with its body; None if there is none."""
    row = await connection.fetchrow(_queries.find_event, event_id)
    return None if row is None else _letter(row)


async def replay(connection: Connection, event_ids: Sequence[str], now: int) -> list[str]:
    """Have these worked off once more; those that are there."""
    rows = await connection.fetch(_queries.replay_events, list(event_ids), moment(now))
    return [row["event_id"] for row in rows]


async def replay_dead(connection: Connection, now: int) -> list[str]:
    """Have every dead letter worked off once more."""
    return [row["event_id"] for row in await connection.fetch(_queries.replay_dead, moment(now))]


def _letter(row: asyncpg.Record) -> Letter:
    return Letter(
        provider=row["provider"],
        id=row["event_id"],
        kind=row["kind"],
        object_id=row["object_id"],
        received_at=milliseconds(row["received_at"]),
        attempts=row["attempts"],
        due_at=milliseconds(row["due_at"]),
        done_at=_optional(row["done_at"]),
        dead_at=_optional(row["dead_at"]),
        last_error=row["last_error"],
        state=row["state"],
        body=row.get("body", ""),
    )


def _optional(time: datetime | None) -> int | None:
    return None if time is None else milliseconds(time)
