"""Rows, locks and transactions in memory: read committed, all or nothing, and nobody waits in a ring.

A query is a generator: it yields a future wherever it has to wait for somebody else's lock.
"""

import asyncio
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import asyncpg

Mode = Literal["share", "change", "alone"]
"""FOR KEY SHARE, FOR NO KEY UPDATE, FOR UPDATE."""

Key = Any
Row = dict[str, Any]
Name = tuple[str, Key]
Wait = Generator["asyncio.Future[None]", None, None]
Result = TypeVar("Result")
Work = Generator["asyncio.Future[None]", None, Result]

_CONFLICTS: dict[Mode, frozenset[Mode]] = {
    "share": frozenset({"alone"}),
    "change": frozenset({"change", "alone"}),
    "alone": frozenset({"share", "change", "alone"}),
}


@dataclass
class Lock:
    """Who has a row, and who waits for it."""

    holders: dict["Transaction", Mode] = field(default_factory=dict)
    waiting: list[tuple["Transaction", Mode, "asyncio.Future[None]"]] = field(default_factory=list)

    def is_free_for(self, transaction: "Transaction", mode: Mode) -> bool:
        return all(
            holder is transaction or held not in _CONFLICTS[mode] for holder, held in self.holders.items()
        )


class Tables:
    """What is committed. `on_commit` hears of each transaction's changes; `rings` are who waited in one."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[Key, Row]] = {}
        self.locks: dict[Name, Lock] = {}
        self.on_commit: Callable[[dict[Name, Row | None]], None] = lambda _changed: None
        self.rings: list[str] = []
        self._numbers = 0
        self._of_booking: dict[Name, list[Key]] = {}

    def keys_of(self, table: str, booking: Key) -> list[Key]:
        """An index: the rows of a table that belong to a booking."""
        return self._of_booking.setdefault((table, booking), [])

    def put(self, table: str, key: Key, row: Row) -> None:
        rows = self.table(table)
        if key not in rows and "booking_id" in row:
            self.keys_of(table, row["booking_id"]).append(key)
        rows[key] = row

    def table(self, name: str) -> dict[Key, Row]:
        return self.rows.setdefault(name, {})

    def next_number(self) -> int:
        """An identity column's: it is never given back."""
        self._numbers += 1
        return self._numbers


