"""Says to Redis which sessions are alive on this process, in batches, and which have gone."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from server.errors import Unavailable
from server.holds.attendance import Attendance
from server.holds.service import Holds

BATCH = 500  # sessions in one call
READS_AT_ONCE = 16


class Liveness:
    """What sockets do is noted at once and told to Redis by `flush`; `renew` repeats it for all."""

    def __init__(self, holds: Holds, attendance: Attendance) -> None:
        self._holds = holds
        self._attendance = attendance
        self._noted: set[str] = set()
        self._telling: set[str] = set()
        self._unread: set[str] = set()
        self._returned: set[str] = set()
        self._welcoming: asyncio.Task[None] | None = None
        self.awake = asyncio.Event()

    def look_up(self, session: str) -> None:
        """Where the session holds anything is to be read before Redis is told."""
        self._unread.add(session)
        self.note(session)

    def found(self, session: str, resources: Iterable[str]) -> None:
        """Where the session holds anything has been read; if nowhere, there is nothing to tell."""
        self._unread.discard(session)
        if self._attendance.learn(session, resources):
            self.note(session)

    async def tell_now(self, session: str, resources: Iterable[str]) -> None:
        """Tell Redis that the session is alive in these resources, with all who come in the same moment."""
        self._attendance.learn(session, resources)
        if self._attendance.resources_of(session):
            self._returned.add(session)
            if self._welcoming is None:
                self._welcoming = asyncio.create_task(self._tell_returned(), name="liveness of returns")
            await asyncio.shield(self._welcoming)

    async def _tell_returned(self) -> None:
        returned, self._returned, self._welcoming = sorted(self._returned), set(), None
        try:
            await self._renew(filter(self._attendance.is_here, returned))
        except Unavailable:  # of whoever is on that server, and after an outage no liveness ends anything
            self._noted.update(returned)
            self.awake.set()

    def note(self, session: str) -> None:
        """Something of the session changed here that Redis does not know yet."""
        self._noted.add(session)
        self.awake.set()

    async def flush(self) -> Mapping[str, int]:
        """Tell Redis what was noted; by resource the grace (ms) that has begun. On failure it stays noted."""
        self.awake.clear()
        noted, self._noted = self._noted, set()
        self._telling = noted
        try:
            await self._read(sorted(noted & self._unread))
            in_order = sorted(noted)  # so that a simulated seed is the same story every time
            await self._renew(filter(self._attendance.is_here, in_order))
            return await self._lower([each for each in in_order if not self._attendance.is_here(each)])
        except BaseException:
            self._noted |= noted
            self.awake.set()
            raise
        finally:
            self._telling = set()

    async def renew(self) -> None:
        """All sessions that are alive here, again."""
        await self._renew(self._attendance.sessions())
        self._attendance.forget_old(spare=self._noted | self._telling)

    async def _read(self, sessions: list[str]) -> None:
        for start in range(0, len(sessions), READS_AT_ONCE):
            await asyncio.gather(*map(self._read_one, sessions[start : start + READS_AT_ONCE]))

    async def _read_one(self, session: str) -> None:
        self._attendance.learn(session, await self._holds.resources_of(session))
        self._unread.discard(session)

    async def _renew(self, sessions: Iterable[str]) -> None:
        for resource, members in self._by_resource(sessions).items():
            live_ms = self._holds.policies.live_ms(await self._holds.policies.of(resource))
            for batch in _batches(members):
                await self._holds.store.run(
                    "renew", resource, process=self._holds.process, live_ms=live_ms, sessions=batch
                )

    async def _lower(self, sessions: list[str]) -> dict[str, int]:
        graces: dict[str, int] = {}
        for resource, members in self._by_resource(sessions).items():
            graces[resource] = grace_ms = (await self._holds.policies.of(resource)).grace_ms
            for batch in _batches(members):
                await self._holds.store.run(
                    "leave", resource, field=self._holds.process, grace_ms=grace_ms, sessions=batch
                )
        for session in sessions:
            self._attendance.part(session)
        return graces

    def _by_resource(self, sessions: Iterable[str]) -> dict[str, list[str]]:
        groups: dict[str, list[str]] = {}
        for session in sessions:
            for resource in sorted(self._attendance.resources_of(session)):
                groups.setdefault(resource, []).append(session)
        return groups


def _batches(sessions: Iterable[str]) -> Iterator[list[str]]:
    members = iter(sessions)
    while batch := list(islice(members, BATCH)):
        yield batch
