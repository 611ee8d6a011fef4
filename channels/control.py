"""How many control frames a peer may send: some at once, and some again each second."""

from channels.frames import Violation
from channels.protocol import CloseCode

BURST = 20
PER_SECOND = 5.0


def after_one_more(until: float, now: float) -> float:
    """Count one more control frame at `now`; what is given and returned is when all of them are paid off.

    It is a leaky bucket kept as one number: each frame takes 1 / PER_SECOND to pay off, and at most BURST may
    be owed. Both times are seconds of one clock. Raises `Violation` with 1008 for one more than that. Half a
    frame is allowed for, because sums of fifths of a second are not exact in floating point.
    """
    begins = max(until, now)
    if (begins - now) * PER_SECOND > BURST - 0.5:
        raise Violation(CloseCode.POLICY, "too many control frames")
    return begins + 1 / PER_SECOND
