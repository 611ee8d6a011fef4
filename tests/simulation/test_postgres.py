"""Shipped bookings and payments on the real PostgreSQL; what they asked is asked of the simulated one, too.

Each statement gets the same arguments in the same order, and has to have the same answer.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from server.bookings.booked import PostgresBooked
from server.database.pool import Database
from tests.payments.conftest import house
from tests.payments.house import HALL, House
from tests.simulation.postgres.queries import HANDLERS, NAMES
from tests.simulation.postgres.server import Postgres, Session
from tests.simulation.postgres.transactions import Tables

__all__ = ["house"]

BUSIEST: Final = {
    "bump_epoch", "confirmed_counts", "due", "given_up_holds", "lock_bookings", "lock_booking_with_resources",
    "mark_applied", "mark_resource_lines", "open_bookings", "pending_bookings", "returned_holds", "unapplied",
    "unheard_holds",
}  # fmt: skip


@dataclass
class Said:
    """A statement and its answer, or how a transaction began or ended, on one connection."""

    at: int
    what: str
    arguments: Sequence[Any] = ()
    answer: list[dict[str, Any]] = field(default_factory=list)


class Recorded:
    """A connection that remembers what was said on it."""

    def __init__(self, connection: Any, number: int, said: list[Said]) -> None:
        self._connection = connection
        self._number = number
        self._said = said

    def says(self, what: str) -> None:
        self._said.append(Said(self._number, what))

    async def fetch(self, query: str, *arguments: Any) -> Any:
        said = Said(self._number, query, arguments)
        found = await self._connection.fetch(query, *arguments)
        said.answer = [dict(row) for row in found]
        self._said.append(said)
        return found

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        found = await self.fetch(query, *arguments)
        return found[0] if found else None

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        found = await self.fetchrow(query, *arguments)
        return None if found is None else found[0]

    execute = fetch


class Recorder:
    """server.database.pool's Database, as far as bookings and payments know it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers = 0
        self.said: list[Said] = []

    def _recorded(self, connection: Any) -> Recorded:
        self._numbers += 1
        return Recorded(connection, self._numbers, self.said)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with self._database.connection() as connection:
            yield self._recorded(connection)

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[Any]:
        assert not snapshot
        async with self._database.transaction() as connection:
            recorded = self._recorded(connection)
            recorded.says("begin")
            try:
                yield recorded
            except BaseException:
                recorded.says("rollback")
                raise
            recorded.says("commit")


async def simulated(house: House) -> Tables:
    """The simulated PostgreSQL with the catalogue that the real one has."""
    tables = Postgres().tables
    async with house.database.connection() as connection:
        for row in await connection.fetch("select id, epoch, layout from resource"):
            tables.put("resource", row["id"], dict(row))
        names = "resource_id, index, id, label, capacity, taken, blocked"
        for row in await connection.fetch(f"select {names} from slot"):
            tables.put("slot", (row["resource_id"], row["index"]), dict(row))
    return tables


def answers(tables: Tables, said: Sequence[Said]) -> list[tuple[str, Any, Any]]:
    """Of each statement its name, what the real one answered, and what the simulated one does."""
    sessions: dict[int, Session] = {}
    compared = []
    for each in said:
        session = sessions.setdefault(each.at, Session(tables))
        match each.what:
            case "begin":
                session.begin()
            case "commit":
                session.commit()
            case "rollback":
                session.ends()
            case text if text in HANDLERS:
                found = session.query(text, each.arguments, begins=False)
                assert not isinstance(found, asyncio.Future), f"{NAMES[text]} has to wait"
                compared.append((NAMES[text], *_alike(each.answer, found)))
    return compared


def _alike(real: list[dict[str, Any]], found: list[Any]) -> tuple[Any, Any]:
    """Both in plain values and in one order, in the columns that the simulated one has."""
    columns = found[0].keys() if found else ()
    kept = [{name: row[name] for name in row if name in columns or not columns} for row in real]
    return _plain(kept), _plain([{name: row[name] for name in columns if name in row} for row in found])


_SIMPLER: Final = {"position", "change"}
"""An identity column goes on from what other tests left there; changes are not simulated."""


def _plain(rows: list[dict[str, Any]]) -> list[str]:
    simpler = [{name: row[name] for name in sorted(row) if name not in _SIMPLER} for row in rows]
    return sorted(msgspec.json.encode(each, enc_hook=str, order="sorted").decode() for each in simpler)


async def a_day(house: House) -> None:
    """Buyers who pay, cancel, and never pay; a hall that is built anew in between."""
    ann, ben, cem, dora = (house.buyer(name) for name in ("ann", "ben", "cem", "dora"))
    for buyer, seat in ((ann, "A-1"), (ben, "A-2"), (cem, "A-3"), (dora, "A-4")):
        await buyer.holds(seat)
        await buyer.books()
    await ann.pays()
    await ben.pays()
    await house.office.holds.load(HALL)
    await ben.cancels()
    await house.office.loops_run()
    await dora.cancels(release=True)
    await house.expires(cem)
    await house.office.loops_run()
    await house.office.holds.load(HALL)
    house.clock.passes(30)
    await house.office.loops_run()


async def test_the_simulated_postgresql_answers_as_the_real_one(house: House) -> None:
    tables, recorder = await simulated(house), Recorder(house.database)
    house.office = house.opens_office(lambda name, part: recorder if name == "database" else part)
    house.office.holds.loader._booked = PostgresBooked(recorder, house.clock)  # type: ignore[arg-type]
    await a_day(house)
    compared = answers(tables, recorder.said)
    assert {name for name, *_ in compared} >= BUSIEST
    assert [each for each in compared if each[1] != each[2]] == []
    async with house.database.connection() as connection:
        taken = {
            row["index"]: row["taken"] for row in await connection.fetch("select index, taken from slot")
        }
    assert {key[1]: row["taken"] for key, row in tables.table("slot").items()} == taken
    await house.is_whole()
