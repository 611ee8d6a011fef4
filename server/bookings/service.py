"""Bookings: made from carts, confirmed by payments, given up. PostgreSQL decides who has a place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog

from server.accounts.rules import Caller
from server.bookings import moves, store, taking
from server.bookings.applier import Announce, Applier, release
from server.bookings.completing import Completing
from server.bookings.cursors import write_cursor
from server.bookings.details import BookingPatch, BookingRequest, patched
from server.bookings.listing import Wanted
from server.bookings.live import LiveHolds
from server.bookings.making import Companions, Making
from server.bookings.outbox import event_of, tell
from server.bookings.places import Places, places_of
from server.bookings.quotes import DEFAULT_TOLERANCE_PERCENT, Quotes, Refuses
from server.bookings.rates import RateSource
from server.bookings.refund_policy import Terms
from server.bookings.rules import Booking, CancelReason, PaymentStatus, holds_of
from server.database.pool import Connection, Database
from server.errors import Conflict, NotFound, Unavailable, UnknownResource
from server.holds.sources import Loaded, Resources
from server.inventory.rules import DisputePolicy, HoldPolicy
from server.times import Clock, now_milliseconds
from server.worker import Worker

RETAKE_MS: Final = 60_000
# What a buyer has for another try after a late decline.
EXTENSION_MS: Final = 120_000
TOLD_AT_ONCE: Final = 10
_PATIENCE: Final[Sequence[DisputePolicy]] = ("keep", "release_when_lost", "release_at_once")

_log = structlog.get_logger(__name__)


class Superseded(Exception):
    """A rebuild of Redis came between the two halves of a step: the step is to be tried again."""


@dataclass(frozen=True, slots=True)
class Page:
    """Bookings, newest first, and where the next page begins (None: there is none)."""

    items: list[Booking]
    next: str | None


class Bookings:
    """What the other rooms call. Times come from `clock`, in milliseconds."""

    def __init__(
        self,
        database: Database,
        holds: LiveHolds,
        inventory: Resources,
        announce: Announce,
        *,
        payment_seconds: int,
        rates: RateSource | None = None,
        tolerance_percent: int = DEFAULT_TOLERANCE_PERCENT,
        refuses: Refuses | None = None,
        clock: Clock = now_milliseconds,
    ) -> None:
        self._database = database
        self._holds = holds
        self._inventory = inventory
        self._clock = clock
        self._applier = Applier(database, holds, announce, clock)
        self._completing = Completing(database, inventory, self.apply, clock)
        self.quotes = Quotes(
            database,
            holds,
            inventory,
            clock,
            rates=rates,
            tolerance_percent=tolerance_percent,
            refuses=refuses,
        )
        self._making = Making(
            database,
            holds,
            inventory,
            self.quotes,
            self._applier.apply,
            payment_seconds=payment_seconds,
            clock=clock,
        )

    @property
    def inventory(self) -> Resources:
        """What can be booked."""
        return self._inventory

    def on_commit(self, wake: Callable[[], None]) -> None:
        """Call `wake` soon after each commit of a change, for whoever tells people of it."""
        self._applier.on_commit = wake

    def workers(self) -> list[Worker]:
        """The loops to be run beside the server."""
        return [self._applier.worker, self._completing.worker]

    def make_with(self, companions: Companions) -> None:
        """Have these written with each booking, in the same transaction."""
        self._making.companions = companions

    async def open(
        self, caller: Caller, request: BookingRequest, *, key: str | None = None
    ) -> tuple[Booking, Any]:
        """The pending booking of the caller's cart, and its companion; None where the booking is not new.

        Without a cart it is the one that was made under the same `key`, if that stands, else the pending one.
        HoldExpired names the slots that ended, SlotTaken those that somebody else has after all; Conflict
        where there is no cart, where it was quoted anew, or where it is booked in another currency than the
        one that is asked for. In each case nothing stays booked.
        """
        return await self._making.open(caller, request, key)

    async def validate(self, caller: Caller, request: BookingRequest) -> tuple[Booking, bool]:
        """The booking that `open` would answer, and whether it would be new; nothing is changed.

        Raises what `open` would raise.
        """
        return await self._making.validate(caller, request)

    def seconds_to_pay(self, policy: HoldPolicy) -> int:
        """How long there is to pay for what has such a policy."""
        return self._making.seconds_to_pay(policy)

    async def find(self, caller: Caller, booking_id: str) -> Booking:
        """A booking that the caller may read; NotFound for every other."""
        booking = await self.get(_uuid(booking_id))
        if not booking.is_seen_by(caller):
            raise NotFound
        return booking

    async def find_own(self, caller: Caller, booking_id: str) -> Booking:
        """A booking that the caller made; NotFound for every other."""
        booking = await self.get(_uuid(booking_id))
        if not booking.is_of(caller):
            raise NotFound
        return booking

    async def get(self, booking_id: UUID) -> Booking:
        """A booking by its id, whoever asks; NotFound if there is none."""
        async with self._database.connection() as connection:
            booking = await store.read(connection, booking_id)
        if booking is None:
            raise NotFound
        return booking

    async def require_room_in_cart(self, booking: Booking) -> None:
        """Conflict if the booking's holds can't go back: the cart has other things by now."""
        cart = await self._holds.cart(booking.session)
        if cart is not None and (cart.owner, cart.currency) != (booking.owner, booking.cart_currency):
            raise Conflict(
                "the cart has things of another owner by now: book or release those, or give these up"
            )

    async def page(self, caller: Caller, wanted: Wanted) -> Page:
        """Of the caller's bookings and of those on the caller's resources the ones that are wanted."""
        limit = wanted.limit
        async with self._database.connection() as connection:
            rows = await store.page(connection, caller, wanted)
            items = await store.read_all(connection, [booking_id for booking_id, _ in rows[:limit]])
        return Page(items, write_cursor(rows[limit - 1][1]) if len(rows) > limit else None)

    async def patch(self, caller: Caller, booking_id: str, patch: BookingPatch) -> Booking:
        """Other attendees, special requests or driver's place for one's own booking that is not over.

        InvalidFields names what does not hold; Conflict once it is cancelled or completed.
        """
        now = self._clock()
        booking = await self.find_own(caller, booking_id)
        async with self._database.transaction() as connection:
            locked = await store.lock(connection, booking.id)
            if locked is None or not locked.is_of(caller):  # handed on meanwhile
                raise NotFound
            changed = patched(locked, patch)
            if changed != locked:
                await store.write_details(connection, changed, now)
            if changed != msgspec.structs.replace(locked, driver_location=changed.driver_location):
                await tell(connection, "booking_changed", changed, by="buyer")  # never of where somebody is
        await self.apply(booking.id)
        return await self.get(booking.id)

    async def user_of(self, session: str) -> str | None:
        """The user whose session it is, as far as bookings say so; None: none of it is a user's."""
        async with self._database.connection() as connection:
            return await store.user_of_session(connection, session)

    async def adopt(self, session: str, user: str) -> None:
        """What a session booked before its user signed in is the user's, on every device; twice is once.

        Never what is another user's by now. The user's sockets hear of it.
        """
        async with self._database.connection() as connection:
            adopted = await store.adopt(connection, session, user, self._clock())
        for booking_id in adopted[:TOLD_AT_ONCE]:  # the loop tells the rest
            await self.apply(booking_id)

    async def apply(self, booking_id: UUID) -> None:
        """Tell Redis and the listeners of a committed change; what can't be told now, the loop tells."""
        try:
            await self._applier.apply(booking_id)
        except Unavailable as error:
            _log.info("booking_applied_later", booking=str(booking_id), reason=error.detail)

    async def is_had(self, booking: Booking) -> bool:
        """Whether Redis has the places of a pending booking too; if not, it is cancelled by this."""
        return not await self._applier.apply(booking.id)

    # What follows runs inside a caller's transaction; the caller applies after its commit.

    async def lock(self, connection: Connection, booking_id: UUID) -> Booking:
        """The booking for this transaction alone, its resources shared."""
        booking = await store.lock_with_resources(connection, booking_id)
        assert booking is not None, "payments refer to their booking"
        return booking

    async def confirm(
        self, connection: Connection, booking: Booking, payment: UUID, status: PaymentStatus
    ) -> None:
        """Confirm a pending, locked booking by a payment: its lines are there already."""
        await self._write_confirmed(connection, moves.confirmed(booking, payment, status, self._clock()))

    async def write_paid(
        self,
        connection: Connection,
        bookings: Sequence[Booking],
        told: Sequence[tuple[UUID, store.Told]],
        standing: Sequence[tuple[Booking, Mapping[str, str]]],
    ) -> set[UUID]:
        """Write down locked bookings that are confirmed, with their money and what their people are told.

        Of these, `standing` were confirmed before, and are applied at once. Answers the ids of those that
        were; the others are to be applied after the commit.
        """
        known = await self._applier.apply_locked(standing)
        await store.write_paid(connection, bookings, told, known, self._clock())
        return set(known)

    def committed(self) -> None:
        """A change was committed that is not applied just now: its people may be told."""
        self._applier.on_commit()

    async def set_payment_status(
        self, connection: Connection, booking: Booking, status: PaymentStatus
    ) -> Booking:
        """Another payment status for a locked booking, if it may have it; the booking as it is then."""
        changed = booking
        for step in moves.way_to(booking.payment_status, status):
            changed = moves.paid(changed, step)
        if changed is not booking:
            await store.update(connection, changed, self._clock())
        return changed

    async def touch(self, connection: Connection, booking: Booking) -> None:
        """Something about its payments changed that its people are to be told."""
        await store.touch(connection, booking.id, self._clock())

    async def extend(self, connection: Connection, booking: Booking) -> None:
        """Time for another try after a decline: a locked pending booking has EXTENSION_MS from now on.

        Never beyond its `extend_until`, and never once its deadline has come.
        """
        now = self._clock()
        until = min(now + EXTENSION_MS, booking.extend_until)
        if booking.is_open and now < booking.expires_at < until:
            await store.extend(connection, booking.id, until, now)

    async def cancel(
        self, connection: Connection, booking: Booking, reason: CancelReason, status: PaymentStatus
    ) -> None:
        """Cancel a locked booking; its slots are free from the commit on."""
        now = self._clock()
        await release(connection, moves.cancelled(booking, reason, status, now), now)

    async def prepare_retake(self, booking_id: UUID) -> bool:
        """Write down that Redis is about to be changed; False: not to be revived (any more)."""
        async with self._database.transaction() as connection:
            booking = await store.lock(connection, booking_id)
            if booking is None or not booking.may_revive() or booking.has_begun(self._clock()):
                return False
            await store.forget_applied(connection, booking_id)
            await store.touch(connection, booking_id, self._clock())
        return True

    async def could_retake(self, connection: Connection, booking: Booking) -> bool:
        """Whether an expired booking's slots could be taken again, if nobody had them."""
        there = await store.epochs(connection, booking.resources)
        open_to_it = booking.may_revive() and not booking.has_begun(self._clock())
        return open_to_it and len(there) == len(booking.resources)

    async def retake(
        self, connection: Connection, booking_id: UUID, payment: UUID, status: PaymentStatus
    ) -> bool:
        """Take an expired booking's slots again, in Redis and under the constraint, and confirm it.

        False if somebody has any of them, or a resource of it was deleted; the caller then rolls back.
        Superseded where prepare_retake must be done again first, which says no once the first of it has
        begun.
        """
        booking = await store.lock(connection, booking_id)
        assert booking is not None, "payments refer to their booking"
        if not booking.may_revive() or any(line.applied is not None for line in booking.lines):
            raise Superseded
        if booking.has_begun(self._clock()):
            raise Superseded
        before = await store.epochs(connection, booking.resources)
        if len(before) < len(booking.resources):
            return False
        await self._require_epochs(before)
        until = max(booking.expires_at, self._clock() + RETAKE_MS)
        if not await self._holds.retake(holds_of(booking), str(booking.id), until):
            return False
        # Only now: the rebuild that Redis may have asked for needs the resources for itself.
        if await store.lock_resources(connection, booking.resources) != before:
            raise Superseded
        if not await taking.take_again(connection, booking):
            return False
        await self._write_confirmed(connection, moves.confirmed(booking, payment, status, self._clock()))
        return True

    async def dispute_policy(self, booking: Booking) -> DisputePolicy:
        """What a dispute does to the booking; of different resources, what lets it stand the longest.

        A change that adds nothing has no resource, and nothing to be given up.
        """
        policies = [await self._dispute_policy(name) for name in booking.resources]
        return min(policies, key=_PATIENCE.index, default="keep")

    async def approval_ms(self, booking: Booking) -> int | None:
        """How long its owner has to approve of it; of several resources the shortest. None: nobody asks."""
        loaded = [await self._loaded(name) for name in booking.resources]
        asked = [each.resource.policy.approval_seconds for each in loaded if each is not None]
        return min((1000 * seconds for seconds in asked if seconds is not None), default=None)

    async def refund_terms(self, booking: Booking) -> list[Terms]:
        """What the policies of its resources said when it was booked, each over its part of the booking."""
        places = await places_of(self._inventory, booking.lines)
        return [_terms(places, booking, name) for name in booking.resources]

    async def titles(self, booking: Booking) -> list[str]:
        """The titles of what is booked, each once; without those that are gone from the catalogue."""
        loaded = [await self._loaded(name) for name in booking.resources]
        return list(dict.fromkeys(each.resource.title for each in loaded if each is not None))

    async def take_due(self, lease_ms: int, limit: int) -> list[Booking]:
        """Pending bookings whose deadline has come, given to nobody else for `lease_ms`."""
        now = self._clock()
        async with self._database.transaction() as connection:
            ids = await store.take_due(connection, now, now + lease_ms, limit)
            return await store.read_all(connection, ids)

    async def next_due(self) -> int | None:
        """When the next pending booking is due, in milliseconds."""
        async with self._database.connection() as connection:
            return await store.next_due(connection)

    async def postpone_release(self, booking_id: UUID, until: int) -> None:
        """The provider can't be asked just now: try its release again at `until`."""
        async with self._database.connection() as connection:
            await store.postpone_release(connection, booking_id, until)

    # Inside.

    async def _write_confirmed(self, connection: Connection, booking: Booking) -> None:
        await store.confirm(connection, booking, self._clock(), event_of("booking_confirmed", booking))

    async def _dispute_policy(self, resource: str) -> DisputePolicy:
        loaded = await self._loaded(resource)
        policy = None if loaded is None else loaded.resource.policy.dispute
        return policy or "release_when_lost"

    async def _loaded(self, resource: str) -> Loaded | None:
        try:
            return await self._inventory.get(resource)
        except UnknownResource:
            return None

    async def _require_epochs(self, wanted: dict[str, str]) -> None:
        for resource, epoch in wanted.items():
            if await self._holds.epoch(resource) != epoch:
                raise Superseded


def _terms(places: Places, booking: Booking, resource: str) -> Terms:
    lines = [line for line in booking.lines if line.resource == resource]
    policies = places.refund_policies() if booking.refund_policies is None else booking.refund_policies
    starts_at, tiers = places.times(lines).starts_at, policies.get(resource)
    if tiers is not None and booking.refund_start is not None:  # moving it gains no time
        starts_at = min(booking.refund_start, booking.refund_start if starts_at is None else starts_at)
    return Terms(value=sum(line.quantity * line.price for line in lines), starts_at=starts_at, tiers=tiers)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None
