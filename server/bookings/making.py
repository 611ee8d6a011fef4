"""From a cart to a pending booking: PostgreSQL decides who has the places, then Redis hears of it."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol
from uuid import UUID, uuid4, uuid5

import asyncpg
import msgspec
import structlog

from server.accounts.rules import Caller
from server.bookings import details, range_store, store, taking
from server.bookings.details import BookingRequest
from server.bookings.live import LiveHolds
from server.bookings.outbox import tell, tell_each
from server.bookings.places import Places, Step, places_of
from server.bookings.quotes import Quotes
from server.bookings.rules import Booking, is_buffer, lines_of, room_of
from server.bookings.underway import Underway
from server.database.coalescing import Coalescer
from server.database.pool import Connection, Database
from server.errors import Conflict, HoldExpired, SelfBooking, SlotTaken, Unavailable, UnknownResource
from server.holds.rules import Cart, Hold
from server.holds.sources import Resources
from server.inventory.rules import HoldPolicy
from server.times import Clock


class Companions(Protocol):
    """What else is written in the transaction that makes a booking (payments write its first attempt)."""

    def of(self, booking: Booking) -> Any:
        """The companion of this booking; what is raised here keeps the booking from being made."""

    async def write(self, connection: Connection, made: Sequence[Any]) -> None:
        """Write the companions of the bookings that are made."""


_NAMESPACE: Final = UUID("b1f3d7a2-94c6-5e0b-8d27-6a5e4f0c3b19")

_log = structlog.get_logger(__name__)


class NoCompanions:
    """Nothing else is written with a booking."""

    def of(self, booking: Booking) -> None:  # as Companions has it
        """Nothing."""

    async def write(self, connection: Connection, made: Sequence[Any]) -> None:
        """Nothing."""


class New(msgspec.Struct, frozen=True):
    """A booking to be made, the steps of grids that it needs rows of, and what is written with it."""

    booking: Booking
    steps: Sequence[Step]
    companion: Any


class Making:
    """`open` makes it, `validate` says what would be made; `apply` answers the holds that had ended."""

    def __init__(
        self,
        database: Database,
        holds: LiveHolds,
        inventory: Resources,
        quotes: Quotes,
        apply: Callable[[UUID], Awaitable[list[Hold]]],
        *,
        payment_seconds: int,
        clock: Clock,
    ) -> None:
        self._database = database
        self._holds = holds
        self._inventory = inventory
        self._quotes = quotes
        self._apply = apply
        self._payment_seconds = payment_seconds
        self._clock = clock
        self.companions: Companions = NoCompanions()
        self._underway = Underway()
        self._coalesced: Coalescer[New, Booking | None] = Coalescer(self._take_all)

    async def open(self, caller: Caller, request: BookingRequest, key: str | None) -> tuple[Booking, Any]:
        """See Bookings.open."""
        async with self._underway.one():
            return await self._open(caller, request, key)

    async def _open(self, caller: Caller, request: BookingRequest, key: str | None) -> tuple[Booking, Any]:
        cart = await self._cart(caller)
        if cart is None:
            return _in_currency(await self._made_before(caller, key), request), None
        booking, places = await self._draft(caller, request, cart)
        if key is not None:
            booking = msgspec.structs.replace(booking, id=_id_under(key))
        opened, companion = await self._insert(booking, places.steps(booking.lines))
        await self._require_holds(opened)
        return _in_currency(opened, request), companion

    async def validate(self, caller: Caller, request: BookingRequest) -> tuple[Booking, bool]:
        """See Bookings.validate."""
        cart = await self._cart(caller, to_book=False)
        if cart is None:
            return _in_currency(await self._made_before(caller, None), request), False
        booking, _ = await self._draft(caller, request, cart, keep=False)
        async with self._database.connection() as connection:
            found = await store.live_by_reference(connection, booking.reference)
            if found is not None:
                return _in_currency(await self._same_cart(connection, booking, found), request), False
            lines = await taking.look(connection, booking.lines)
        return msgspec.structs.replace(booking, lines=lines), True

    def seconds_to_pay(self, policy: HoldPolicy) -> int:
        """How long there is to pay (s): the resource's own time, else PAYMENT_SECONDS."""
        return policy.payment_seconds or self._payment_seconds

    async def _cart(self, caller: Caller, *, to_book: bool = True) -> Cart | None:
        """The cart to book; HoldExpired if it lost anything, even all of it."""
        if not caller.session:
            return None
        standing = await (self._holds.cart_to_book if to_book else self._holds.standing)(caller.session)
        if standing.ended:
            raise HoldExpired(slots=await self._slot_ids(standing.ended))
        cart = standing.cart
        if cart is not None and caller.user is not None and caller.user == cart.owner:
            raise SelfBooking
        return cart

    async def _made_before(self, caller: Caller, key: str | None) -> Booking:
        """For whom has no cart (any more): what was made under this key and stands, else what is pending."""
        async with self._database.connection() as connection:
            booking = None if key is None else await store.read(connection, _id_under(key))
            if booking is None or booking.status == "cancelled" or not booking.is_of(caller):
                found = caller.session and await store.pending_of(connection, caller)
                booking = await store.read(connection, found) if isinstance(found, UUID) else None
        if booking is None:
            raise Conflict("there is no cart to book")
        if booking.status == "pending":
            await self._require_holds(booking)
        return booking

    async def _require_holds(self, booking: Booking) -> None:
        """HoldExpired, with the booking cancelled, unless Redis has its holds as paying or turns them so."""
        if booking.applied_version >= booking.version:
            return
        ended = {hold.id for hold in await self._apply(booking.id)}
        if ended:
            slots = {line.slot for line in booking.lines if line.hold in ended and not is_buffer(line)}
            raise HoldExpired(slots=sorted(slots))

    async def _draft(
        self, caller: Caller, request: BookingRequest, cart: Cart, *, keep: bool = True
    ) -> tuple[Booking, Places]:
        """What would be booked, and where."""
        checked = details.check(request, places=room_of(cart))
        price = await self._quotes.price(cart, request.currency, keep=keep)
        places = await places_of(self._inventory, price.lines)
        times, now = places.times(price.lines), self._clock()
        booking = Booking(
            id=uuid4(),
            reference=cart.reference,
            session=caller.session,
            user=caller.user,
            owner=cart.owner,
            status="pending",
            payment_status="pending",
            currency=price.currency,
            total=price.total,
            customer=checked.customer,
            attendees=checked.attendees,
            special_requests=checked.special_requests,
            driver_location=checked.driver_location,
            created_at=now,
            expires_at=now + 1000 * await self._seconds_to_pay(cart),
            base_currency=price.base_currency,
            rate=price.rate,
            quoted_at=price.quoted_at,
            starts_at=times.starts_at,
            ends_at=times.ends_at,
            refund_policies=places.refund_policies(),
            lines=places.named(price.lines),
        )
        return booking, places

    async def _seconds_to_pay(self, cart: Cart) -> int:
        """Of different resources, the shortest."""
        names = {hold.resource for hold in cart.holds}
        policies = [(await self._inventory.get(name)).resource.policy for name in names]
        return min(map(self.seconds_to_pay, policies))

    async def _insert(self, booking: Booking, steps: Sequence[Step]) -> tuple[Booking, Any]:
        """Write the booking, or find the one that another tab has just made of the same cart.

        The booking's row is written before its slots are counted, so that the other tab waits there.
        SlotTaken where PostgreSQL says that somebody has any of the slots.
        """
        new = New(booking, steps, self.companions.of(booking))
        try:
            return await self._take(new), new.companion
        except asyncpg.UniqueViolationError as known:
            if known.constraint_name == "booking_pkey":  # another cart was booked under this key
                return await self._insert(msgspec.structs.replace(booking, id=uuid4()), steps)
            return await self._other_tabs(booking), None
        except SlotTaken as taken:
            await self._distrust(booking, taken)
            raise
        except asyncpg.ExclusionViolationError:
            async with self._database.connection() as connection:
                refusal = SlotTaken(slots=await range_store.overlapped(connection, booking.lines))
            await self._distrust(booking, refusal)
            raise refusal from None

    async def _take(self, new: New) -> Booking:
        """Make it in one transaction with others, or alone where it needs grid steps or has to wait."""
        taken = None if new.steps else await self._coalesced(new)
        return taken or await self._take_alone(new)

    async def _take_alone(self, new: New) -> Booking:
        async with self._database.transaction() as connection:
            if new.steps:
                await store.lock_resources(connection, new.booking.resources)
            filled = await taking.write(connection, new.booking, new.steps)
            await self.companions.write(connection, [new.companion])
            await tell(connection, "booking_created", filled, by="buyer")
        return filled

    async def _take_all(self, new: list[New]) -> list[Booking | None]:
        """Make many in one transaction; None for each that is to be made alone, for it would have to wait.

        That is one whose resources another transaction has for itself, or all of them where a lock was waited
        for too long. What keeps one from being made is raised for all, and none is made.
        """
        try:
            filled = await self._write_all(new)
        except taking.LockedElsewhere:
            return [None] * len(new)
        return [filled.get(each.booking.id) for each in new]

    async def _write_all(self, new: Sequence[New]) -> dict[UUID, Booking]:
        async with self._database.transaction() as connection:
            filled = await taking.write_all(connection, [each.booking for each in new])
            made = [each.companion for each in new if each.booking.id in filled]
            if made:
                await self.companions.write(connection, made)
                await tell_each(connection, "booking_created", list(filled.values()), by="buyer")
        return filled

    async def _other_tabs(self, booking: Booking) -> Booking:
        async with self._database.connection() as connection:
            found = await store.live_by_reference(connection, booking.reference)
            return await self._same_cart(connection, booking, found)

    async def _same_cart(self, connection: Connection, booking: Booking, found: UUID | None) -> Booking:
        other = None if found is None else await store.read(connection, found)
        if other is None or other.status != "pending" or other.session != booking.session:
            raise Conflict("this cart was booked already", retry_after=1)
        return other

    async def _distrust(self, booking: Booking, taken: SlotTaken) -> None:
        """Redis said they were held, PostgreSQL says they are sold: Redis is wrong and built anew."""
        _log.warning("live_state_wrong", resources=booking.resources, slots=taken.slots)
        for resource in booking.resources:
            with suppress(Unavailable):
                await self._holds.load(resource)

    async def _slot_ids(self, holds: Sequence[Hold]) -> list[str]:
        lines = lines_of(holds)
        with suppress(UnknownResource):
            lines = (await places_of(self._inventory, lines)).named(lines)
        async with self._database.connection() as connection:
            found = await store.slots(connection, [(line.resource, line.index) for line in lines], lock=False)
        steps = {line.slot for line in lines if line.slot and not is_buffer(line)}
        seats = {found[line.resource, line.index].id for line in lines if line.range is None}
        return sorted(steps | seats)


def _id_under(key: str) -> UUID:
    return uuid5(_NAMESPACE, key)


def _in_currency(booking: Booking, request: BookingRequest) -> Booking:
    """The booking that stands, unless it is to be paid in another currency than the one asked for."""
    if request.currency not in {None, booking.currency}:
        raise Conflict(f"the cart is booked in {booking.currency} already: cancel that booking first")
    return booking
