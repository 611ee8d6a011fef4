"""Ranges of time and their steps in PostgreSQL; the queries stand in sql/ranges.sql."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from server.bookings.places import Step, span_of
from server.bookings.rules import Line
from server.bookings.store import moment
from server.database.pool import Connection
from server.database.queries import load

_queries = load(__file__, "sql/ranges.sql")

_Columns = tuple[list[str], list[str], list[datetime], list[datetime]]


async def ensure_steps(connection: Connection, steps: Sequence[Step]) -> None:
    """Steps that were never booked get their rows; `steps` are in the order in which slots are locked."""
    if not steps:
        return
    await connection.execute(
        _queries.ensure_steps,
        [resource for resource, _ in steps],
        [slot.index for _, slot in steps],
        [slot.id for _, slot in steps],
        [slot.label for _, slot in steps],
        [slot.price.amount for _, slot in steps],
        [slot.section for _, slot in steps],
        [_instant(slot.starts_at) for _, slot in steps],
        [_instant(slot.ends_at) for _, slot in steps],
    )


async def insert(connection: Connection, booking_id: UUID, lines: Iterable[Line]) -> None:
    """Take the lines' ranges; asyncpg's ExclusionViolationError if somebody has any of one."""
    columns = _columns(lines)
    if columns[0]:
        await connection.execute(_queries.insert_ranges, booking_id, *columns)


async def delete(connection: Connection, booking_id: UUID, lines: Iterable[Line]) -> None:
    """Free a booking's ranges, if its lines have any."""
    if any(line.range is not None for line in lines):
        await connection.execute(_queries.delete_ranges, booking_id)


async def overlapped(connection: Connection, lines: Sequence[Line]) -> list[str]:
    """The ids of the steps of those ranges that somebody has a part of."""
    rows = await connection.fetch(_queries.overlapped, *_columns(lines))
    holds = {row["hold_id"] for row in rows}
    return sorted({line.slot for line in lines if line.hold in holds})


def _columns(lines: Iterable[Line]) -> _Columns:
    """One row for each hold of a range."""
    ranges = {line.hold: (line.resource, line.range) for line in lines if line.range is not None}
    spans = [(hold, resource, span_of(during)) for hold, (resource, during) in ranges.items()]
    return (
        [hold for hold, _, _ in spans],
        [resource for _, resource, _ in spans],
        [moment(start) for _, _, (start, _) in spans],
        [moment(end) for _, _, (_, end) in spans],
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
