"""What `holdfast notices` says: what goes outside, what ails it, and having it sent once more."""

import json
from collections.abc import Sequence
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from server.bookings.store import moment
from server.database.pool import Connection, Database
from server.database.queries import load
from server.errors import NotFound
from server.notices.channels.mail import one_line
from server.times import milliseconds, rfc3339

State = Literal["waiting", "joined", "sent", "dead", "dropped"]

STATES: Final[dict[str, list[State]]] = {
    "unfinished": ["waiting", "dead"],
    "dead": ["dead"],
    "due": ["waiting"],
    "all": ["waiting", "sent", "dead", "dropped"],
}

_queries = load(__file__, "sql/letters.sql")


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `delivery`; times in milliseconds, `joined` is how many others go out with it."""

    id: str
    event: str
    channel: str
    address: str
    user: str | None
    message: dict[str, Any]
    state: State
    joined: int
    attempts: int
    provider: str | None
    last_error: str | None
    times: dict[str, int]


async def listed(database: Database, states: Sequence[State], limit: int) -> list[str]:
    """A line for each of the latest in those states, and one that counts the unfinished."""
    async with database.connection() as connection:
        rows = await connection.fetch(_queries.letters, list(states), limit)
        standing = await connection.fetchrow(_queries.standing)
    assert standing is not None, "an aggregate"
    return [*(line(_letter(row)) for row in rows), f"{standing['waiting']} due, {standing['dead']} dead"]


async def shown(database: Database, letter_id: str) -> str:
    """All that is known of one; NotFound if there is none."""
    async with database.connection() as connection:
        row = await connection.fetchrow(_queries.letter, _uuid(letter_id))
    if row is None:
        raise NotFound(f"there is no message {one_line(letter_id)}")
    return page(_letter(row))


async def replayed(database: Database, letter_ids: Sequence[str], now: int) -> list[str]:
    """Have these dead letters sent once more; NotFound, naming them, if some are none."""
    ids = [_uuid(each) for each in letter_ids]
    async with database.transaction() as connection:
        found = await _changed(connection, _queries.replay, ids, moment(now))
        missing = sorted(set(letter_ids) - set(found))
        if missing:
            raise NotFound(f"there is no dead letter {', '.join(missing)}")
    return found


async def replayed_dead(database: Database, now: int) -> list[str]:
    """Have every dead letter sent once more."""
    async with database.connection() as connection:
        return await _changed(connection, _queries.replay_dead, moment(now))


def line(letter: Letter) -> str:
    """One message in a list."""
    tried = f"{letter.attempts} tries" if letter.attempts else "new"
    start = f"{letter.state:7}  {letter.id}  {rfc3339(letter.times['created'])}  {tried:>8}"
    said = f"{letter.channel:7}  {letter.message['kind']}  {letter.address}  {letter.last_error or ''}"
    return f"{start}  {one_line(said)}"


def page(letter: Letter) -> str:
    """One message, field by field, and what it says."""
    times = {name: rfc3339(time) for name, time in letter.times.items()}
    fields: dict[str, object] = {
        "message": letter.id,
        "event": letter.event,
        "kind": letter.message["kind"],
        "channel": letter.channel,
        "address": letter.address,
        "user": letter.user or "none",
        "state": letter.state,
        **times,
        "attempts": letter.attempts,
        "joined by": letter.joined,
        "provider": letter.provider or "none",
        "error": letter.last_error or "none",
    }
    head = "\n".join(f"{name:10} {one_line(str(value))}" for name, value in fields.items())
    said = {name: letter.message.get(name) for name in ("title", "text", "data")}
    return f"{head}\n\n{json.dumps(said, indent=2)}"  # ASCII, so that nothing in it moves a cursor


async def _changed(connection: Connection, query: str, *values: object) -> list[str]:
    return [str(row["id"]) for row in await connection.fetch(query, *values)]


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"there is no message {one_line(text)}") from None


def _letter(row: Any) -> Letter:
    times = {"created": "created_at", "due": "due_at", "done": "done_at", "dead": "dead_at"}
    if row["state"] != "waiting":
        del times["due"]
    return Letter(
        id=str(row["id"]),
        event=str(row["event_id"]),
        channel=row["channel"],
        address=row["address"],
        user=row["user_id"],
        message=row["message"],
        state=row["state"],
        joined=row["joined"],
        attempts=row["attempts"],
        provider=row["provider"],
        last_error=row["last_error"],
        times={name: milliseconds(row[column]) for name, column in times.items() if row[column] is not None},
    )
