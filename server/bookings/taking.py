"""Taking places for a booking, and giving them up: counted slot by slot, ranges of time apart besides.

PostgreSQL decides here who has a place. Who calls holds the booking's resources, in a transaction of its own.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg
import msgspec

from server.bookings import range_store, store
from server.bookings.places import Step
from server.bookings.rules import Booking, Line
from server.bookings.store import Pair, SlotRow
from server.database.pool import Connection
from server.errors import SlotTaken


class LockedElsewhere(Exception):
    """Another transaction keeps a row locked for longer than many bookings can wait for it."""


async def take(connection: Connection, lines: Sequence[Line], steps: Sequence[Step]) -> tuple[Line, ...]:
    """Count the lines into their slots; answers them named. SlotTaken for those without room.

    `steps` are the lines' steps of grids: their rows are made where there are none. Their ranges are taken
    once the lines are written, by `range_store.insert`.
    """
    await range_store.ensure_steps(connection, steps)
    slots = await store.slots(connection, _pairs(lines), lock=True)
    named = named_with_room(lines, slots)
    await store.add_to_taken(connection, named, 1)
    return named


async def write(connection: Connection, booking: Booking, steps: Sequence[Step]) -> Booking:
    """A new pending booking with its places taken; answers it with its lines named.

    SlotTaken, or asyncpg's ExclusionViolationError where somebody has a part of a range.
    """
    if not steps:  # slots that are there already: all of it goes in one statement
        slots = await store.open_with_places(connection, booking)
        return msgspec.structs.replace(booking, lines=named_with_room(booking.lines, slots))
    await store.insert(connection, booking)
    filled = msgspec.structs.replace(booking, lines=await take(connection, booking.lines, steps))
    await store.insert_lines(connection, filled)
    await range_store.insert(connection, filled.id, filled.lines)
    return filled


async def write_all(connection: Connection, bookings: Sequence[Booking]) -> dict[UUID, Booking]:
    """What `write` does, of several bookings whose slots are there already; answers those it wrote, by id.

    A booking is left out where another transaction has its resources for itself. SlotTaken, for whichever it
    is, where there is not room for all of them; LockedElsewhere where a slot or a cart stays locked. The
    caller rolls back.
    """
    try:
        found, is_room = await store.open_all_with_places(connection, bookings)
    except asyncpg.LockNotAvailableError as error:
        raise LockedElsewhere from error
    filled = {
        booking.id: msgspec.structs.replace(booking, lines=named_with_room(booking.lines, found[booking.id]))
        for booking in bookings
        if booking.id in found
    }
    if not is_room:
        raise SlotTaken(slots=[])
    return filled


async def look(connection: Connection, lines: Sequence[Line]) -> tuple[Line, ...]:
    """What `take` would answer just now, with nothing locked and nothing changed."""
    return named_with_room(lines, await store.slots(connection, _pairs(lines), lock=False))


async def take_again(connection: Connection, booking: Booking) -> bool:
    """Take what was given up; False if somebody has any of it, and then the caller rolls back."""
    slots = await store.slots(connection, _pairs(booking.lines), lock=True)
    if _full(booking.lines, slots):
        return False
    await store.add_to_taken(connection, booking.lines, 1)
    try:
        await range_store.insert(connection, booking.id, booking.lines)
    except asyncpg.ExclusionViolationError:
        return False
    return True


async def give_up(connection: Connection, booking: Booking) -> None:
    """Count a booking's lines out of their slots, and free its ranges."""
    await store.slots(connection, _pairs(booking.lines), lock=True)
    await store.add_to_taken(connection, booking.lines, -1)
    await range_store.delete(connection, booking.id, booking.lines)


def named_with_room(lines: Sequence[Line], slots: Mapping[Pair, SlotRow]) -> tuple[Line, ...]:
    """The lines with their slots' names, as far as they had none; SlotTaken for those without room."""
    full = _full(lines, slots)
    if full:
        raise SlotTaken(slots=full)
    return tuple(line if line.range is not None else _named(line, slots) for line in lines)


def _named(line: Line, slots: Mapping[Pair, SlotRow]) -> Line:
    slot = slots[line.resource, line.index]
    return msgspec.structs.replace(line, slot=slot.id, label=slot.label)


def _full(lines: Sequence[Line], slots: Mapping[Pair, SlotRow]) -> list[str]:
    """The ids of slots without room; a step without a row was never booked."""
    wanted: dict[Pair, int] = {}
    for line in lines:
        pair = (line.resource, line.index)
        wanted[pair] = wanted.get(pair, 0) + line.quantity
    return sorted(slot.id for pair, slot in slots.items() if not slot.has_room(wanted[pair]))


def _pairs(lines: Sequence[Line]) -> list[Pair]:
    return [(line.resource, line.index) for line in lines]
