"""What `holdfast webhooks` says: the stored events, what ails them, and having them worked off once more."""

import json
from collections.abc import Sequence
from typing import Any, Final

from server.database.pool import Database
from server.errors import NotFound
from server.payments import inbox_store
from server.payments.inbox_store import Letter, State
from server.times import rfc3339

_HIDDEN: Final = "…"
_DIGITS: Final = 30


async def listed(database: Database, states: Sequence[State], limit: int) -> list[str]:
    """A line for each of the latest events in those states, and one that counts the unfinished."""
    async with database.connection() as connection:
        letters = await inbox_store.letters(connection, states, limit)
        standing = await inbox_store.standing(connection)
    return [*map(line, letters), f"{standing.waiting} due, {standing.dead} dead"]


async def shown(database: Database, event_id: str) -> str:
    """All that is known of one event, its body without secrets; NotFound if there is none."""
    async with database.connection() as connection:
        letter = await inbox_store.letter(connection, event_id)
    if letter is None:
        raise NotFound(f"there is no event {event_id}")
    return page(letter)


async def replayed(database: Database, event_ids: Sequence[str], now: int) -> list[str]:
    """Have these worked off once more, done or dead; NotFound, naming them, if some are not there."""
    async with database.transaction() as connection:
        found = await inbox_store.replay(connection, event_ids, now)
        missing = sorted(set(event_ids) - set(found))
        if missing:
            raise NotFound(f"there is no event {', '.join(missing)}")
    return found


async def replayed_dead(database: Database, now: int) -> list[str]:
    """Have every dead letter worked off once more."""
    async with database.connection() as connection:
        return await inbox_store.replay_dead(connection, now)


def line(letter: Letter) -> str:
    """One event in a list."""
    tried = f"{letter.attempts} tries" if letter.attempts else "new"
    start = f"{letter.state:4}  {letter.id}  {rfc3339(letter.received_at)}  {tried:>8}"
    return f"{start}  {letter.kind}  {letter.object_id}  {_plain(letter.last_error)}".rstrip()


def page(letter: Letter) -> str:
    """One event, field by field, and its body."""
    times = {
        "received": letter.received_at,
        "due": letter.due_at if letter.state == "due" else None,
        "done": letter.done_at,
        "dead": letter.dead_at,
    }
    fields: dict[str, object] = {
        "event": letter.id,
        "kind": letter.kind,
        "object": f"{letter.object_id} ({letter.provider})",
        "state": letter.state,
        **{name: rfc3339(time) for name, time in times.items() if time is not None},
        "attempts": letter.attempts,
        "error": _plain(letter.last_error) or "none",
    }
    head = "\n".join(f"{name:9} {value}" for name, value in fields.items())
    return f"{head}\n\n{without_secrets(letter.body)}"


def without_secrets(body: str) -> str:
    """JSON to be read by people: indented, ASCII, and without what only the buyer is to know."""
    try:
        return json.dumps(_hide(json.loads(body, parse_int=_number)), indent=2)
    except (ValueError, RecursionError):
        return "(the body is too odd to be shown; it stands in the table inbox)"


def _number(digits: str) -> int | str:
    return int(digits) if len(digits) <= _DIGITS else digits  # Python refuses to read very long ones


def _hide(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _HIDDEN if "secret" in name else _hide(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_hide(inner) for inner in value]
    return value


def _plain(text: str | None) -> str:
    """One line that moves no cursor."""
    return "".join(character if character.isprintable() else " " for character in text or "")
