"""Handshakes of each address, counted over all processes by few questions.

Thousands may come at once. What one turn of the event loop brings is asked by one script, and what comes
until its answer, by the next; of those of one address that are too many, the last are refused.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

from server.errors import Unavailable
from server.ops.limits import Limits, Name

BATCH: Final = 100
"""Requests in one script, so that Redis is not busy with them for long."""

_Asked = tuple[str, "asyncio.Future[float]"]


class Counting:
    """Counts for all of a process, against the limit of this name."""

    def __init__(self, limits: Limits, name: Name) -> None:
        self._limits = limits
        self._name: Name = name
        self._waiting: list[_Asked] = []
        self._asking: asyncio.Task[None] | None = None

    def count(self, subject: str) -> "asyncio.Future[float]":
        """To come: the seconds to wait, 0.0 if it may go on, and while Redis is away."""
        found: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append((subject, found))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(), name="counting handshakes")
        return found

    async def _ask(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                await self._ask_batch(batch)
        finally:
            self._asking = None

    async def _ask_batch(self, batch: Sequence[_Asked]) -> None:
        counts = Counter(subject for subject, _ in batch)
        try:
            answers = await self._limits.take_many(self._name, counts)
        except Unavailable:
            answers = {subject: (count, 0.0) for subject, count in counts.items()}
        except Exception as error:  # noqa: BLE001  # whatever it is, those who asked are told
            for _, found in batch:
                if not found.done():
                    found.set_exception(error)
            return
        granted = {subject: count for subject, (count, _) in answers.items()}
        for subject, found in batch:
            granted[subject] -= 1
            if not found.done():
                found.set_result(0.0 if granted[subject] >= 0 else answers[subject][1])
