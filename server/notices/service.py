"""Notices as the other rooms call them: a user's own, read and kept, and how that user wants to be told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from server.database.pool import Database
from server.errors import BadRequest, NotFound
from server.notices import addressing, delivery_store, preferences, store
from server.notices.channel import Channel, Sender
from server.notices.deliveries import Deliveries
from server.notices.delivery_store import Standing
from server.notices.dispatcher import Dispatcher
from server.notices.news import Newsman
from server.notices.preferences import PreferencesRequest
from server.notices.rules import Notice, Preferences
from server.times import Clock, now_milliseconds
from server.worker import Worker

PAGE: Final = 50
PAGE_LIMIT: Final = 200
READ_AT_ONCE: Final = 1_000
FIRST: Final = 2**62

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
# How long what has been told is still there to be looked at.
DELIVERIES_KEPT_MS: Final = 30 * _DAY_MS
OUTBOX_KEPT_MS: Final = 30 * _DAY_MS
READ_KEPT_MS: Final = 90 * _DAY_MS
HOUSE_SECONDS: Final = 10.0
FORGOTTEN_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Page:
    """A user's notices, the latest first; the position below which the next page is (None: there is none)."""

    items: list[Notice]
    next: int | None
    unread: int


class Notices:
    """`dispatcher` and `deliveries` run beside the server; the rest is called. `clock` is in milliseconds."""

    def __init__(
        self,
        database: Database,
        newsman: Newsman,
        *,
        senders: Mapping[Channel, Sequence[Sender]] | None = None,
        clock: Clock = now_milliseconds,
    ) -> None:
        self._database = database
        self._clock = clock
        self._forgot = 0
        self.newsman = newsman
        self.standing = Standing()
        self.deliveries = Deliveries(database, senders or {}, clock)
        self.dispatcher = Dispatcher(
            database,
            channels=frozenset(senders or {}),
            clock=clock,
            tell_users=newsman.tell_users,
            wake_channels=self.deliveries.wake,
        )
        self.house = Worker("notices.house", self.keep_house, idle=HOUSE_SECONDS)

    def workers(self) -> list[Worker]:
        """The loops to be run beside the server."""
        return [self.dispatcher.worker, *self.deliveries.workers, self.house]

    def wake(self) -> None:
        """Something was committed: somebody may have to be told."""
        self.dispatcher.worker.wake()

    async def page(self, user: str, below: int, limit: int, *, unread: bool) -> Page:
        """BadRequest for a limit that is none."""
        if not 1 <= limit <= PAGE_LIMIT:
            raise BadRequest(f"limit is between 1 and {PAGE_LIMIT}")
        async with self._database.connection() as connection:
            found = await store.page(connection, user, below, limit + 1, unread=unread)
            count = await store.unread(connection, user)
        following = found[limit - 1].position if len(found) > limit else None
        return Page(found[:limit], following, count)

    async def read(self, user: str, ids: Sequence[UUID]) -> int:
        """Note these as read, those of them that are the user's; how many are left unread."""
        async with self._database.connection() as connection:
            changed = await store.read_these(connection, user, ids, self._clock())
            left = await store.unread(connection, user)
        await self._tell_read(user, changed)
        return left

    async def read_until(self, user: str, until: UUID) -> int:
        """Note this and all before it as read; NotFound unless it is the user's. How many are left unread."""
        async with self._database.connection() as connection:
            changed = await store.read_until(connection, user, until, self._clock())
            left = await store.unread(connection, user)
        if changed is None:
            raise NotFound
        await self._tell_read(user, changed)
        return left

    async def unread_after(
        self, wanted: Sequence[tuple[str, int]], limit: int
    ) -> dict[tuple[str, int], list[Notice]]:
        """What users have not read: for each (user, position) up to `limit` after it, in order."""
        async with self._database.connection() as connection:
            return await store.unread_after(connection, wanted, limit)

    async def latest(self) -> int:
        """The position of the latest notice."""
        async with self._database.connection() as connection:
            return await store.latest(connection)

    async def told_since(self, position: int) -> tuple[int, list[str]]:
        """Up to which position there are notices, and who has any after the given one."""
        async with self._database.connection() as connection:
            return await store.told_since(connection, position)

    async def read_lately(self, users: Sequence[str], limit: int) -> dict[str, list[UUID]]:
        """What these users have read within the last hour, of each up to `limit`."""
        async with self._database.connection() as connection:
            return await store.read_lately(connection, users, self._clock() - _HOUR_MS, limit)

    async def preferences(self, user: str) -> Preferences:
        """How the user wants to be told."""
        async with self._database.connection() as connection:
            return await store.preferences(connection, user)

    async def prefer(self, user: str, request: PreferencesRequest) -> Preferences:
        """Keep how the user wants to be told, of what waits too; InvalidFields names what does not hold."""
        kept, now = preferences.check(request), self._clock()
        async with self._database.transaction() as connection:
            await addressing.wait_alone(connection)  # a round under way goes by the former preferences
            await store.write_preferences(connection, user, kept, now)
            is_sooner = await addressing.bring_forward(connection, user, kept, now)
        if is_sooner:
            self.deliveries.wake()
        return kept

    async def keep_house(self) -> float:
        """Look how deliveries stand; now and then forget what nobody will ask for, a part at a time."""
        now = self._clock()
        async with self._database.connection() as connection:
            self.standing = await delivery_store.standing(connection)
            if now - self._forgot < _HOUR_MS:
                return HOUSE_SECONDS
            has_more = await delivery_store.forget(
                connection,
                deliveries=now - DELIVERIES_KEPT_MS,
                told=now - OUTBOX_KEPT_MS,
                read=now - READ_KEPT_MS,
                limit=FORGOTTEN_AT_ONCE,
            )
        if has_more:
            return 0.0
        self._forgot = now
        return HOUSE_SECONDS

    async def _tell_read(self, user: str, ids: Sequence[UUID]) -> None:
        names = [str(each) for each in ids]
        for start in range(0, len(names), READ_AT_ONCE):
            await self.newsman.tell_read(user, names[start : start + READ_AT_ONCE])
