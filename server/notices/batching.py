"""When a message goes out, so that many at once become few. Pure: times in milliseconds.

Of each address it is known how often it was written to lately. The first message goes after a breath, in
which what happens together comes together (a booking, its payment, its confirmation); each further one waits
longer, up to a limit, and takes with it all that comes until then; after a quiet while it begins anew. Who is
nobody's user asked for no less and sees no screen of ours: told within ten seconds of each booking.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from server.notices.channel import Channel
from server.notices.rules import Preferences, Quiet

LATELY_MS: Final = 300_000
_DAY_MINUTES: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the first waits, how long the second does, and how long at most any does."""

    breath_ms: int
    second_ms: int
    longest_ms: int


PACES: Final[Mapping[Channel, Pace | None]] = {
    "push": Pace(0, 2_000, 60_000),
    "email": Pace(2_000, 5_000, 60_000),
    "sms": Pace(2_000, 30_000, 300_000),
    "webhook": None,  # a system wants each event, at once
}

STRANGERS: Final = Pace(2_000, 3_000, 6_000)
"""Of mail to buyers without a user."""


@dataclass(frozen=True, slots=True)
class Lately:
    """Of one reader: how many messages in the last LATELY_MS, and when the latest was planned for."""

    sent: int = 0
    latest: int | None = None


def due(
    channel: Channel, now: int, lately: Lately, preferences: Preferences, *, stranger: bool = False
) -> int:
    """When a message to this address goes out; a `stranger` is nobody's user."""
    pace = STRANGERS if stranger else PACES[channel]
    if pace is None:
        return now
    planned = now + pace.breath_ms
    if lately.latest is not None:
        planned = max(planned, lately.latest + _gap(pace, lately.sent, preferences))
    return planned if preferences.quiet is None else after_quiet(planned, preferences.quiet)


def _gap(pace: Pace, sent: int, preferences: Preferences) -> int:
    grown = pace.second_ms * 2 ** min(max(sent - 1, 0), 16) if sent else 0
    return max(min(grown, pace.longest_ms), 1000 * preferences.batch_seconds)


def after_quiet(moment: int, quiet: Quiet) -> int:
    """The moment, or the end of the quiet it falls into. By the clocks there, through their changes."""
    there = datetime.fromtimestamp(moment / 1000, ZoneInfo(quiet.time_zone))
    start, end = minutes(quiet.start), minutes(quiet.end)
    now = there.hour * 60 + there.minute
    if (now - start) % _DAY_MINUTES >= (end - start) % _DAY_MINUTES:
        return moment
    tomorrow = timedelta(days=1 if end <= now else 0)
    ends = there.replace(hour=end // 60, minute=end % 60, second=0, microsecond=0, fold=0) + tomorrow
    return max(moment, int(ends.timestamp() * 1000))


def minutes(text: str) -> int:
    """The minute of the day that "22:30" is; ValueError for what is no time of day."""
    hours, colon, rest = text.partition(":")
    if not (colon and len(hours) == len(rest) == 2 and (hours + rest).isascii() and (hours + rest).isdigit()):
        raise ValueError(f"{text!r} is no time of day such as 22:30")
    if int(hours) > 23 or int(rest) > 59:
        raise ValueError(f"{text!r} is no time of day such as 22:30")
    return int(hours) * 60 + int(rest)
