"""Which rows a loop takes up next, the oldest first, without being held up by those that fail each time."""

from collections.abc import Sequence
from typing import Final

MOST_PASSED_OVER: Final = 1_000


class Backlog:
    """Where the next batch begins: behind what failed since the front was looked at last.

        rows = await oldest(backlog.batch, passed_over=backlog.failed)
        outcomes = [await does(row) for row in rows]
        pause = 0.0 if backlog.goes_on(outcomes) else IDLE_SECONDS

    Once the end is reached, or MOST_PASSED_OVER have failed, the front is tried again.
    """

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.failed = 0

    def goes_on(self, outcomes: Sequence[bool]) -> bool:
        """Say of each row of a batch whether it was done; whether the next batch is worth a look at once."""
        is_full = len(outcomes) == self.batch
        failed = self.failed + outcomes.count(False)
        self.failed = failed if is_full and failed <= MOST_PASSED_OVER else 0
        return is_full and all(outcomes)
