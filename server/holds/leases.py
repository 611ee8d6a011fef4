"""The right to rebuild a resource: short, renewed by whoever has it, and fenced by a token.

A process that is killed keeps others waiting for LEASE_MS. One that merely stands still may lose it, and what
it does then is refused: by `require` before PostgreSQL's half, by the load script after it.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from channels.supervisor import stop
from server.errors import HoldfastError, Unavailable
from server.holds.store import HoldStore, Leased

LEASE_MS: Final = 2_000
MOST_MS: Final = 16_000
"""The longest lease: each time that a rebuild was begun in vain, the next one's is twice as long."""
RENEWALS: Final = 4
"""How often a lease is renewed within its length."""
PATIENCE_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.03


class Lease:
    """One's own lease on one resource. `takes_over`: a rebuild was begun before, and has to be finished."""

    def __init__(self, store: HoldStore, resource: str, token: str, leased: Leased) -> None:
        self._store = store
        self._resource = resource
        self._milliseconds = leased.milliseconds
        self.token = token
        self.takes_over = leased.times > 1
        self.is_untouched = True

    async def require(self) -> None:
        """Before PostgreSQL's half is committed: raises Unavailable unless the lease is one's own still."""
        if not await self._renew():
            raise Unavailable("Another process has taken the rebuild over", retry_after=1)
        self.is_untouched = False

    async def keep(self) -> None:
        """Renew it until it is lost; to be cancelled."""
        while True:
            await asyncio.sleep(self._milliseconds / RENEWALS / 1000)
            try:
                if not await self._renew():
                    return
            except HoldfastError:  # Redis may be back before it has run out
                pass

    async def release(self) -> None:
        """End the lease: it is nobody's from now on."""
        await self._store.release_lease(self._resource, self.token, untouched=self.is_untouched)

    async def _renew(self) -> bool:
        return await self._store.renew_lease(self._resource, self.token, self._milliseconds)


@asynccontextmanager
async def leased(store: HoldStore, resource: str) -> AsyncIterator[Lease]:
    """In here one may rebuild the resource; Unavailable if somebody else is at it for too long."""
    lease = await _taken(store, resource)
    keeping = asyncio.create_task(lease.keep())
    try:
        yield lease
    finally:
        await stop(keeping)
        await lease.release()


async def _taken(store: HoldStore, resource: str) -> Lease:
    token, until = secrets.token_hex(8), time.monotonic() + PATIENCE_SECONDS
    while True:
        found = await store.take_lease(resource, token, LEASE_MS, MOST_MS)
        if found is not None:
            return Lease(store, resource, token, found)
        if time.monotonic() > until:
            raise Unavailable("The resource is being rebuilt", retry_after=1)
        await asyncio.sleep(POLL_SECONDS)
