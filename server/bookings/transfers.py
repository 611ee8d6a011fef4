"""A booking goes to another user, once that user accepts; until then it is whose it was.

The offer is a link with a secret, which is answered once and kept only as a hash, or it names the user, who
may accept it by its id. Who takes it over may cancel it, but what goes back goes to whoever paid.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID, uuid4

import msgspec

from server.accounts.rules import Caller
from server.bookings import details, store, transfers_store
from server.bookings.details import BookingRequest, Customer
from server.bookings.outbox import tell
from server.bookings.rules import Booking
from server.bookings.service import Bookings
from server.bookings.transfers_store import Transfer
from server.database.pool import Database
from server.errors import Conflict, FieldError, Forbidden, InvalidFields, NotFound, SelfBooking, Unauthorized
from server.times import Clock, now_milliseconds

USUAL_SECONDS: Final = 3 * 86_400
LEAST_SECONDS: Final = 60
MOST_SECONDS: Final = 30 * 86_400
USER_LENGTH: Final = 255
LISTED_AT_MOST: Final = 50

Shown = Literal["offered", "accepted", "withdrawn", "expired"]


class OfferRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`user` who alone may accept it, None for whoever has the link; `expires_in` in seconds."""

    user: str | None = None
    expires_in: int | None = None


class AcceptRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who comes now; without it the booking has the user's name and no address to write to."""

    customer: Customer | None = None


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer as it stands with its booking; `secret` only for who has just made it."""

    transfer: Transfer
    booking: Booking
    shown: Shown
    secret: str | None = None


class Transfers:
    """What the routes call. A booking's offers and its owner change with the booking locked."""

    def __init__(self, database: Database, bookings: Bookings, clock: Clock = now_milliseconds) -> None:
        self._database = database
        self._bookings = bookings
        self._clock = clock

    async def offer(self, caller: Caller, booking_id: str, request: OfferRequest) -> Offered:
        """Offer one's confirmed booking; an offer that stood is withdrawn by it, for its link may be lost.

        NotFound for who may not see it, Forbidden for its owner; SelfBooking where it names that one,
        InvalidFields where it names oneself; Conflict unless the booking is confirmed and undisputed.
        """
        booking = await self._own(caller, booking_id)
        _check(caller, booking, request)
        now, secret = self._clock(), secrets.token_urlsafe(24)
        async with self._database.transaction() as connection:
            locked = await self._bookings.lock(connection, booking.id)
            if not locked.is_of(caller):
                raise NotFound
            _require_transferable(locked)
            transfer = Transfer(
                id=uuid4(),
                booking=booking.id,
                to=request.user,
                state="offered",
                created_at=now,
                expires_at=now + 1000 * (request.expires_in or USUAL_SECONDS),
            )
            await transfers_store.withdraw(connection, booking.id, now)
            await transfers_store.offer(connection, transfer, _hash(secret))
        return self._as_shown(transfer, locked, secret)

    async def withdraw(self, caller: Caller, booking_id: str) -> None:
        """Nobody may accept it any more; twice is once. NotFound if it is somebody else's by now."""
        booking = await self._own(caller, booking_id)
        async with self._database.transaction() as connection:
            locked = await self._bookings.lock(connection, booking.id)
            if not locked.is_of(caller):
                raise NotFound
            await transfers_store.withdraw(connection, booking.id, self._clock())

    async def of_booking(self, caller: Caller, booking_id: str) -> Offered | None:
        """The last offer of one's booking, None if there never was one."""
        booking = await self._own(caller, booking_id)
        async with self._database.connection() as connection:
            found = await transfers_store.latest(connection, booking.id)
        return None if found is None or found.state == "accepted" else self._as_shown(found, booking)

    async def to_caller(self, caller: Caller) -> list[Offered]:
        """What is offered to the caller by name and stands, the latest first."""
        async with self._database.connection() as connection:
            found = await transfers_store.to_user(connection, _user(caller), self._clock(), LISTED_AT_MOST)
            bookings = await store.read_all(connection, [each.booking for each in found])
        by_id = {booking.id: booking for booking in bookings}
        return [self._as_shown(each, by_id[each.booking]) for each in found]

    async def read(self, caller: Caller, token: str) -> Offered:
        """What somebody who has the link, or is named, may know of it. NotFound for every other token."""
        transfer = await self._find(caller, token)
        return self._as_shown(transfer, await self._bookings.get(transfer.booking))

    async def accept(self, caller: Caller, token: str, request: AcceptRequest) -> Booking:
        """The booking is the caller's; twice is once. What its former people wrote of themselves is gone.

        NotFound for a token of nothing or for somebody else; SelfBooking for its owner; Conflict where the
        offer is over, the booking is the caller's anyway, or it is not confirmed any more.
        """
        user, customer = _user(caller), _customer(caller, request)
        transfer = await self._find(caller, token)
        async with self._database.transaction() as connection:
            booking = await self._bookings.lock(connection, transfer.booking)
            standing = self._as_shown(await transfers_store.lock(connection, transfer.id), booking)
            if standing.transfer.accepted_by == user and booking.user == user:
                return booking
            _require_acceptable(standing, user)
            now = self._clock()
            await transfers_store.accept(connection, transfer.id, user, now)
            await transfers_store.hand_over(
                connection, booking.id, session=caller.session, user=user, customer=customer, now=now
            )
            handed = msgspec.structs.replace(
                booking, session=caller.session, user=user, customer=customer, version=booking.version + 1
            )
            email = {"was_email": booking.customer["email"]}
            former = email if booking.user is None else {"was_user": booking.user}
            await tell(connection, "booking_changed", handed, by="buyer", **former)
        await self._bookings.apply(booking.id)
        return await self._bookings.get(booking.id)

    async def _own(self, caller: Caller, booking_id: str) -> Booking:
        booking = await self._bookings.find(caller, booking_id)
        if not booking.is_of(caller):
            raise Forbidden("only who booked it can hand it on")
        return booking

    async def _find(self, caller: Caller, token: str) -> Transfer:
        named = _uuid(token)
        async with self._database.connection() as connection:
            found = await transfers_store.find(connection, _hash(token))
            if found is None and named is not None and caller.user is not None:
                found = await transfers_store.find_named(connection, named, caller.user)
        if found is None or found.to not in {None, caller.user}:
            raise NotFound
        return found

    def _as_shown(self, transfer: Transfer, booking: Booking, secret: str | None = None) -> Offered:
        shown: Shown = transfer.state
        if shown == "offered" and booking.status != "confirmed":
            shown = "withdrawn"
        elif shown == "offered" and transfer.expires_at <= self._clock():
            shown = "expired"
        return Offered(transfer, booking, shown, secret)


