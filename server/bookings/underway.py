"""At most PLACES bookings are made at a time; the others queue before their cart is read.

A cart that is read for its booking may have no more than five seconds from then on (decision 25), in which
PostgreSQL has to have said yes and Redis to have heard of it. If all who come were let in, they would wait
for each other's connections and turns, that time would go by in line, and seats would come back whose buyers
are about to pay.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from server.errors import Overloaded

PLACES: Final = 64
"""As many as share a transaction or two, and are made before the five seconds of any cart are over."""

PATIENCE_SECONDS: Final = 8.0
"""How long one waits for a place: less than a browser waits for its answer."""

RETRY_SECONDS: Final = 2.0


class Underway:
    """The places of a process, first come, first served."""

    def __init__(self, places: int = PLACES, patience: float = PATIENCE_SECONDS) -> None:
        self._places = asyncio.Semaphore(places)
        self._patience = patience

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A place while one booking is made; Overloaded, with nothing begun, after `patience` seconds."""
        try:
            async with asyncio.timeout(self._patience):
                await self._places.acquire()
        except TimeoutError:
            raise Overloaded("many book at once; nothing was done", retry_after=RETRY_SECONDS) from None
        try:
            yield
        finally:
            self._places.release()
