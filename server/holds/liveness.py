"""Says to Redis which sessions are alive on this process, in batches, and which have gone."""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice

from server.errors import UnknownResource
from server.holds.attendance import Attendance
from server.holds.rules import Terms, terms_of
from server.holds.service import Holds
from server.inventory.rules import HoldPolicy

BATCH = 500  # sessions in one call


class Liveness:
    """What sockets do is noted at once and told to Redis by `flush`; `renew` repeats it for all."""

    def __init__(self, holds: Holds, attendance: Attendance) -> None:
        self._holds = holds
        self._attendance = attendance
        self._noted: set[str] = set()
        self._unread: set[str] = set()
        self.awake = asyncio.Event()

    def opened(self, session: str) -> None:
        """A session has a socket here; where it holds anything is still to be read."""
        self._unread.add(session)
        self.note(session)

    def note(self, session: str) -> None:
        """Something of the session changed here that Redis does not know yet."""
        self._noted.add(session)
        self.awake.set()

    async def flush(self) -> dict[str, int]:
        """Tell Redis what was noted; by resource the grace (ms) that has begun. On failure it stays noted."""
        self.awake.clear()
        noted, self._noted = self._noted, set()
        try:
            await self._read(noted & self._unread)
            return await self._tell(noted)
        except BaseException:
            self._noted |= noted
            self.awake.set()
            raise

    async def _read(self, sessions: Iterable[str]) -> None:
        for session in list(sessions):
            standing = await self._holds.standing(session)
            self._attendance.learn(session, standing.live, {hold.resource for hold in standing.live})
            self._unread.discard(session)

    async def _tell(self, sessions: Iterable[str]) -> dict[str, int]:
        here = [session for session in sessions if self._attendance.is_here(session)]
        gone = [session for session in sessions if not self._attendance.is_here(session)]
        await self._renew(here)
        left = await self._lower(gone)
        for session in gone:
            self._unread.discard(session)
            self._attendance.forget(session)
        return left

    async def renew(self) -> None:
        """All sessions that are alive here, again."""
        await self._renew(self._attendance.sessions())

    async def _renew(self, sessions: Iterable[str]) -> None:
        for resource, members in self._by_resource(sessions).items():
            terms = await self._terms(resource)
            live_ms = self._holds.live_ms(terms)
            for batch in _batches(members):
                answer = await self._holds.store.run(
                    "renew", resource, process=self._holds.process, live_ms=live_ms, sessions=batch
                )
                self._attendance.part(answer.strangers, resource)

    async def _lower(self, sessions: Iterable[str]) -> dict[str, int]:
        graces: dict[str, int] = {}
        for resource, members in self._by_resource(sessions).items():
            graces[resource] = grace_ms = (await self._terms(resource)).grace_ms
            for batch in _batches(members):
                await self._holds.store.run(
                    "leave", resource, field=self._holds.process, grace_ms=grace_ms, sessions=batch
                )
        return graces

    def _by_resource(self, sessions: Iterable[str]) -> dict[str, list[str]]:
        groups: dict[str, list[str]] = {}
        for session in sessions:
            for resource in self._attendance.resources_of(session):
                groups.setdefault(resource, []).append(session)
        return groups

    async def _terms(self, resource: str) -> Terms:
        """The resource's terms; the process's own for one that is gone from the catalogue."""
        try:
            return await self._holds.terms(resource)
        except UnknownResource:
            return terms_of(HoldPolicy(), self._holds.settings)


def _batches(sessions: Iterable[str]) -> Iterator[list[str]]:
    members = iter(sessions)
    while batch := list(islice(members, BATCH)):
        yield batch
