"""Changing what a booking has: the new is taken and paid for first, and only then the old is given up.

1. A booking of what the change adds, for what it costs more, is written with what the change is to bring;
   then Redis takes its places. Where somebody has any of them the change ends, and nothing else has happened.
2. It is paid as every booking is (for nothing, where nothing more is to be paid). Its deadline, a decline, a
   broken promise end it as they end every booking.
3. Confirmed, and its money taken: in one transaction the two exchange their places, the booking has the
   payment too, what is cheaper is owed back, and the change is cancelled with what was given up.

Each of the three is found and finished by whoever comes after a crash. If the third can't be done any more,
because the old booking is not what it was, the change is given up and its payer has all of it back.
"""

from collections.abc import Awaitable, Callable
from math import lcm
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec
import structlog

from server.accounts.rules import Caller
from server.bookings import changes, changes_store, range_store, taking
from server.bookings.applier import release
from server.bookings.changes import Change, ChangeRequest
from server.bookings.moves import cancelled
from server.bookings.outbox import tell
from server.bookings.places import Places, places_of
from server.bookings.refund_policy import buyer_refund
from server.bookings.rules import Booking, Line, is_buffer, room_of_lines
from server.bookings.service import Bookings
from server.database.pool import Connection, Database
from server.errors import Conflict, NotFound, SlotTaken, Unavailable
from server.holds import requests
from server.payments import shares, store
from server.payments.attempts import Attempts
from server.payments.closing import Closing, PaidMeanwhile
from server.payments.providers import Providers
from server.payments.refunding import Refunding, left_of_each, owe_each
from server.payments.rules import Payment, combined_status
from server.times import Clock
from server.worker import Worker

CHANGED: Final = "changed"
BATCH: Final = 20
IDLE_SECONDS: Final = 1.0
_UNDECIDED: Final = frozenset({"authorized", "disputed"})

_log = structlog.get_logger(__name__)


