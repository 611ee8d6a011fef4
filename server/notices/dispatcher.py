"""Takes what happened out of the outbox: notices for users, deliveries to the outside, news for sockets.

Woken by each commit on this process, and looking each second for what other processes left: a crash between
the commit and here delays what is told by that second and loses nothing. All of a round is one transaction,
in which this process is alone: so positions rise in the order in which they become visible.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
import structlog

from server.bookings.outbox import Facts, event_id
from server.bookings.store import moment
from server.database.pool import Connection, Database
from server.database.queries import load
from server.notices.addressing import Addressing
from server.notices.channel import Channel
from server.notices.rules import Event, Person, people_of
from server.notices.wording import Place, Words, words_for
from server.times import Clock, milliseconds
from server.worker import Worker

BATCH: Final = 200
IDLE_SECONDS: Final = 1.0
# The first is told at once, what follows in rounds at this distance: a round has its price.
ROUND_SECONDS: Final = 0.1
# Another process is at it; what it does not take, we do.
BUSY_SECONDS: Final = 0.05
# So long a resource may be called by its former title.
PLACES_SECONDS: Final = 5.0

News = Callable[[Collection[str]], Awaitable[None]]

_queries = load(__file__, "sql/dispatch.sql")
_log = structlog.get_logger(__name__)


class Dispatcher:
    """`worker` for ever. `tell_users` gets whoever has new notices; `wake_channels` follows deliveries."""

    def __init__(
        self,
        database: Database,
        *,
        channels: Collection[Channel],
        clock: Clock,
        tell_users: News,
        wake_channels: Callable[[], None],
    ) -> None:
        self._database = database
        self._addressing = Addressing(channels, clock)
        self._tell_users = tell_users
        self._wake_channels = wake_channels
        self._began = self._emptied = float("-inf")
        self._known: dict[str, Place] = {}
        self.worker = Worker("notices.dispatch", self.work, idle=IDLE_SECONDS)

    async def work(self) -> float:
        """A round, or the seconds to the next one."""
        early = self._began + ROUND_SECONDS - time.monotonic()
        if early > 0:
            return early
        self._began = time.monotonic()
        async with self._database.connection() as connection:
            if not await connection.fetchval(_queries.any_untold):
                return IDLE_SECONDS
        taken = await self.round()
        if taken is None:
            return BUSY_SECONDS
        return ROUND_SECONDS if taken else IDLE_SECONDS

    async def round(self) -> int | None:
        """Tell what is untold, BATCH at most; how many that were, None where another process is at it."""
        async with self._database.transaction() as connection:
            if not await connection.fetchval(_queries.alone):
                return None
            found = await connection.fetch(_queries.take_untold, BATCH)
            if not found:
                return 0
            rows = sorted(found, key=lambda row: int(row["position"]))
            users, sends = await self._write(connection, rows)
        if sends:
            self._wake_channels()
        if users:
            await self._tell_users(users)
        return len(rows)

    async def _write(self, connection: Connection, rows: Sequence[asyncpg.Record]) -> tuple[list[str], bool]:
        """Answers whose notices are new, and whether anything goes outside."""
        failed: dict[UUID, str] = {}
        events = [event for row in rows if (event := _event(row, failed)) is not None]
        places = await self._places(connection, events)
        told: list[tuple[Event, Person, Words]] = []
        for event in events:
            try:
                told += [(event, person, words_for(event, person, places)) for person in people_of(event)]
            except Exception as error:  # noqa: BLE001  # one that can't be told must not keep the others waiting
                failed[event.id] = _failed(event.id, error)
        users = await _write_notices(connection, told)
        sends = await self._addressing.write(connection, told)
        if failed:
            await connection.execute(_queries.failed, list(failed), list(failed.values()))
        return users, sends

    async def _places(self, connection: Connection, events: Sequence[Event]) -> Mapping[str, Place]:
        """What is booked, by its id; looked up once in PLACES_SECONDS."""
        if time.monotonic() - self._emptied > PLACES_SECONDS:
            self._known, self._emptied = {}, time.monotonic()
        names = {thing.resource for event in events for thing in event.facts.things} - self._known.keys()
        if names:
            for row in await connection.fetch(_queries.places, sorted(names)):
                self._known[row["id"]] = Place(row["title"], row["time_zone"])
        return self._known


async def _write_notices(connection: Connection, told: Sequence[tuple[Event, Person, Words]]) -> list[str]:
    """The users who have new ones."""
    rows = [
        (
            event_id("notice", str(event.id), person.user),
            event.id,
            person.user,
            event.kind,
            words.title,
            words.message,
            words.data,
            event.booking,
            moment(event.at),
        )
        for event, person, words in told
        if person.user
    ]
    if not rows:
        return []
    columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
    written = await connection.fetch(_queries.write_notices, *columns)
    return list(dict.fromkeys(row["user_id"] for row in written))


def _event(row: asyncpg.Record, failed: dict[UUID, str]) -> Event | None:
    try:
        facts = msgspec.convert(row["facts"], Facts)
    except msgspec.ValidationError as error:
        failed[row["id"]] = _failed(row["id"], error)
        return None
    return Event(
        id=row["id"],
        kind=row["kind"],
        booking=row["booking_id"],
        facts=facts,
        at=milliseconds(row["created_at"]),
    )


def _failed(event: UUID, error: Exception) -> str:
    _log.error("event_not_told", notice_event=str(event), reason=repr(error))
    return repr(error)
