"""Holds that Redis does not know any more, asked about before their buyers are told that they are lost."""

from collections.abc import Sequence

from server.bookings.rules import LineState
from server.database.coalescing import Coalescer
from server.database.pool import Database
from server.database.queries import load
from server.holds.rules import Hold

_queries = load(__file__, "sql/lost.sql")


class LostHolds:
    """`line_of` asks about one hold; many share a statement, for a lost Redis takes thousands with it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._coalesced: Coalescer[Hold, LineState | None] = Coalescer(self._read)

    async def line_of(self, hold: Hold) -> LineState | None:
        """How it stands in a booking, None if it does in none. Raises Unavailable."""
        return await self._coalesced(hold)

    async def _read(self, holds: list[Hold]) -> Sequence[LineState | None]:
        sessions, ids = list({hold.session for hold in holds}), [hold.id for hold in holds]
        async with self._database.connection() as connection:
            rows = await connection.fetch(_queries.lines_of_holds, sessions, ids)
        states: dict[str, LineState] = {row["hold_id"]: row["state"] for row in rows}
        return [states.get(name) for name in ids]
