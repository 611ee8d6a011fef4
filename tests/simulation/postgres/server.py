"""A PostgreSQL that runs the shipped queries, and asyncpg's pool as server.database.pool knows it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Self

import asyncpg

from tests.simulation.catalogue import Catalogue
from tests.simulation.network import Link, Server, Weather
from tests.simulation.postgres import bookings, payments
from tests.simulation.postgres.queries import HANDLERS
from tests.simulation.postgres.transactions import Row, Tables, Transaction, Work

COMMAND_SECONDS = 3.0
IDLE_IN_TRANSACTION_SECONDS = 15.0
SIZE = 10
SIMULATED = (bookings, payments)
"""Whose handlers are known."""


class Record(dict[str, Any]):
    """A row as asyncpg gives it: by name or by place, and iterated by its values."""

    def __missing__(self, key: str | int) -> Any:
        if isinstance(key, int):
            return list(self.values())[key]
        raise KeyError(key)

    def __iter__(self) -> Any:
        return iter(self.values())


class Session:
    """The server's side of a connection: one query after the other, in a transaction or each in its own."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._transaction: Transaction | None = None
        self._running: Work[Any] | None = None
        self._own: Transaction | None = None
        self._is_failed = False

    def begin(self) -> None:
        self._stop()
        self._transaction = Transaction(self._tables)
        self._is_failed = False

    def commit(self) -> None:
        """What failed in between is rolled back instead."""
        transaction, self._transaction = self._transaction, None
        assert transaction is not None
        if self._is_failed:
            transaction.abort()
        else:
            transaction.commit()

    def ends(self) -> None:
        """Its client is gone, or rolls back."""
        self._stop()
        if self._transaction is not None:
            self._transaction.abort()
            self._transaction = None

    def query(
        self, text: str, arguments: Sequence[Any], *, begins: bool
    ) -> "list[Row] | asyncio.Future[list[Row]]":
        """The rows, or where it has to wait a future of them."""
        if begins:
            self.begin()
        else:
            self._stop()
        if self._is_failed and self._transaction is not None:
            raise asyncpg.InFailedSQLTransactionError("current transaction is aborted")
        self._own = None if self._transaction is not None else Transaction(self._tables)
        if text not in HANDLERS:
            raise NotImplementedError(f"tests/simulation/postgres has no such query: {text}")
        self._running = HANDLERS[text](self._transaction or self._own, *arguments)
        try:
            return self._advance()
        except asyncpg.PostgresError:
            self._fail()
            raise

    def _advance(self) -> "list[Row] | asyncio.Future[list[Row]]":
        assert self._running is not None
        try:
            wait = next(self._running)
        except StopIteration as stop:
            self._running = None
            if self._own is not None:
                self._own.commit()
            return stop.value or []
        answer: asyncio.Future[list[Row]] = asyncio.get_running_loop().create_future()
        running = self._running
        wait.add_done_callback(lambda _: self._go_on(running, answer))
        return answer

    def _go_on(self, running: Work[Any], answer: "asyncio.Future[list[Row]]") -> None:
        if running is not self._running:
            return  # it was cancelled
        try:
            found = self._advance()
        except asyncpg.PostgresError as error:
            self._fail()
            answer.set_exception(error)
            return
        if isinstance(found, asyncio.Future):
            found.add_done_callback(lambda done: _pass(done, answer))
        else:
            answer.set_result(found)

    def _fail(self) -> None:
        self._running = None
        if self._own is not None:
            self._own.abort()
        else:
            self._is_failed = True

    def _stop(self) -> None:
        """A query that still waits is cancelled."""
        if self._running is not None:
            self._running.close()
            self._fail()


def _pass(done: "asyncio.Future[Any]", to: "asyncio.Future[Any]") -> None:
    error = done.exception()
    if to.done():
        return
    if error is not None:
        to.set_exception(error)
    else:
        to.set_result(done.result())


class Postgres(Server):
    """The server with its tables."""

    def __init__(self) -> None:
        super().__init__("postgresql")
        self.tables = Tables()

    def opens(self, catalogue: Catalogue) -> None:
        """With the catalogue's resources and slots, and nothing booked."""
        for name, hall in catalogue.halls.items():
            self.tables.put("resource", name, {"id": name, "epoch": "", "layout": hall.resource.layout})
            for slot in hall.slots:
                row = {"resource_id": name, "index": slot.index, "id": slot.id, "label": slot.label}
                more = {"capacity": slot.capacity, "taken": 0, "blocked": slot.blocked}
                self.tables.put("slot", (name, slot.index), {**row, **more})


