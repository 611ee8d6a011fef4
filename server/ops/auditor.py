"""The audit's I/O: two readings of everything, and what lasts of their findings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime
from itertools import groupby
from operator import itemgetter

import asyncpg
from redis.asyncio import Redis

from server.database.pool import Database
from server.database.queries import load
from server.holds.days import first_kept
from server.holds.packing import FIELDS, numbers
from server.holds.rules import Hold
from server.holds.scripts import Scripts, or_unavailable
from server.holds.store import HoldStore, key
from server.ops.audit import Finding, Ledger, LineRow, Live, Record, SlotRow, compare, lasting
from server.ops.money_audit import BookingRow, PaymentRow, money
from server.ops.range_audit import RangeRow, Span, ranges
from server.times import milliseconds

SETTLE_SECONDS = 2.0
"""How long what is on its way between the two servers has to arrive."""

_queries = load(__file__)


async def audit(database: Database, redis: Redis, *, settle_seconds: float = SETTLE_SECONDS) -> list[Finding]:
    """Every invariant broken in both of two readings; the second is made only where the first has findings.

    Raises Unavailable where a server is away.
    """
    async with aclosing(Scripts(redis)) as scripts:
        store = HoldStore(scripts)
        first = [finding async for finding in _reading(database, redis, store)]
        if not first:
            return []
        await asyncio.sleep(settle_seconds)
        return lasting(first, [finding async for finding in _reading(database, redis, store)])


async def _reading(database: Database, redis: Redis, store: HoldStore) -> AsyncIterator[Finding]:
    async with database.connection() as connection:
        resources = await connection.fetch(_queries.resources)
    for resource in resources:
        live = await _live(store, redis, resource["id"])
        ledger = await _ledger(database, resource)
        for finding in compare(ledger, live):
            yield finding
    for finding in (*ranges(await _ranges(database)), *money(await _bookings(database))):
        yield finding


async def _ranges(database: Database) -> list[RangeRow]:
    async with database.connection() as connection:
        return [_range(row) for row in await connection.fetch(_queries.ranges)]


def _range(row: asyncpg.Record) -> RangeRow:
    return RangeRow(
        row["resource"],
        row["reference"],
        milliseconds(row["origin"]),
        60_000 * row["minutes"],
        row["exclusive"],
        row["steps"],
        _span(row["booked_from"], row["booked_until"]),
        _span(row["taken_from"], row["taken_until"]),
    )


def _span(start: datetime | None, end: datetime | None) -> Span | None:
    return None if start is None or end is None else (milliseconds(start), milliseconds(end))


async def _bookings(database: Database) -> list[BookingRow]:
    async with database.connection() as connection:
        rows = await connection.fetch(_queries.money)
    return [_booking(list(group)) for _, group in groupby(rows, itemgetter("id"))]


def _booking(rows: list[asyncpg.Record]) -> BookingRow:
    first = rows[0]
    payments = [_payment(row) for row in rows if row["payment"] is not None]
    return BookingRow(
        first["reference"], first["status"], first["total"], first["currency"], first["keeps"], payments
    )


def _payment(row: asyncpg.Record) -> PaymentRow:
    named = ("payment_status", "accepted", "amount", "paid_in", "refunded", "given", "owed", "age", "kept")
    return PaymentRow(str(row["payment"]), *(row[name] for name in named))


async def _ledger(database: Database, resource: asyncpg.Record) -> Ledger:
    async with database.transaction() as connection:
        await connection.execute("set transaction isolation level repeatable read, read only")
        slots = await connection.fetch(_queries.slots, resource["id"])
        lines = await connection.fetch(_queries.lines, resource["id"])
    return Ledger(
        resource["id"],
        resource["epoch"],
        resource["layout"],
        [SlotRow(*row) for row in slots],
        [_line(row) for row in lines],
    )


def _line(row: asyncpg.Record) -> LineRow:
    index, quantity, state, hold, reference, status, expires_at = row
    return LineRow(index, quantity, state, hold, reference, status, milliseconds(expires_at))


async def _live(store: HoldStore, redis: Redis, resource: str) -> Live | None:
    found = await store.slots(resource)
    if found is None:
        return None
    meta, packed = found
    if meta.chunk:
        return await _live_grid(store, redis, resource)
    holds = await _holds(store, redis, resource)
    return Live(meta.epoch, meta.layout, await store.now(), _records(packed, meta.width), holds)


async def _live_grid(store: HoldStore, redis: Redis, resource: str) -> Live | None:
    reading = await store.days(resource)
    if reading is None:
        return None
    chunk = reading.chunk
    days = {
        day * chunk + place: record
        for day, packed in reading.days.items()
        for place, record in enumerate(_records(packed, reading.width))
    }
    holds = await _holds(store, redis, resource)
    oldest = first_kept(reading.first, chunk) * chunk
    return Live(reading.epoch, reading.layout, await store.now(), (), holds, days, oldest)


def _records(packed: bytes, width: int) -> list[Record]:
    flat = iter(numbers(packed, width))
    return [Record(*row) for row in zip(*[flat] * FIELDS, strict=True)]


async def _holds(store: HoldStore, redis: Redis, resource: str) -> list[Hold]:
    ids: list[str] = []
    for live in ("deadlines", "paying"):
        found: list[bytes] = await or_unavailable(redis.zrange(key(resource, live), 0, -1))  # type: ignore[arg-type]  # redis-py's answer depends on its options
        ids += [each.decode() for each in found]
    holds = (await store.holds({resource: ids})).values() if ids else ()
    return [hold for hold in holds if hold.status in ("held", "paying")]
