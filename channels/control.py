"""How many control frames a peer may send: some at once, and some again each second."""

from channels.frames import Violation
from channels.protocol import CloseCode

BURST = 20
PER_SECOND = 5.0


def after_one_more(until: float, now: float) -> float:
    """Until when the budget is in use, with one more control frame `now`; both in seconds of one clock.

    Raises `Violation` with 1008 where it is used up. Half a frame is allowed for: a sum of twenty fifths of a
    second is four seconds at some readings of a clock, and a little more at others.
    """
    begins = max(until, now)
    if (begins - now) * PER_SECOND > BURST - 0.5:
        raise Violation(CloseCode.POLICY, "too many control frames")
    return begins + 1 / PER_SECOND
