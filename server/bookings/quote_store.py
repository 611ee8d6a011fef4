"""Quotes in PostgreSQL; the queries stand in sql/quotes.sql."""

from datetime import datetime
from typing import Final

import asyncpg

from server.bookings.pricing import KEEP_MS, Quote
from server.bookings.store import moment
from server.database.pool import Connection
from server.database.queries import load
from server.times import milliseconds

# So many old ones go with each that is written: more than one, so that they never add up.
SWEPT: Final = 100

_queries = load(__file__, "sql/quotes.sql")


async def read(connection: Connection, reference: str, currency: str) -> Quote | None:
    """A cart's quote in a currency."""
    row = await connection.fetchrow(_queries.read, reference, currency)
    return None if row is None else _quote(row)


async def last(connection: Connection, reference: str) -> Quote | None:
    """The quote that a cart was last asked for."""
    row = await connection.fetchrow(_queries.last, reference)
    return None if row is None else _quote(row)


async def write(connection: Connection, quote: Quote, now: int) -> bool:
    """Keep a quote; False if another tab changed it since it was read, and then nothing is written."""
    rate_at, keep_until = _optional(quote.rate_at), moment(now + KEEP_MS)
    quoted_at, prices = moment(quote.quoted_at), dict(quote.prices)
    if quote.version:
        changed = (quote.rate, rate_at, prices, quoted_at, keep_until, quote.version)
        written = await connection.fetchval(_queries.update, quote.reference, quote.currency, *changed)
    else:
        values = (quote.base, quote.rate, rate_at, prices, quoted_at, moment(now), keep_until)
        written = await connection.fetchval(_queries.insert, quote.reference, quote.currency, *values)
        await connection.execute(_queries.sweep, moment(now), SWEPT)
    return bool(written)


async def ask(connection: Connection, quote: Quote, now: int) -> None:
    """From now on the cart is shown in the quote's currency."""
    await connection.execute(_queries.ask, quote.reference, quote.currency, moment(now))


def _optional(time: int | None) -> datetime | None:
    return None if time is None else moment(time)


def _quote(row: asyncpg.Record) -> Quote:
    return Quote(
        reference=row["reference"],
        base=row["base_currency"],
        currency=row["currency"],
        quoted_at=milliseconds(row["quoted_at"]),
        rate=row["rate"],
        rate_at=None if row["rate_at"] is None else milliseconds(row["rate_at"]),
        prices=row["prices"],
        version=row["version"],
    )
