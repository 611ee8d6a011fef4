"""A change of a booking's places, as values: what it adds, what it gives up and what that costs. Pure.

A change is a booking itself: of the places that it adds, for what it costs more. It is paid as every booking
is; once it is confirmed and paid the two are made one. Until then the old booking stands as it was.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import msgspec

from server.bookings.places import Places
from server.bookings.rules import Booking, Line, room_of_lines
from server.errors import BadRequest, Conflict, FieldError, InvalidFields, LimitExceeded
from server.holds.requests import Wanted
from server.holds.rules import HoldRequest
from server.holds.sources import Loaded
from server.times import rfc3339

# A shrunken booking's payments give back what is too much; everything else has to be settled first.
CHANGEABLE: Final = frozenset({"paid", "partially_refunded"})


class ChangeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one of a range of time, slots with their quantities, and another quantity of the one slot."""

    range: tuple[str, str] | None = None
    items: tuple[tuple[str, int], ...] | None = None
    quantity: int | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a change is to bring. `id` is its own booking's; `refund` (minor units) goes back; times in ms."""

    id: UUID
    booking: UUID
    before: tuple[Line, ...]
    after: tuple[Line, ...]
    refund: int
    starts_at: int | None
    ends_at: int | None

    @property
    def given_up(self) -> tuple[Line, ...]:
        """What only the old booking has, as lines of the change."""
        return _numbered(less(self.before, self.after))


def require_changeable(booking: Booking, now: int) -> None:
    """Conflict where a booking's places are not to be changed (any more)."""
    if booking.change_of is not None:
        raise Conflict("this is a change itself: ask for another one of its booking")
    if booking.status != "confirmed":
        raise Conflict(f"the booking is {booking.standing}")
    if booking.payment_status == "disputed":
        raise Conflict("a dispute is open: the booking stays as it is")
    if booking.payment_status not in CHANGEABLE:
        raise Conflict("the money is being taken just now", retry_after=2)
    if booking.has_begun(now):
        raise Conflict("it has begun")
    if booking.base_currency is not None:
        raise Conflict("what was paid in another currency is cancelled and booked anew, not changed")


def asked(booking: Booking, request: ChangeRequest) -> HoldRequest:
    """What the request would have its booking be, as one would ask for it anew.

    BadRequest unless it names one thing; Conflict where that could mean several of the booking's.
    """
    named = [name for name in ("range", "items", "quantity") if getattr(request, name) is not None]
    if len(named) != 1:
        raise BadRequest("A change names exactly one of range, items and quantity")
    if len(booking.resources) != 1:
        raise Conflict("what is of several places is cancelled and booked anew, not changed")
    resource = booking.resources[0]
    ranges = {line.hold for line in booking.lines if line.range is not None}
    if request.range is not None and len(ranges) > 1:
        raise Conflict("it has several ranges of time: cancel it and book anew")
    if request.quantity is None:
        return HoldRequest(resource=resource, range=request.range, items=request.items)
    if ranges or len(booking.lines) != 1:
        wrong = FieldError("quantity", "is of a booking of one slot: name its items, or its range")
        raise InvalidFields("this can't be changed so", errors=[wrong])
    return HoldRequest(resource=resource, items=((booking.lines[0].slot, request.quantity),))


def lines_after(loaded: Loaded, wanted: Wanted, hold: str) -> tuple[Line, ...]:
    """The lines of what is wanted, at today's prices, not named yet."""
    if wanted.range is not None:
        items, during = list(wanted.range.items), wanted.range.range
    else:
        priced = (
            (index, quantity, loaded.slots[index].price.amount) for index, quantity in wanted.items or ()
        )
        items, during = list(priced), None
    return tuple(
        Line(
            position=position,
            resource=loaded.resource.id,
            index=index,
            slot="",
            label="",
            quantity=quantity,
            price=price,
            hold=hold,
            range=during,
        )
        for position, (index, quantity, price) in enumerate(items)
    )


def named(places: Places, lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines with their slots' ids and labels."""
    return tuple(
        line
        if line.range is not None
        else msgspec.structs.replace(line, slot=places.slot(line).id, label=places.slot(line).label)
        for line in places.named(lines)
    )


def price_of(lines: Iterable[Line]) -> int:
    """What the lines cost together, in minor units."""
    return sum(line.quantity * line.price for line in lines)


def to_give_back(before: int, after: int, left: int) -> int:
    """What goes back of a price: what it is lower by, but not what has gone back before. In minor units.

    Conflict where nothing would be left: that is a cancellation.
    """
    if before and not after:
        raise Conflict("what would cost nothing is cancelled and booked anew, not changed")
    return max(0, min(before - after, left - after))


def less(lines: Sequence[Line], others: Iterable[Line]) -> tuple[Line, ...]:
    """What of `lines` is more than what `others` have of the same slots."""
    left = _taken(others)
    rest = []
    for line in lines:
        pair = (line.resource, line.index)
        kept = min(line.quantity, left[pair])
        left[pair] -= kept
        if line.quantity > kept:
            rest.append(msgspec.structs.replace(line, quantity=line.quantity - kept))
    return tuple(rest)


def same_places(lines: Iterable[Line], others: Iterable[Line]) -> bool:
    """Whether they are as many of the same slots, and of the same range."""
    one, other = tuple(lines), tuple(others)
    return _taken(one) == _taken(other) and {line.range for line in one} == {line.range for line in other}


def added(loaded: Loaded, before: Sequence[Line], after: Sequence[Line], change: UUID) -> tuple[Line, ...]:
    """What the change adds, as lines of its own booking: of a grid a hold for each run of steps."""
    lines = less(after, before)
    if loaded.calendar is None:
        return _numbered(lines)
    found: list[Line] = []
    for number, run in enumerate(_runs(lines)):
        moments = loaded.calendar.starts_at(run[0].index), loaded.calendar.starts_at(run[-1].index + 1)
        during = (rfc3339(moments[0]), rfc3339(moments[1]))
        hold = f"{change.hex}{number}"
        found += [msgspec.structs.replace(line, hold=hold, range=during) for line in run]
    return _numbered(found)


def require_few(lines: Iterable[Line], most: int) -> None:
    """LimitExceeded beyond what one may have at a time; a range of time is one thing."""
    if room_of_lines(lines) > most:
        raise LimitExceeded(f"At most {most} places are booked at a time")


def require_room_for_attendees(booking: Booking, after: Iterable[Line]) -> None:
    """InvalidFields where more come by name than there will be places."""
    room = room_of_lines(after)
    if len(booking.attendees) > room:
        wrong = FieldError("attendees", f"are {len(booking.attendees)}, and {room} places would be left")
        raise InvalidFields("first say who does not come", errors=[wrong])


def _taken(lines: Iterable[Line]) -> Counter[tuple[str, int]]:
    counted: Counter[tuple[str, int]] = Counter()
    for line in lines:
        counted[line.resource, line.index] += line.quantity
    return counted


def _runs(lines: Iterable[Line]) -> list[list[Line]]:
    """Neighbouring steps together."""
    runs: list[list[Line]] = []
    for line in sorted(lines, key=lambda each: each.index):
        if runs and runs[-1][-1].index + 1 == line.index:
            runs[-1].append(line)
        else:
            runs.append([line])
    return runs


def _numbered(lines: Iterable[Line]) -> tuple[Line, ...]:
    return tuple(msgspec.structs.replace(line, position=place) for place, line in enumerate(lines))