class Transaction:
    """One transaction: what it changed is its own until it commits. `abort` leaves nothing of it."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._changed: dict[Name, Row | None] = {}
        self._locked: dict[Name, None] = {}
        self._waits_for: Lock | None = None
        self._granted: asyncio.Future[None] | None = None
        self.lock_timeout: float | None = None

    # Reading.

    def get(self, table: str, key: Key) -> Row | None:
        name = (table, key)
        if name in self._changed:
            return self._changed[name]
        return self._tables.table(table).get(key)

    def row(self, table: str, key: Key) -> Row:
        found = self.get(table, key)
        assert found is not None, (table, key)
        return found

    def all(self, table: str) -> Iterator[Row]:
        """Every row, in the order in which they were made."""
        own = {key: row for (name, key), row in self._changed.items() if name == table}
        for key, row in self._tables.table(table).items():
            mine = own.pop(key, row) if own else row
            if mine is not None:
                yield mine
        yield from (row for row in own.values() if row is not None)

    def of_booking(self, table: str, booking: Key) -> list[Row]:
        """A booking's rows of a table."""
        keys = dict.fromkeys(self._tables.keys_of(table, booking))
        for (name, key), row in self._changed.items():
            if name == table and row is not None and row["booking_id"] == booking:
                keys[key] = None
        return [row for row in (self.get(table, key) for key in keys) if row is not None]

    # Locking.

    def lock(self, table: str, key: Key, mode: Mode = "change") -> Wait:
        """The row for this transaction, as much as `mode` says; waits as long as it takes."""
        lock = self._tables.locks.setdefault((table, key), Lock())
        held = lock.holders.get(self)
        if held is not None and _CONFLICTS[mode] <= _CONFLICTS[held]:
            return
        if not lock.is_free_for(self, mode):
            self._waits_for = lock
            self._refuse_ring(lock, (table, key))
            granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            lock.waiting.append((self, mode, granted))
            self._locked[table, key] = None
            self._granted = granted
            if self.lock_timeout is not None:
                asyncio.get_running_loop().call_later(self.lock_timeout, _loses_patience, granted)
            yield granted
            self._waits_for = self._granted = None
            refusal = granted.exception()
            if refusal is not None:
                raise refusal
        self._take((table, key), lock, mode)

    def try_lock(self, table: str, key: Key, mode: Mode = "change") -> bool:
        """SKIP LOCKED: False where somebody else has it."""
        lock = self._tables.locks.setdefault((table, key), Lock())
        if not lock.is_free_for(self, mode):
            return False
        self._take((table, key), lock, mode)
        return True

    def _take(self, name: Name, lock: Lock, mode: Mode) -> None:
        held = lock.holders.get(self)
        if held is None or _CONFLICTS[held] < _CONFLICTS[mode]:
            lock.holders[self] = mode
        self._locked[name] = None

    def _refuse_ring(self, lock: Lock, name: Name) -> None:
        """Whoever closes a ring is told so, as PostgreSQL does after a second."""
        seen: set[int] = set()
        ahead = [holder for holder in lock.holders if holder is not self]
        while ahead:
            other = ahead.pop()
            if other is self:
                self._tables.rings.append(f"{name}")
                self._waits_for = None
                raise asyncpg.DeadlockDetectedError("deadlock detected")
            if id(other) not in seen and other._waits_for is not None:
                seen.add(id(other))
                ahead += [holder for holder in other._waits_for.holders if holder is not other]

    # Writing.

    def put(self, table: str, key: Key, row: Row) -> None:
        """A row that is locked already, or new."""
        if table == "slot" and not 0 <= row["taken"] <= row["capacity"]:
            raise asyncpg.CheckViolationError("slot_taken_within_capacity")
        self._changed[table, key] = row

    def update(self, table: str, key: Key, **changes: Any) -> Wait:
        """Lock a row that is there and change it; `changes` may be functions of the row."""
        yield from self.lock(table, key)
        row = self.row(table, key)
        self.put(table, key, {**row, **_valued(changes, row)})

    def update_all(self, table: str, keys: Iterable[Key], **changes: Any) -> Wait:
        for key in keys:
            yield from self.update(table, key, **changes)

    def update_where(
        self, table: str, rows: Iterable[Row], holds: Callable[[Row], bool], **changes: Any
    ) -> Work[list[Row]]:
        """UPDATE … WHERE: what matches is locked, and looked at once more; answers it as it is then."""
        done: list[Row] = []
        for row in [row for row in rows if holds(row)]:
            yield from self.lock(table, row["id"])
            now = self.row(table, row["id"])
            if holds(now):
                done.append({**now, **_valued(changes, now)})
                self.put(table, row["id"], done[-1])
        return done

    def next_number(self) -> int:
        return self._tables.next_number()

    # Its end.

    def commit(self) -> None:
        changed = self._changed
        for (table, key), row in changed.items():
            if row is None:
                self._tables.table(table).pop(key, None)
            else:
                self._tables.put(table, key, row)
        self._release()
        if changed:
            self._tables.on_commit(changed)

    def abort(self) -> None:
        self._changed = {}
        if self._granted is not None:
            self._granted.cancel()
            self._waits_for = None
        self._release()

    def _release(self) -> None:
        locks = self._tables.locks
        for name in self._locked:
            lock = locks.get(name)
            if lock is None:  # waited for in vain, and whoever had it has ended
                continue
            lock.holders.pop(self, None)
            _pass_on(lock)
            if not lock.holders and not lock.waiting:
                del locks[name]
        self._locked = {}


def _pass_on(lock: Lock) -> None:
    """To whoever waits, in their order, as far as they bear each other."""
    waiting, lock.waiting = lock.waiting, []
    for transaction, mode, granted in waiting:
        if granted.done():
            continue  # it gave up
        if lock.is_free_for(transaction, mode):
            lock.holders[transaction] = mode
            granted.set_result(None)
        else:
            lock.waiting.append((transaction, mode, granted))


def _loses_patience(granted: "asyncio.Future[None]") -> None:
    if not granted.done():
        granted.set_exception(asyncpg.LockNotAvailableError("canceling statement due to lock timeout"))


def _valued(changes: dict[str, Any], row: Row) -> Row:
    return {name: value(row) if callable(value) else value for name, value in changes.items()}