class Connection:
    """As much of asyncpg's connection as is asked for."""

    def __init__(self, postgres: Postgres, weather: Weather, number: int) -> None:
        self._session = Session(postgres.tables)
        self._link = Link(postgres, weather, _broken, patience=COMMAND_SECONDS, on_cut=self._cut)
        self._number = number
        self._is_closed = self._is_in_transaction = self._has_to_begin = False

    @property
    def link(self) -> Link:
        return self._link

    async def opens(self) -> None:
        """A round trip: it is there."""
        await self._link.call(lambda: None)

    async def fetch(self, query: str, *arguments: Any) -> list[Record]:
        begins, self._has_to_begin = self._has_to_begin, False
        found: list[Row] = await self._ask(lambda: self._session.query(query, arguments, begins=begins))
        return [Record(row) for row in found]

    async def fetchrow(self, query: str, *arguments: Any) -> Record | None:
        found = await self.fetch(query, *arguments)
        return found[0] if found else None

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        found = await self.fetchrow(query, *arguments)
        return None if found is None else next(iter(found))

    async def execute(self, query: str, *arguments: Any, timeout: float | None = None) -> None:  # noqa: ASYNC109, ARG002  # asyncpg's own
        if query == "select 1":
            await self._ask(lambda: None)
        else:
            await self.fetch(query, *arguments)

    def transaction(self, *, isolation: str | None = None, readonly: bool = False) -> "Begun":
        assert isolation is None, "snapshots are not simulated"
        assert not readonly
        return Begun(self)

    async def begins(self) -> None:
        """With its first query: that only BEGIN arrives is as if nothing had."""
        self._is_in_transaction = self._has_to_begin = True

    async def commits(self) -> None:
        await self._ends(self._session.commit)

    async def rolls_back(self) -> None:
        await self._ends(self._session.ends)

    async def _ends(self, work: Callable[[], None]) -> None:
        if not self._has_to_begin:
            await self._ask(work)
        self._is_in_transaction = self._has_to_begin = False

    async def _ask(self, work: Callable[[], Any]) -> Any:
        if self._is_closed:
            raise asyncpg.InterfaceError("connection is closed")
        return await self._link.call(work)

    def is_in_transaction(self) -> bool:
        """As far as its client knows."""
        return self._is_in_transaction

    def get_server_pid(self) -> int:
        return self._number

    def is_closed(self) -> bool:
        return self._is_closed

    def terminate(self) -> None:
        """From here on nothing is asked; the server notices by itself."""
        if not self._is_closed:
            self._link.cut()

    def _cut(self) -> None:
        """The server rolls back as soon as it hears of it; where nothing gets through, after its patience."""
        self._is_closed = True
        wait = IDLE_IN_TRANSACTION_SECONDS if self._link.mode != "open" else 0.01
        asyncio.get_running_loop().call_later(wait, self._session.ends)

    def dies(self, *, in_flight: bool) -> None:
        """Its process is gone: the server hears so behind all that was sent before."""
        self._is_closed = True
        self._link.close(in_flight=in_flight)
        loop = asyncio.get_running_loop()
        loop.call_at(max(loop.time() + 0.01, self._link.arrived + 1e-6), self._session.ends)


class Begun:
    """asyncpg's Transaction."""

    def __init__(self, connection: Connection) -> None:
        self.start = connection.begins
        self.commit = connection.commits
        self.rollback = connection.rolls_back


class Pool:
    """asyncpg's pool of one process."""

    def __init__(self, postgres: Postgres, weather: Weather) -> None:
        self._postgres = postgres
        self._weather = weather
        self._free: list[Connection] = []
        self._room = asyncio.Semaphore(SIZE)
        self._made = 0
        self._is_dead = False
        self.mode: Any = "open"
        self.all: dict[Connection, None] = {}

    async def acquire(self) -> Connection:
        if self._is_dead:
            raise asyncio.CancelledError
        await self._room.acquire()
        try:
            while self._free:
                connection = self._free.pop()
                if not connection.is_closed():
                    return connection
            return await self._open()
        except BaseException:
            self._room.release()
            raise

    async def _open(self) -> Connection:
        self._made += 1
        connection = Connection(self._postgres, self._weather, self._made)
        connection.link.mode = self.mode
        self.all[connection] = None
        await connection.opens()
        return connection

    async def release(self, connection: Connection, *, timeout: float) -> None:  # noqa: ASYNC109, ARG002  # asyncpg's own
        if connection.is_closed():
            self.all.pop(connection, None)
            connection.link.retires()
        else:
            self._free.append(connection)
        self._room.release()

    def becomes(self, mode: Any) -> None:
        """The network to the server is so from now on."""
        self.mode = mode
        for connection in self.all:
            connection.link.mode = mode

    def dies(self, *, in_flight: bool) -> None:
        self._is_dead = True
        for connection in self.all:
            connection.dies(in_flight=in_flight)

    async def close(self) -> Self:
        return self


def _broken(reason: str) -> Exception:
    return asyncpg.ConnectionDoesNotExistError(reason)
