"""What every process hears when holds change: HoldEvents on one channel, in batches."""

import msgspec

from server.holds.rules import HoldEvent

SESSIONS_CHANNEL = "holdfast:sessions"

_decoder = msgspec.msgpack.Decoder(list[HoldEvent])


def decode_events(data: bytes) -> list[HoldEvent]:
    """The events of one message."""
    return _decoder.decode(data)


def changes_channel(resource: str) -> str:
    """Where a resource's changes are published: `[epoch, from, to, changes]`, None for a reset."""
    return "holdfast:{" + resource + "}:changes"
