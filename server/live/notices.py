"""Notices on their way to a user's tabs: each in order and once, and after each hello all that are unread.

Of each tab is kept how far it has been told, one number, and nothing else waits here: what is to be told is
in PostgreSQL, and a tab gets the next of it when it has read the last. What comes over Redis is only that
there is something; without it everybody looks each second.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol
from uuid import UUID

import structlog

from channels.protocol import NotificationsRead
from server.errors import HoldfastError
from server.live.table import Tab, Table
from server.notices.news import read_news
from server.notices.rules import Notice
from server.notices.views import notification

LOOK_SECONDS: Final = 1.0
# A tab that does not read is looked at again after so long.
SLOW_SECONDS: Final = 0.1
PAGE: Final = 50
TABS_AT_ONCE: Final = 200
READ_AT_MOST: Final = 500

_log = structlog.get_logger("holdfast.live")


class Reader(Protocol):
    """server.notices.service.Notices, as far as tabs read it."""

    async def latest(self) -> int:
        """The position of the latest notice."""

    async def told_since(self, position: int) -> tuple[int, list[str]]:
        """Up to which position there are notices, and whose those after the given one are."""

    async def unread_after(
        self, wanted: Sequence[tuple[str, int]], limit: int
    ) -> dict[tuple[str, int], list[Notice]]:
        """What users have not read: for each (user, position) up to `limit` after it, in order."""

    async def read_lately(self, users: Sequence[str], limit: int) -> dict[str, list[UUID]]:
        """What users have read a while ago at most."""


class LiveNotices:
    """`enter` and `leave` as tabs come and go, `hear` for what comes over Redis, `run` for ever."""

    def __init__(self, table: Table, notices: Reader) -> None:
        self._table = table
        self._notices = notices
        self._told: dict[Tab, int] = {}
        self._behind: dict[str, None] = {}
        self._seen: int | None = None
        self._looked = 0.0
        self._may_have_missed = False
        self._woken = asyncio.Event()

    # What happens: nothing here blocks.

    def enter(self, tab: Tab) -> None:
        """A tab said hello; a user's begins with what that user has not read."""
        if tab.caller.user is not None and tab not in self._told:
            self._told[tab] = 0
            self._fall_behind([tab.caller.user])

    def leave(self, tab: Tab) -> None:
        """The tab is gone, or speaks for somebody else."""
        self._told.pop(tab, None)

    def hear(self, data: bytes) -> None:
        """A message of server.notices.news.CHANNEL."""
        news = read_news(data)
        self._fall_behind(user for user in news.users if self._table.users_tabs(user))
        if news.reader:
            self._tell_read(news.reader, news.ids)

    def may_have_missed(self) -> None:
        """Pub/sub had a gap: everybody here is looked after again."""
        self._may_have_missed = True
        self._fall_behind(self._users())

    def _fall_behind(self, users: Iterable[str]) -> None:
        self._behind.update(dict.fromkeys(users))
        self._woken.set()

    def _users(self) -> list[str]:
        return sorted({tab.caller.user for tab in self._told if tab.caller.user is not None})

    # What is done about it.

    async def run(self) -> None:
        """Tell for ever; to be supervised."""
        while True:
            pause = await self._round()
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _round(self) -> float:
        """Seconds until the next, unless somebody calls."""
        self._woken.clear()
        try:
            await self._look()
            while self._behind and await self._tell_some():
                pass
        except HoldfastError as error:
            _log.debug("notices cannot be read", why=error.detail)
            return LOOK_SECONDS
        return SLOW_SECONDS if self._behind else LOOK_SECONDS

    async def _look(self) -> None:
        """Each second: who has new notices that nobody told us of; after a gap, what was read meanwhile."""
        if self._may_have_missed:
            for user, ids in (await self._notices.read_lately(self._users(), READ_AT_MOST)).items():
                self._tell_read(user, [str(each) for each in ids])
            self._may_have_missed = False
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        if self._seen is None:
            self._seen = await self._notices.latest()
        else:
            self._seen, users = await self._notices.told_since(self._seen)
            self._behind.update(dict.fromkeys(user for user in users if self._table.users_tabs(user)))
        self._looked = time.monotonic()

    async def _tell_some(self) -> bool:
        """A page for each of the tabs that are behind; False if there is nothing to be told just now."""
        waiting = self._waiting()
        users = dict.fromkeys(user for user, _ in waiting)
        pairs, again = list(waiting), set[str]()
        for user in users:
            self._behind.pop(user, None)
        try:
            for start in range(0, len(pairs), TABS_AT_ONCE):
                again |= await self._tell_pairs(pairs[start : start + TABS_AT_ONCE], waiting)
        except BaseException:
            self._behind.update(users)
            raise
        slow = (user for user in users if any(not tab.peer.ready for tab in self._table.users_tabs(user)))
        self._behind.update(dict.fromkeys([*again, *slow]))
        return bool(again)

    async def _tell_pairs(
        self, pairs: Sequence[tuple[str, int]], waiting: Mapping[tuple[str, int], Sequence[Tab]]
    ) -> set[str]:
        """Answers the users of whom there is more."""
        found = await self._notices.unread_after(pairs, PAGE)
        for pair, notices in found.items():
            self._tell(pair[0], waiting[pair], notices)
        return {user for (user, _), notices in found.items() if len(notices) == PAGE}

    def _waiting(self) -> dict[tuple[str, int], list[Tab]]:
        """Tabs that read, by user and how far they have been told; who has no tab is behind no more."""
        waiting: dict[tuple[str, int], list[Tab]] = {}
        for user in list(self._behind):
            tabs = [tab for tab in self._table.users_tabs(user) if tab in self._told]
            if not tabs:
                del self._behind[user]
            for tab in tabs:
                if tab.peer.ready:
                    waiting.setdefault((user, self._told[tab]), []).append(tab)
        return waiting

    def _tell(self, user: str, tabs: Sequence[Tab], notices: Sequence[Notice]) -> None:
        for tab in tabs:
            if tab not in self._told or tab.caller.user != user:
                continue
            for notice in notices:
                tab.tell(notification(notice))
                self._told[tab] = notice.position

    def _tell_read(self, user: str, ids: Sequence[str]) -> None:
        for tab in self._table.users_tabs(user):
            tab.tell(NotificationsRead(ids=tuple(ids)))
