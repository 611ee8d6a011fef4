"""Seeds that once broke a promise, each with what it was; they are run again for ever."""

from typing import Final

KEPT: Final[dict[int, str]] = {
    15: "whoever had asked the provider before a refund, and was held up, took that refund back",
    33: "a second charge, known as taken, was on nobody's list when the connection broke before it was owed",
    82: "a lagging Redis took over, and what was released in it was being paid for once it was built anew",
    233: "a lagging Redis took over, and a booking that it had not heard of was counted out of it",
    527: "what a lagging Redis had as held, and was booked by then, stayed booked when that was cancelled",
    691: "a cancelled booking was counted out of a Redis that was built anew without it",
    1511: "the simulation wanted what was given back behind its deadline to have ended before that",
    4604: "the simulated pub/sub lost what was said to who was cut off, and told nobody that it had",
    6183: "who gave up waiting for a lock of the simulated PostgreSQL gave it back when it was gone",
    8911: "the simulation looked at once whether a Redis that had just gone back agreed with PostgreSQL",
    9874: "a process without pub/sub did not know what was held for its session, which had left elsewhere",
    30615: "what was given back in a Redis that had forgotten its booking was booked for ever",
    40691: "as 30615, and somebody else had held the seat meanwhile",
    41507: "as 30615, and the booking was confirmed only after it was given back",
}
