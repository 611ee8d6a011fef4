"""Says to Redis which sessions are alive on this process, in batches, and which have gone.

Redis forgets where a session has tabs with its last hold of a resource. So each hold that is heard of is a
reason to say it again, wherever it was made.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

import structlog

from server.errors import HoldfastError, Overloaded, Unavailable
from server.holds.attendance import Attendance
from server.holds.service import Holds

BATCH = 500  # sessions in one call
READS_AT_ONCE = 64
RESOURCES_AT_ONCE = 16
NOT_TOLD: Final = (Unavailable, Overloaded)
"""Errors after which Redis may not have heard who is here: for a while nothing is to end by liveness."""

_Failures = list[BaseException]
_Item = TypeVar("_Item")
_log = structlog.get_logger(__name__)


class Liveness:
    """What sockets do is noted at once and told to Redis by `flush`; `renew` repeats it for all.

    Where sessions hold anything is read by `read`, beside that: it may take long, and for some in vain.
    `on_grace` is called with each resource where a grace of so many ms has begun.
    """

    def __init__(
        self, holds: Holds, attendance: Attendance, *, on_grace: Callable[[str, int], object]
    ) -> None:
        self._holds = holds
        self._attendance = attendance
        self._on_grace = on_grace
        self._noted: set[str] = set()
        self._telling: set[str] = set()
        self._unread: dict[str, int] = {}
        self._heard: dict[str, str] = {}
        self._taken: set[str] = set()
        self._taken_before: set[str] = set()
        self._returned: set[str] = set()
        self._welcoming: asyncio.Task[None] | None = None
        self._drains = False
        self.awake = asyncio.Event()
        self.reads = asyncio.Event()

    def look_up(self, session: str) -> None:
        """Where the session holds anything is not known: it is to be read, and Redis told."""
        self._unread.setdefault(session, 0)
        self.reads.set()
        self.note(session)

    def look_all_up(self) -> None:
        """Something of any session that is alive here may have been missed."""
        for session in self._attendance.sessions():
            self.look_up(session)

    def found(self, session: str, resources: Iterable[str]) -> None:
        """Where the session holds anything has been read; if nowhere, there is nothing to tell."""
        if self._attendance.learn(session, resources):
            self.note(session)

    def taken(self, session: str, resource: str, hold: str) -> None:
        """A hold was taken by this process: Redis has heard along with it that the session is alive here."""
        self._attendance.learn(session, [resource])
        self._taken.add(hold)
        if self._attendance.knows(session) and not self._attendance.is_here(session):
            self.note(session)

    def hear(self, session: str, resource: str, hold: str) -> None:
        """The session holds something there, made by whichever process."""
        if self._attendance.knows(session):
            self._attendance.learn(session, [resource])
            if not self._attendance.is_here(session):
                self.note(session)
            elif not self._was_taken_here(hold):
                self._heard[hold] = session
                self.awake.set()

    def _was_taken_here(self, hold: str) -> bool:
        """Whether this process took the hold: Redis heard with it who is alive. Asked once of each."""
        was = hold in self._taken or hold in self._taken_before
        self._taken.discard(hold)
        self._taken_before.discard(hold)
        return was

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
        except NOT_TOLD:  # told with the next batch; after an outage liveness ends nothing for a while
            self._noted.update(returned)
            self.awake.set()

    def note(self, session: str) -> None:
        """Something of the session changed here that Redis does not know yet."""
        self._noted.add(session)
        self.awake.set()

    async def flush(self) -> None:
        """Tell Redis what was noted. On failure it stays noted, but for the graces that have begun."""
        self.awake.clear()
        heard, self._heard = self._heard, {}  # some before the answer that says that they were taken here
        self._noted |= {session for hold, session in heard.items() if not self._was_taken_here(hold)}
        noted, self._noted = self._noted, set()
        self._telling = noted
        try:
            in_order = sorted(noted)  # so that a simulated seed is the same story every time
            failures = await self._renew(in_order)
            if not self._drains:
                failures += await self._lower(in_order)
            _raise_any(failures)
        except BaseException:
            self._noted |= noted
            self.awake.set()
            raise
        finally:
            self._telling = set()

    async def read(self) -> None:
        """Read where the sessions of `look_up` hold anything; for whom that fails is tried again later."""
        self.reads.clear()
        in_order = sorted(self._unread, key=lambda session: (self._unread[session], session))
        try:
            _raise_any(await _in_lots(self._read_one, in_order, READS_AT_ONCE))
        except BaseException:
            self.reads.set()
            raise

    async def renew(self) -> None:
        """All sessions that are alive here, again."""
        _raise_any(await self._renew(self._attendance.sessions()))

    def forget_old(self) -> None:
        """To be called with each renewal that is due: by then what was on its way has been heard."""
        self._attendance.forget_old(
            spare={*self._noted, *self._telling, *self._unread, *self._heard.values()}
        )
        self._taken, self._taken_before = set(), self._taken

    async def drain(self) -> None:
        """A last renewal: no grace begins any more by a socket that closes here."""
        self._drains = True
        await self.renew()

    async def _read_one(self, session: str) -> None:
        tries = self._unread.pop(session, None)  # before it is read, for it may be asked for again meanwhile
        if tries is None:
            return
        try:
            resources = await self._holds.resources_of(session)
        except BaseException:
            self._unread[session] = tries + 1
            raise
        self._attendance.learn(session, resources)
        if resources and self._attendance.knows(session):
            self.note(session)

    async def _renew(self, sessions: Iterable[str]) -> _Failures:
        members = self._by_resource(sessions)

        async def renew(resource: str) -> None:
            live_ms = self._holds.policies.live_ms(await self._holds.policies.of(resource))
            for batch in _batches(members[resource]):
                if here := [session for session in batch if self._attendance.is_here(session)]:
                    await self._holds.store.run(
                        "renew", resource, process=self._holds.process, live_ms=live_ms, sessions=here
                    )

        return await _in_lots(renew, list(members), RESOURCES_AT_ONCE)

    async def _lower(self, sessions: Iterable[str]) -> _Failures:
        members = self._by_resource(sessions)

        async def lower(resource: str) -> None:
            grace_ms = (await self._holds.policies.of(resource)).grace_ms
            for batch in _batches(members[resource]):
                if gone := [session for session in batch if not self._attendance.is_here(session)]:
                    await self._holds.store.run(
                        "leave", resource, field=self._holds.process, grace_ms=grace_ms, sessions=gone
                    )
                    self._on_grace(resource, grace_ms)
                    self._note_grace(gone, resource)

        return await _in_lots(lower, list(members), RESOURCES_AT_ONCE)

    def _note_grace(self, sessions: Iterable[str], resource: str) -> None:
        for session in sessions:
            if self._attendance.is_here(session):  # it is back, and Redis heard of that first
                self.note(session)
            elif session not in self._noted:
                self._attendance.note_grace(session, resource)

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


async def _in_lots(
    work: Callable[[_Item], Awaitable[None]], items: Sequence[_Item], at_once: int
) -> _Failures:
    """Do `work` for each item, `at_once` at a time, and answer what failed of it.

    One failure stops nobody else's work, for it may be one server of a cluster that is away. Once a whole lot
    has failed, the items after it are left.
    """
    failures: _Failures = []
    for start in range(0, len(items), at_once):
        lot = items[start : start + at_once]
        results = await asyncio.gather(*map(work, lot), return_exceptions=True)
        failed = [result for result in results if result is not None]
        failures += failed
        if len(failed) == len(lot):
            break
    return failures


def _raise_any(failures: _Failures) -> None:
    """Raise what matters most here, that a server is away; a fault of ours beside it is logged at least."""
    if failures:
        worst = next((each for each in failures if isinstance(each, Unavailable)), failures[0])
        for each in failures:
            if each is not worst and not isinstance(each, HoldfastError):
                _log.critical("liveness_failed", exc_info=each)
        raise worst
