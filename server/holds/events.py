"""What every process hears when holds change: HoldEvents on one channel, in batches."""

from collections.abc import Sequence

import msgspec

from server.holds.rules import HoldEvent

SESSIONS_CHANNEL = "holdfast:sessions"

_decoder = msgspec.msgpack.Decoder(list[HoldEvent])


class _Last:
    """The message that was decoded last: several parts of a process hear each, one after the other."""

    data = b""
    events: tuple[HoldEvent, ...] = ()


def decode_events(data: bytes) -> Sequence[HoldEvent]:
    """The events of one message; raises msgspec.DecodeError."""
    if data is not _Last.data:
        _Last.events = tuple(_decoder.decode(data))
        _Last.data = data
    return _Last.events
