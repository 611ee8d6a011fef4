"""What an owner's bookings brought in, by month: `GET /api/earnings`."""

from typing import Any, Final

import asyncpg
from starlette.routing import Route

from server.database.queries import load
from server.http.endpoint import Answer, Call, endpoint

_MOST: Final = 60
"""Rows of one answer: five years in one currency."""

_queries = load(__file__, "sql/earnings.sql")


async def read_earnings(call: Call) -> Answer:
    """The caller's own, the latest month first: what was taken for their bookings, and went back."""
    async with call.parts.database.connection() as connection:
        rows = await connection.fetch(_queries.by_month, call.caller.user, _MOST)
    return Answer({"items": [_view(row) for row in rows]})


def _view(row: asyncpg.Record) -> dict[str, Any]:
    taken, refunded = row["taken"], row["refunded"]
    amounts = {"taken": taken, "refunded": refunded, "kept": taken - refunded}
    money = {name: {"amount": amount, "currency": row["currency"]} for name, amount in amounts.items()}
    return {"month": row["month"], "bookings": row["bookings"], **money}


routes = [
    Route(
        "/api/earnings", endpoint(read_earnings, access="user", roles=("owner", "operator")), methods=["GET"]
    )
]
