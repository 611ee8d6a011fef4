"""Tells every process of a changed booking, so that the sockets of its session and user hear of it."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from server.bookings.rules import Booking
from server.bookings.views import booking_view
from server.ops.redis_errors import redis_away

CHANNEL: Final = "holdfast:bookings"

_encoder = msgspec.json.Encoder()


class BookingEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What goes over the channel, as JSON; `booking` has the socket's times (integer milliseconds)."""

    session: str
    user: str | None
    owner: str = ""
    booking: dict[str, Any]


class Announcer:
    """Publishes on CHANNEL; a message may come twice, and none is missed: apply() repeats until it is out.

    `command` sends one to Redis, along with whatever else is sent just then.
    """

    def __init__(self, command: Callable[..., Awaitable[Any]]) -> None:
        self._command = command

    async def __call__(self, booking: Booking) -> None:
        event = BookingEvent(
            session=booking.session,
            user=booking.user,
            owner=booking.owner,
            booking=booking_view(booking, int),
        )
        with redis_away():
            await self._command("PUBLISH", CHANNEL, _encoder.encode(event))


def read_event(data: bytes) -> BookingEvent:
    """What a listener got from CHANNEL."""
    return msgspec.json.decode(data, type=BookingEvent)
