"""Keeps time for the holds: ends them by their deadlines, keeps those of connected sessions alive.

Nothing here is needed for correctness of a sale: a hold past its deadline counts as free inside the scripts,
swept or not, and PostgreSQL decides what is confirmed.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

import structlog

from channels.supervisor import stop, supervise
from server.errors import HoldfastError
from server.holds.attendance import Attendance
from server.holds.events import decode_events
from server.holds.liveness import NOT_TOLD, Liveness
from server.holds.rules import HoldEvent
from server.holds.service import Holds
from server.holds.sweeper import Sweeper
from server.times import Clock, now_milliseconds

SWEEP_SECONDS = 1.0
FLUSH_SECONDS = 0.05  # what sockets do within so long is told in one batch
RETRY_SECONDS = 0.5
DEAF_SECONDS = 2.0  # how often is read, while pub/sub says nothing, what it would have said

_log = structlog.get_logger(__name__)


class Keeper:
    """One for each process. `run` until cancelled; `hear` takes the messages of SESSIONS_CHANNEL.

    What sockets do is noted at once and never blocks: `socket_opened` at hello, `socket_left` when the page
    said that it goes, `socket_closed` at the end; the last two may come both. `clock` is the wall's, in ms;
    `hears` says whether SESSIONS_CHANNEL is heard.
    """

    def __init__(
        self,
        holds: Holds,
        *,
        hears: Callable[[], bool],
        clock: Clock = now_milliseconds,
    ) -> None:
        self._holds = holds
        self._hears = hears
        self._attendance = Attendance()
        self._was_away = False
        self.liveness = Liveness(holds, self._attendance, on_grace=self._grace_begins)
        self.sweeper = Sweeper(holds, clock)
        holds.on_taken(self.liveness.taken)

    # What happens.

    def socket_opened(self, session: str, socket_id: str, *, is_read: bool = False) -> None:
        """A session has said hello; this stops its grace.

        `is_read` where nothing has to be looked up: the session is new and holds nothing, or `session_holds`
        is about to say where it does.
        """
        self._attendance.enter(session, socket_id)
        if not is_read:
            self.liveness.look_up(session)

    async def session_lives(self, session: str, resources: Iterable[str]) -> None:
        """Tell Redis that a session is alive, before what it has in these resources is read to be shown."""
        await self.liveness.tell_now(session, resources)

    def session_holds(self, session: str, resources: Iterable[str]) -> None:
        """Note where a session that said hello holds anything, which was read for its welcome."""
        self.liveness.found(session, resources)

    def socket_left(self, session: str, socket_id: str) -> None:
        """The page of this socket goes away."""
        if self._attendance.leave(session, socket_id):
            self.liveness.note(session)

    def socket_closed(self, session: str, socket_id: str) -> None:
        """The socket is gone, cleanly or not."""
        self.socket_left(session, socket_id)

    def is_here(self, session: str) -> bool:
        """Whether a socket of the session is open on this process."""
        return self._attendance.is_here(session)

    def hear(self, data: bytes) -> None:
        """A message of SESSIONS_CHANNEL."""
        self.hear_events(decode_events(data))

    def hear_events(self, events: Sequence[HoldEvent]) -> None:
        """Holds have changed, here or on another process."""
        for event in events:
            if event.hold.status == "held":
                self.sweeper.expect(event.hold.resource, event.hold.expires_at)
                self.liveness.hear(event.hold.session, event.hold.resource, event.hold.id)

    def may_have_missed(self) -> None:
        """Pub/sub had a gap: where our sessions hold anything is read again."""
        self.liveness.look_all_up()

    # What is done about it.

    async def run(self) -> None:
        """All loops, supervised, until cancelled."""
        tasks = [
            asyncio.create_task(supervise("expiry of holds", self._expiry)),
            asyncio.create_task(supervise("sweep of holds", self._sweeping)),
            asyncio.create_task(supervise("liveness of sessions", self._liveness)),
            asyncio.create_task(supervise("renewal of sessions", self._renewal)),
            asyncio.create_task(supervise("reading of sessions", self._reading)),
            asyncio.create_task(supervise("sessions without pub/sub", self._deafness)),
        ]
        try:
            await asyncio.wait(tasks)
        finally:  # not a TaskGroup, which cancels once: see `stop`
            await asyncio.shield(asyncio.gather(*map(stop, tasks), self.sweeper.stop()))

    async def drain(self) -> None:
        """Before this process closes its sockets: a last renewal, and no grace begins by their closing."""
        with suppress(HoldfastError):
            await self.liveness.drain()

    async def sweep(self) -> None:
        """One round over every resource; after an outage our sessions are renewed, too.

        Both at once: of a cluster, one server may be away still, and the others' holds wait for nothing.
        """
        if not self._was_away:
            await self.sweeper.sweep()
            return
        self._was_away = False
        swept, renewed = await asyncio.gather(
            self.sweeper.sweep(), self.liveness.renew(), return_exceptions=True
        )
        if isinstance(renewed, NOT_TOLD):
            self._was_away = True
            self._holds.trust.outage()  # whose sessions live was not said yet
        elif renewed is not None:
            raise renewed
        if swept is not None:
            raise swept

    async def read(self) -> None:
        """Read where sessions hold anything of which something may have been missed."""
        await self.liveness.read()

    async def flush(self) -> None:
        """Tell Redis what sockets did."""
        await self.liveness.flush()

    async def renew(self) -> None:
        """Tell Redis again who is here, and forget who is not."""
        try:
            await self.liveness.renew()
        finally:
            self.liveness.forget_old()

    def _grace_begins(self, resource: str, grace_ms: int) -> None:
        self.sweeper.expect(resource, self.sweeper.now() + grace_ms)

    # The loops.

    async def _expiry(self) -> None:
        while True:
            await self.sweeper.wait(at_most=SWEEP_SECONDS)
            await self.guard(self.sweeper.expire_due())

    async def _sweeping(self) -> None:
        while True:
            await self.guard(self.sweep())
            await asyncio.sleep(SWEEP_SECONDS * random.uniform(0.8, 1.0))  # noqa: S311  # spreads processes

    async def _liveness(self) -> None:
        while True:
            await self.liveness.awake.wait()
            await asyncio.sleep(FLUSH_SECONDS)
            await self.guard(self.flush())

    async def _renewal(self) -> None:
        period = self._holds.settings.liveness_seconds / 3
        while True:
            await asyncio.sleep(period * random.uniform(0.9, 1.0))  # noqa: S311  # spreads processes
            await self.guard(self.renew())

    async def _reading(self) -> None:
        while True:
            await self.liveness.reads.wait()
            await asyncio.sleep(FLUSH_SECONDS)
            await self.guard(self.read())

    async def _deafness(self) -> None:
        """Another process may hold something for our sessions, and be left, before pub/sub is back."""
        while True:
            await asyncio.sleep(DEAF_SECONDS)
            if not self._hears():
                self.may_have_missed()
                await self.guard(self.read())

    async def guard(self, work: Awaitable[None]) -> None:
        """Do `work`; a Redis that is away ends no loop, and from then on liveness has to wait a grace."""
        try:
            await work
        except NOT_TOLD:
            self._was_away = True
            self._holds.trust.outage()
            await asyncio.sleep(RETRY_SECONDS)
        except HoldfastError:
            _log.exception("keeper_failed")
            await asyncio.sleep(RETRY_SECONDS)
