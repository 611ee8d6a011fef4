"""Several messages to one address, as one. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from server.notices.channel import Message

LISTED: Final = 20
KIND: Final = "digest"

_NAMES: Final = {
    "booking_created": "new",
    "booking_confirmed": "confirmed",
    "booking_cancelled": "cancelled",
    "booking_changed": "changed",
    "booking_disputed": "disputed",
    "payment_succeeded": "paid",
    "payment_failed": "failed",
    "payment_refunded": "refunded",
    "hold_expired": "ended",
}


def digest(messages: Sequence[Message]) -> Message:
    """One message for all of them, in order, with the first one's key; one alone stays as it is."""
    first = messages[0]
    if len(messages) == 1:
        return first
    lines = [f"• {message.title} ({message.data.get('reference', '')})" for message in messages[:LISTED]]
    left = len(messages) - LISTED
    if left > 0:
        lines.append(f"… and {left} more")
    return Message(
        key=first.key,
        event=first.event,
        kind=KIND,
        title=f"{len(messages)} notices: {_counted(messages)}",
        text="\n".join(lines),
        data={"count": len(messages)},
        recipient=first.recipient,
        created_at=max(message.created_at for message in messages),
        parts=tuple(messages),
    )


def _counted(messages: Sequence[Message]) -> str:
    """The most frequent first."""
    counts = Counter(_NAMES.get(message.kind, message.kind) for message in messages)
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())
