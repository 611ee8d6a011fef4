"""Keeps where a driver is out of the answers that are kept under an Idempotency-Key.

A repeat of the request reads it from the booking itself.
"""

from typing import Any

import msgspec

from server.errors import NotFound
from server.http.endpoint import Answer, Call

_FIELD = "driver_location"


class Whereabouts:
    """Of the answers with a `booking` that one call may have; gone once the booking is over or another's."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def without(self, body: bytes) -> bytes:
        """The answer without it."""
        return _with(msgspec.json.decode(body), None)

    async def filled(self, kept: bytes) -> Answer:
        """The answer with it, as far as the caller may know it now."""
        content = msgspec.json.decode(kept)
        try:
            booking = await self._call.parts.bookings.find(self._call.caller, content["booking"]["id"])
        except NotFound:
            return Answer(kept)
        return Answer(_with(content, booking.driver_location))


def _with(content: Any, location: dict[str, Any] | None) -> bytes:
    return msgspec.json.encode(content | {"booking": content["booking"] | {_FIELD: location}})
