"""Messages as the notices' core hands them over."""

from typing import Any

from server.notices.channel import Message, Recipient
from tests.support.door import Clock

__all__ = ["BOOKING", "Clock", "message"]

BOOKING = "0190a0b0-0000-7000-8000-000000000001"


def message(
    address: str = "ann@example.org",
    *,
    user: str | None = "ann",
    name: str = "Ann",
    kind: str = "booking_confirmed",
    title: str = "Your booking is confirmed",
    text: str = "Driveway 4, Sat 21 Nov, 09:00 to 17:00.\n\nSee you there.",
    key: str = "0190a0b0-0000-7000-8000-00000000000a",
    data: dict[str, Any] | None = None,
) -> Message:
    return Message(
        key=key,
        event="0190a0b0-0000-7000-8000-0000000000ee",
        kind=kind,
        title=title,
        text=text,
        data={"booking": BOOKING, "reference": "BK-7F3K"} if data is None else data,
        recipient=Recipient(address=address, user=user, name=name),
        created_at=1_795_252_800_123,
    )
