"""Handshakes of each address, counted over all processes by few questions.

Thousands may come at once. What one turn of the event loop brings is asked by one script, and what comes
until its answer, by the next; of those of one address that are too many, the last are refused.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

from server.batches import Batches
from server.errors import Unavailable
from server.ops.limits import Limits, Name

BATCH: Final = 100
"""Requests in one script, so that Redis is not busy with them for long."""


class Counting:
    """Counts for all of a process, against the limit of this name."""

    def __init__(self, limits: Limits, name: Name) -> None:
        self._limits = limits
        self._name: Name = name
        self._batches = Batches(self._take, most=BATCH, name="counting handshakes")

    def count(self, subject: str) -> asyncio.Future[float]:
        """To come: the seconds to wait, 0.0 if it may go on, and while Redis is away."""
        return self._batches.ask(subject)

    async def _take(self, subjects: Sequence[str]) -> list[float]:
        try:
            answers = await self._limits.take_many(self._name, Counter(subjects))
        except Unavailable:
            return [0.0] * len(subjects)
        granted = {subject: count for subject, (count, _) in answers.items()}
        waits = []
        for subject in subjects:
            granted[subject] -= 1
            waits.append(0.0 if granted[subject] >= 0 else answers[subject][1])
        return waits