class Changing:
    """`change` and `abandon` for people, `finish` for a change that is confirmed, `worker` for the rest."""

    def __init__(
        self,
        database: Database,
        bookings: Bookings,
        *,
        providers: Providers,
        attempts: Attempts,
        closing: Closing,
        settle: Callable[[UUID], Awaitable[object]],
        refunding: Refunding,
        most_items: int,
        clock: Clock,
    ) -> None:
        self._database = database
        self._bookings = bookings
        self._providers = providers
        self._attempts = attempts
        self._closing = closing
        self._settle = settle
        self._refunding = refunding
        self._most_items = most_items
        self._clock = clock
        self.worker = Worker("payments.changes", self.work, idle=IDLE_SECONDS)

    async def work(self) -> float:
        """One round: what was confirmed and paid is made."""
        async with self._database.connection() as connection:
            found = await changes_store.confirmed(connection, BATCH)
        for change in found:
            try:
                await self.finish(change)
            except Unavailable as error:
                _log.info("changed_later", change=str(change), reason=error.detail)
            except Exception:  # noqa: BLE001  # one change's trouble must not keep the others waiting
                _log.exception("not_changed", change=str(change))
        return IDLE_SECONDS

    async def change(
        self, caller: Caller, booking_id: str, request: ChangeRequest
    ) -> tuple[Booking, Payment | None]:
        """The buyer's booking with other places; with a payment where there is more to be paid first.

        Asked again it goes on with what was begun; asked for something else, that is given up first. Raises
        what holding and paying the new raise, SlotTaken where somebody has any of it, and Conflict where the
        booking is not to be changed: in each case it is as it was.
        """
        booking = await self._bookings.find_own(caller, booking_id)
        now = self._clock()
        changes.require_changeable(booking, now)
        wanted = changes.asked(booking, request)
        loaded = await self._bookings.inventory.get(wanted.resource)
        found = requests.wanted(loaded, wanted, now=now)
        lines = changes.lines_after(loaded, found, uuid4().hex)
        changes.require_few(lines, loaded.resource.policy.max_hold_items or self._most_items)
        changes.require_room_for_attendees(booking, lines)
        if booking.change is not None:
            standing = await self._standing(booking.change)
            if changes.same_places(standing.after, lines):
                return await self._go_on(standing.id)
            await self._give_up(booking.change)
        if changes.same_places(booking.lines, lines):
            return await self._bookings.get(booking.id), None
        places = await places_of(self._bookings.inventory, lines)
        return await self._go_on(await self._begin(caller, booking, changes.named(places, lines), places))

    async def abandon(self, booking: Booking) -> None:
        """Give up the change of a booking that is about to be cancelled.

        One that can't be closed now ends by itself: whoever finishes it finds its booking cancelled.
        """
        if booking.change is None:
            return
        try:
            await self._give_up(booking.change)
        except (Conflict, Unavailable) as error:
            _log.info("change_not_abandoned", change=str(booking.change), reason=error.detail)

    async def finish(self, change_id: UUID) -> None:
        """Make a change that is confirmed and paid; nothing to do for any other. Unavailable: not yet."""
        extra = await self._bookings.get(change_id)
        if extra.status != "confirmed" or extra.payment_status in _UNDECIDED:
            return
        change = await self._standing(change_id)
        await self._bookings.apply(change.id)
        await self._bookings.apply(change.booking)
        async with self._database.transaction() as connection:
            booking = await self._bookings.lock(connection, change.booking)
            extra = await self._bookings.lock(connection, change.id)
            if extra.status != "confirmed":
                return
            possible = _may_be_made(booking, extra, change)
            if possible:
                _require_applied(booking, extra)
                await self._make(connection, booking, extra, change)
        if possible:
            await self._bookings.apply(change.booking)
            await self._bookings.apply(change.id)
            return
        _log.warning("change_given_up", change=str(change.id), booking=str(change.booking))
        for payment in await self._refunding.refund_all(extra):
            await self._settle(payment)

    async def _begin(self, caller: Caller, booking: Booking, after: tuple[Line, ...], places: Places) -> UUID:
        """Its own booking, written with what it is to bring, and its places taken in Redis."""
        loaded, now, change_id = places.by_resource[after[0].resource], self._clock(), uuid4()
        added = changes.named(places, changes.added(loaded, booking.lines, after, change_id))
        if added and loaded.resource.policy.approval_seconds is not None:
            raise Conflict("its owner approves of each booking: cancel it and book anew")
        if loaded.resource.currency != booking.currency:
            raise Conflict("it is sold in another currency by now: cancel it and book anew")
        before, price = changes.price_of(booking.lines), changes.price_of(after)
        to_pay = 1000 * self._bookings.seconds_to_pay(loaded.resource.policy)
        extra = Booking(
            id=change_id,
            reference=f"{booking.reference}.{change_id.hex[:6]}",
            session=booking.session,
            user=booking.user,
            owner=booking.owner,
            status="pending",
            payment_status="pending",
            currency=booking.currency,
            total=max(price - before, 0),
            customer=booking.customer,
            created_at=now,
            expires_at=min(
                now + to_pay, booking.starts_at or now + to_pay
            ),  # and then there is nothing to move
            lines=added,
            change_of=booking.id,
        )
        attempt = self._attempts.unasked(extra)
        times = places.times(after)
        terms = await self._bookings.refund_terms(booking)
        try:
            async with self._database.transaction() as connection:
                locked = await self._bookings.lock(connection, booking.id)
                if not locked.is_of(caller):  # handed on meanwhile
                    raise NotFound
                changes.require_changeable(locked, now)
                if _places(locked.lines) != _places(booking.lines):
                    raise Conflict("the booking is being changed", retry_after=1)
                left = await self._left(connection, locked)
                await taking.write(connection, extra, places.steps(added))
                change = Change(
                    id=change_id,
                    booking=booking.id,
                    before=booking.lines,
                    after=after,
                    refund=buyer_refund(terms, changes.to_give_back(before, price, left), now).amount,
                    starts_at=times.starts_at,
                    ends_at=times.ends_at,
                )
                await changes_store.insert(connection, change)
                await store.insert(connection, attempt)
        except asyncpg.UniqueViolationError:
            raise Conflict("another change of it is under way", retry_after=1) from None
        except asyncpg.ExclusionViolationError:
            async with self._database.connection() as connection:
                raise SlotTaken(slots=await range_store.overlapped(connection, added)) from None
        return change_id

    async def _go_on(self, change_id: UUID) -> tuple[Booking, Payment | None]:
        """Take a change's places in Redis, and make the change where it is paid.

        Answers its booking, and the payment to pay it by where it is not paid yet. SlotTaken, and the change
        is over, if somebody has any of the places.
        """
        extra = await self._bookings.get(change_id)
        if extra.status == "pending" and not await self._bookings.is_had(extra):
            raise SlotTaken(slots=[line.slot for line in extra.lines if not is_buffer(line)])
        payment = await self._attempts.own(extra) if extra.status == "pending" else None
        await self.finish(change_id)
        extra = await self._bookings.get(change_id)
        assert extra.change_of is not None, "it is a change"
        if extra.status == "pending":
            return await self._bookings.get(extra.change_of), payment
        booking = await self._told(extra.change_of)
        await self._told(change_id)
        return booking, None

    async def _told(self, booking_id: UUID) -> Booking:
        """A booking, once Redis knows it as it is: another process may have changed and not applied it."""
        booking = await self._bookings.get(booking_id)
        if booking.applied_version == booking.version:
            return booking
        await self._bookings.apply(booking_id)
        return await self._bookings.get(booking_id)

    async def _make(self, connection: Connection, booking: Booking, extra: Booking, change: Change) -> None:
        """All of step 3, with both locked and Redis knowing both."""
        now = self._clock()
        await changes_store.exchange(connection, change)
        given_up = msgspec.structs.replace(extra, lines=_confirmed(change.given_up))
        await release(connection, cancelled(given_up, "changed", extra.payment_status, now), now)
        await store.bring_over(connection, change.id, booking.id)
        payments = await self._accepted(connection, booking)
        changed = msgspec.structs.replace(
            booking,
            lines=_confirmed(change.after),
            total=booking.total + extra.total,
            payment_status=combined_status(payment.status for payment in payments),
            starts_at=change.starts_at,
            ends_at=change.ends_at,
            version=booking.version + 1,
        )
        await changes_store.write(connection, changed, now)
        await self._owe_back(connection, booking, payments, change)
        was = [line.label for line in change.before if line.label]
        await tell(connection, "booking_changed", changed, by="buyer", was=was)

    async def _owe_back(
        self, connection: Connection, booking: Booking, payments: list[Payment], change: Change
    ) -> None:
        """What the new is cheaper by, as far as that much is still there; in the provider's steps."""
        left = await left_of_each(connection, booking.id, payments)
        step = lcm(*(self._providers.step(payment) for payment in payments))
        amount = min(change.refund, sum(left) - changes.price_of(change.after)) // step * step
        if amount > 0:
            parts = shares.spread(amount, left, step)
            await owe_each(connection, payments, parts, reason=CHANGED, now=self._clock())

    async def _give_up(self, change_id: UUID) -> None:
        """Nobody can pay it any more, and then its places are free; Conflict if it was paid."""
        extra = await self._bookings.get(change_id)
        if extra.status == "pending":
            try:
                await self._closing.close(extra, "released")
            except PaidMeanwhile:
                raise Conflict("the change was paid meanwhile", retry_after=1) from None
        if (await self._bookings.get(change_id)).status == "confirmed":
            raise Conflict("the booking is being changed", retry_after=1)

    async def _standing(self, change_id: UUID) -> Change:
        async with self._database.connection() as connection:
            return await changes_store.find(connection, change_id)

    async def _left(self, connection: Connection, booking: Booking) -> int:
        payments = await self._accepted(connection, booking)
        return sum(await left_of_each(connection, booking.id, payments))

    async def _accepted(self, connection: Connection, booking: Booking) -> list[Payment]:
        return [each for each in await store.of_booking(connection, booking.id) if each.accepted]


def _may_be_made(booking: Booking, extra: Booking, change: Change) -> bool:
    """Whether the old booking is what it was, and the change's money is there; it was in time if it was paid
    before the old had begun, however long it takes to be made.
    """
    assert extra.confirmed_at is not None, "it is confirmed"
    if booking.has_begun(extra.confirmed_at):
        return False
    stands = booking.status == "confirmed" and booking.payment_status in changes.CHANGEABLE
    if len(booking.attendees) > room_of_lines(change.after):  # named while it was being paid
        return False
    return stands and extra.payment_status == "paid" and _places(booking.lines) == _places(change.before)


def _places(lines: tuple[Line, ...]) -> list[tuple[str, int, int, int]]:
    return [(line.hold, line.index, line.quantity, line.price) for line in lines]


def _require_applied(*bookings: Booking) -> None:
    """Redis has what they have, so that it is told just what is given up."""
    if any(each.applied_version < each.version for each in bookings):
        raise Unavailable("the live state is not there yet", retry_after=1)


def _confirmed(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    return tuple(msgspec.structs.replace(line, state="confirmed", applied="confirmed") for line in lines)
