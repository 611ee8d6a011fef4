"""Seeds that once broke a promise, each with what it was; they are run again for ever."""

from typing import Final

KEPT: Final[dict[int, str]] = {
    33: "a second charge, known as taken, was on nobody's list when the connection broke before it was owed",
    82: "a lagging Redis took over, its hold was released, and the rebuild had it being paid for as before",
}
