"""Keeps where a driver is out of the answers that are kept under an Idempotency-Key.

A repeat of the request reads it from the booking itself.
"""

from typing import Any

from server.errors import NotFound
from server.http.endpoint import Call

_FIELD = "driver_location"


class Whereabouts:
    """Of the answers with a `booking` that one call may have; gone once the booking is over or another's."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def without(self, content: Any) -> Any:
        """The answer without it."""
        return self._with(content, None)

    async def filled(self, content: Any) -> Any:
        """The answer with it, as far as the caller may know it now."""
        if not _has_booking(content):
            return content
        try:
            booking = await self._call.parts.bookings.find(self._call.caller, content["booking"]["id"])
        except NotFound:
            return content
        return self._with(content, booking.driver_location)

    @staticmethod
    def _with(content: Any, location: dict[str, Any] | None) -> Any:
        if not _has_booking(content):
            return content
        return content | {"booking": content["booking"] | {_FIELD: location}}


def _has_booking(content: Any) -> bool:
    """Refusals have none."""
    return isinstance(content, dict) and isinstance(content.get("booking"), dict)