def _check(caller: Caller, booking: Booking, request: OfferRequest) -> None:
    problems: list[FieldError] = []
    if request.user is not None and not 0 < len(request.user) <= USER_LENGTH:
        problems.append(FieldError("user", f"is 1 to {USER_LENGTH} characters; leave it out for a link"))
    elif request.user is not None and request.user in {caller.user, booking.user}:
        problems.append(FieldError("user", "has it already"))
    seconds = request.expires_in
    if seconds is not None and not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        problems.append(FieldError("expires_in", f"is {LEAST_SECONDS} to {MOST_SECONDS} seconds"))
    if problems:
        raise InvalidFields("this can't be offered so", errors=problems)
    if request.user == booking.owner:
        raise SelfBooking("the owner of a place does not book it")


def _require_transferable(booking: Booking) -> None:
    if booking.status != "confirmed":
        raise Conflict(f"the booking is {booking.standing}")
    if booking.payment_status == "disputed":
        raise Conflict("a dispute is open: the booking stays whose it is")
    if booking.change is not None or booking.change_of is not None:
        raise Conflict("it is being changed: see that through first, or give the change up")


def _require_acceptable(offered: Offered, user: str) -> None:
    if user == offered.booking.owner:
        raise SelfBooking("the owner of a place does not book it")
    if offered.booking.status != "confirmed":
        raise Conflict(f"the booking is {offered.booking.standing}")
    if offered.shown != "offered":
        raise Conflict(f"the offer is {offered.shown}")
    _require_transferable(offered.booking)
    if user == offered.booking.user:
        raise Conflict("the booking is yours already")


def _user(caller: Caller) -> str:
    if caller.user is None:
        raise Unauthorized("sign in first")
    return caller.user


def _customer(caller: Caller, request: AcceptRequest) -> dict[str, Any]:
    if request.customer is None:
        return {"name": caller.name or _user(caller), "email": ""}
    return details.check(BookingRequest(customer=request.customer), places=0).customer


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _uuid(text: str) -> UUID | None:
    """An id as it is written; None for anything else."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None
