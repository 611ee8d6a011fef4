"""The audit's I/O: two readings of everything, and what lasts of their findings."""

import asyncio
from collections.abc import AsyncIterator
from itertools import groupby
from operator import itemgetter

import asyncpg
from redis.asyncio import Redis

from server.database.pool import Database
from server.database.queries import load
from server.holds.packing import FIELDS, numbers
from server.holds.rules import Hold
from server.holds.scripts import Scripts, or_unavailable
from server.holds.store import HoldStore, key
from server.http.times import milliseconds
from server.ops.audit import Finding, Ledger, LineRow, Live, Record, SlotRow, compare, lasting
from server.ops.money_audit import BookingRow, PaymentRow, money

SETTLE_SECONDS = 2.0
"""How long what is on its way between the two servers has to arrive."""

_queries = load(__file__)


async def audit(database: Database, redis: Redis, *, settle_seconds: float = SETTLE_SECONDS) -> list[Finding]:
    """Every invariant broken in both of two readings; the second is made only where the first has findings.

    Raises Unavailable where a server is away.
    """
    first = [finding async for finding in _reading(database, redis)]
    if not first:
        return []
    await asyncio.sleep(settle_seconds)
    return lasting(first, [finding async for finding in _reading(database, redis)])


async def _reading(database: Database, redis: Redis) -> AsyncIterator[Finding]:
    store = HoldStore(Scripts(redis))
    async with database.connection() as connection:
        resources = await connection.fetch(_queries.resources)
    for resource in resources:
        live = await _live(store, redis, resource["id"])
        ledger = await _ledger(database, resource)
        for finding in compare(ledger, live):
            yield finding
    for finding in money(await _bookings(database)):
        yield finding


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
    flat = iter(numbers(packed, meta.width))
    records = [Record(*row) for row in zip(*[flat] * FIELDS, strict=True)]
    holds = await _holds(store, redis, resource)
    seconds, micros = await or_unavailable(redis.time())
    return Live(meta.epoch, meta.layout, seconds * 1000 + micros // 1000, records, holds)


async def _holds(store: HoldStore, redis: Redis, resource: str) -> list[Hold]:
    ids: list[str] = []
    for live in ("deadlines", "paying"):
        found: list[bytes] = await or_unavailable(redis.zrange(key(resource, live), 0, -1))  # type: ignore[arg-type]  # redis-py's answer depends on its options
        ids += [each.decode() for each in found]
    holds = (await store.holds({resource: ids})).values() if ids else ()
    return [hold for hold in holds if hold.status in ("held", "paying")]
