"""Makes Redis and the listeners say what PostgreSQL says of a booking, however often it is asked to.

Each change of a booking raises its version; here Redis follows and `applied_version` after it. Whatever a
crash leaves in between, the loop finds. A rebuild of Redis may run at the same time: nothing is applied
unless Redis stands at the epoch that PostgreSQL names, so a rebuild's older reading never overwrites it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from server.bookings import moves, store, taking
from server.bookings.backlog import Backlog
from server.bookings.live import LiveHolds
from server.bookings.outbox import tell
from server.bookings.rules import Booking, Line, LineState, holds_of
from server.database.coalescing import Coalescer
from server.database.pool import Connection, Database
from server.errors import Conflict, Overloaded, Unavailable, UnknownResource
from server.holds.loading import not_waiting
from server.holds.rules import Hold
from server.holds.store import NotReady, Rebuilding
from server.times import Clock
from server.worker import Worker

Announce = Callable[[Booking], Awaitable[None]]

# A change younger than this is being applied by whoever made it.
LEFT_ALONE_MS: Final = 800
BATCH: Final = 50
# A rebuild takes some milliseconds from PostgreSQL's half to Redis'; nobody is turned away for that.
REBUILD_PAUSES: Final = (0.02, 0.05, 0.1, 0.2, 0.4)
# Each has a connection of the pool while it asks Redis, and a rebuild may need some more.
AT_ONCE: Final = 4
IDLE_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class Stale(Exception):
    """Redis stands at another epoch than PostgreSQL: a rebuild is under way, or one was cut short.

    `resources` are to be rebuilt if that lasts; none where somebody is known to be at it.
    """

    def __init__(self, resources: list[str]) -> None:
        super().__init__(", ".join(resources))
        self.resources = resources


@dataclass(frozen=True, slots=True)
class _Applied:
    """The holds that turned out to have ended; else what is to be written down as done."""

    ended: list[Hold]
    done: tuple[Booking, Sequence[Line]] | None = None


Outcome = _Applied | BaseException | None


class Applier:
    """`apply(booking)` after each change; `worker` for what was left undone."""

    def __init__(self, database: Database, holds: LiveHolds, announce: Announce, clock: Clock) -> None:
        self._database = database
        self._holds = holds
        self._announce = announce
        self._clock = clock
        self._stale: set[str] = set()
        self._deleted: set[str] = set()  # resources found to be; an id is never used again
        self._backlog = Backlog(BATCH)
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._coalesced: Coalescer[UUID, Outcome] = Coalescer(self._apply_batch)
        self.on_commit: Callable[[], None] = lambda: None
        self.worker = Worker("bookings.apply", self.work, idle=IDLE_SECONDS)

    async def apply(self, booking_id: UUID) -> list[Hold]:
        """Bring Redis and the listeners up to date; answers the holds that turned out to have ended.

        A pending booking one of whose holds had ended is cancelled by this. Unavailable while Redis or
        PostgreSQL is away, or Redis is being rebuilt or has too much to do; the loop takes it up then.
        """
        self.on_commit()
        for pause in REBUILD_PAUSES:
            try:
                return await self._apply_wholly(booking_id)
            except Stale:
                await asyncio.sleep(pause)
        try:
            return await self._apply_wholly(booking_id)
        except Stale as stale:
            await self._rebuild(stale.resources)
            raise Unavailable("the live state is being rebuilt", retry_after=1) from stale

    async def apply_locked(self, changed: Sequence[tuple[Booking, Mapping[str, str]]]) -> list[UUID]:
        """Apply bookings that the caller has locked, each with its epochs, before the caller commits.

        Answers the ids of those that were applied, to be marked so in the same transaction; the others are to
        be applied after it. Only for bookings whose lines' states are committed already: if the caller rolls
        back, Redis is right all the same, and the listeners are told again.
        """
        outcomes = await asyncio.gather(
            *(self._apply_one(booking, epochs) for booking, epochs in changed), return_exceptions=True
        )
        return [
            booking.id
            for (booking, _), outcome in zip(changed, outcomes, strict=True)
            if isinstance(outcome, _Applied) and outcome.done is not None
        ]

    async def _apply_wholly(self, booking_id: UUID) -> list[Hold]:
        """Apply a booking and, where it is cancelled by this, its cancellation too."""
        ended = await self._apply_or_cancel(booking_id)
        if ended:
            await self._apply_or_cancel(booking_id)
        return ended

    async def _apply_or_cancel(self, booking_id: UUID) -> list[Hold]:
        """Apply a booking together with others; by itself, with its lock waited for, where somebody has that.

        Answers the holds that turned out to have ended: the booking is cancelled then.
        """
        outcome = await self._coalesced(booking_id)
        if outcome is None:
            (outcome,) = await self._apply_batch([booking_id], wait=True)
        if isinstance(outcome, Overloaded):  # it passes as well, and is no fault of who changed the booking
            raise Unavailable("the live state has too much to do", retry_after=1) from outcome
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome is None:  # there is no such booking
            return []
        if outcome.ended:
            await self._cancel(booking_id)
        return outcome.ended

    async def _apply_batch(self, ids: Sequence[UUID], *, wait: bool = False) -> list[Outcome]:
        """Apply bookings in one transaction; answers what became of each.

        None for a booking that is not there, or that another transaction has locked, unless with `wait`.
        """
        async with self._gate, self._database.transaction() as connection:
            found = await store.lock_to_apply(connection, list(set(ids)), wait=wait)
            outcomes: list[_Applied | BaseException] = await asyncio.gather(
                *(self._apply_one(booking, epochs) for booking, epochs in found), return_exceptions=True
            )
            done = [each.done for each in outcomes if isinstance(each, _Applied) and each.done is not None]
            if done:
                await store.mark_applied(connection, done)
        by_id = dict(zip((booking.id for booking, _ in found), outcomes, strict=True))
        return [by_id.get(name) for name in ids]

    async def _apply_one(self, booking: Booking, epochs: Mapping[str, str]) -> _Applied:
        """Bring a locked booking's change to Redis and the listeners.

        Stale while a resource of it is being rebuilt, which is not waited for in here: bookings of other
        resources are locked too.
        """
        if booking.applied_version == booking.version:
            return _Applied([])
        behind = tuple(line for line in booking.lines if line.applied != line.state)
        try:
            with not_waiting():
                ended = await self._update_redis(booking, behind, epochs)
        except Rebuilding as reason:
            raise Stale([]) from reason
        except (NotReady, UnknownResource) as reason:  # its epoch is right, so it is not waited for twice
            self._stale.update(booking.resources)
            raise Stale(booking.resources) from reason
        if ended:
            return _Applied(ended)
        if booking.change_of is None:
            await self._announce(booking)
        return _Applied([], (booking, behind))

    async def work(self) -> float:
        """One round of the loop: a batch of what was left undone."""
        async with self._database.connection() as connection:
            before = self._clock() - LEFT_ALONE_MS
            ids = await store.unapplied(connection, before, self._backlog.batch, self._backlog.failed)
        outcomes = await asyncio.gather(*map(self._heal, ids))
        return 0.0 if self._backlog.goes_on(outcomes) else IDLE_SECONDS

    async def _heal(self, booking_id: UUID) -> bool:
        try:
            await self.apply(booking_id)
        except Unavailable:
            return False
        except Exception:  # noqa: BLE001  # one booking's trouble must not keep the others waiting
            _log.exception("booking_not_applied", booking=str(booking_id))
            return False
        return True

    async def _rebuild(self, resources: list[str]) -> None:
        """First wait for the one who may be rebuilding; a second time in a row, do it."""
        for resource in resources:
            try:
                await self._rebuild_one(resource)
            except UnknownResource:
                self._deleted.add(resource)

    async def _rebuild_one(self, resource: str) -> None:
        if resource in self._stale:
            self._stale.discard(resource)
            await self._holds.load(resource)
        else:
            self._stale.add(resource)
            await self._holds.ensure(resource)

    async def _update_redis(
        self, booking: Booking, behind: tuple[Line, ...], epochs: Mapping[str, str]
    ) -> list[Hold]:
        """Have Redis do what the lines say that are behind; answers the holds that had ended.

        With a resource that was deleted its holds have ended, and there is nothing else to be told of it.
        """
        deleted = tuple(line for line in behind if line.resource in self._deleted)
        if deleted and deleted[0].state == "pending":
            return holds_of(booking, deleted)
        there = tuple(line for line in behind if line not in deleted)
        if not there:
            return []
        current = {line.resource: epochs[line.resource] for line in there}
        await self._require_epochs(current)
        return await self._move_holds(booking, there, current)

    async def _require_epochs(self, wanted: Mapping[str, str]) -> None:
        stale = [name for name, epoch in wanted.items() if await self._holds.epoch(name) != epoch]
        if stale:
            raise Stale(stale)
        self._stale.difference_update(wanted)

    async def _move_holds(
        self, booking: Booking, lines: tuple[Line, ...], current: dict[str, str]
    ) -> list[Hold]:
        """Run the script that moves these lines' holds to the lines' state; answers those that had ended."""
        state: LineState = lines[0].state  # a booking's lines move together
        holds, name = holds_of(booking, lines), str(booking.id)
        if state == "pending" and booking.change_of is not None:  # nobody has held what it adds
            return [] if await self._holds.retake(holds, name, booking.expires_at) else holds
        if state == "pending":
            return await self._holds.begin_paying(holds, name, booking.expires_at)
        if state == "confirmed":
            await self._holds.confirm(holds, name)
        else:
            await self._free_holds(booking, holds, current)
        return []

    async def _free_holds(self, booking: Booking, holds: list[Hold], current: dict[str, str]) -> None:
        name = str(booking.id)
        match booking.cancel_reason:
            case (
                "refunded"
                | "payment_failed"
                | "disputed"
                | "by_buyer"
                | "by_owner"
                | "declined"
                | "unanswered"
                | "changed"
            ):
                await self._unbook(booking, holds, current)
            case "returned":
                await self._return_to_cart(holds, name)
            case "released":
                await self._holds.end(holds, name, "released", "cancelled")
            case _:  # expired; or hold_expired, where none was paying unless a rebuild found it still pending
                await self._holds.end(holds, name, "expired", "deadline")

    async def _unbook(self, booking: Booking, holds: list[Hold], current: dict[str, str]) -> None:
        """Out of what is booked; what Redis never heard was confirmed, it hears first."""
        name = str(booking.id)
        heard = {line.hold for line in booking.lines if line.applied == "confirmed"}
        await self._holds.confirm([hold for hold in holds if hold.id not in heard], name)
        for hold in holds:
            await self._holds.unbook([hold], name, current[hold.resource])

    async def _return_to_cart(self, holds: list[Hold], name: str) -> None:
        try:
            await self._holds.return_to_cart(holds, name)
        except Conflict:  # the cart was filled with something else between the question and now
            await self._holds.end(holds, name, "released", "cancelled")

    async def _cancel(self, booking_id: UUID) -> None:
        """A hold had ended before paying began: there is no such booking."""
        async with self._database.transaction() as connection:
            current = await store.lock_with_resources(connection, booking_id)
            if current is None or current.status != "pending":
                return
            now = self._clock()
            await release(connection, moves.cancelled(current, "hold_expired", "failed", now), now)


async def release(connection: Connection, booking: Booking, now: int) -> None:
    """Write a cancelled booking and give its lines' slots back; its resources are locked."""
    await store.update(connection, booking, now)
    await store.update_lines(connection, booking.id, "released")
    await taking.give_up(connection, booking)
    await tell(connection, "booking_cancelled", booking, reason=booking.cancel_reason)
