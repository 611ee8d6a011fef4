"""Whether what this process shows is true: positions compared with Redis, and staleness told.

Pub/sub may lose anything without a word. So each second, and at every sign of loss, Redis is asked once for
the positions of all followed resources; a replica that stands elsewhere is repaired. While Redis does not
answer, maps go on being shown and count as stale.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

from channels.replica import Position
from channels.source import Source
from channels.upkeep import Upkeep

CHECK_SECONDS = 1.0
CHECK_TIMEOUT = 0.8
CHECK_GRACE = 0.05
"""How long Redis may be ahead of a replica before pub/sub is taken to have lost something."""

_log = logging.getLogger("holdfast.hub")


class Health(Protocol):
    """What says whether pub/sub delivers."""

    @property
    def healthy(self) -> bool:
        """Whether it does."""
        ...


class StalenessCheck:
    """Checks all `upkeeps`. `stale_since`, in seconds of `clock`, is None while everything shown is true."""

    def __init__(
        self, source: Source, bus: Health, upkeeps: Mapping[str, Upkeep], clock: Callable[[], float]
    ) -> None:
        self._source = source
        self._bus = bus
        self._upkeeps = upkeeps
        self._clock = clock
        self._wanted = asyncio.Event()
        self._callbacks: list[Callable[[bool], None]] = []
        self.stale_since: float | None = None

    def check_soon(self) -> None:
        """Something may have been lost."""
        self._wanted.set()

    def on_stale(self, callback: Callable[[bool], None]) -> None:
        """Call back when what is shown begins to be stale (True), and when it is true again (False)."""
        self._callbacks.append(callback)

    async def next_check(self) -> None:
        """Wait for the next check's time, and make it."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wanted.wait(), CHECK_SECONDS)
        self._wanted.clear()
        await self.check()

    async def check(self) -> None:
        """Ask where all followed resources stand, and repair what is elsewhere."""
        loaded = {name: one for name, one in self._upkeeps.items() if one.channel.replica is not None}
        answered = await self._compare(loaded) if loaded else True
        failed = any(upkeep.channel.failed for upkeep in loaded.values())
        self._set_stale(stale=failed or not answered or not self._bus.healthy)

    async def _compare(self, loaded: Mapping[str, Upkeep]) -> bool:
        before = {name: upkeep.channel.position for name, upkeep in loaded.items()}
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                found = await self._source.positions(list(loaded))
        except Exception as error:  # noqa: BLE001 - whatever it is, maps may be old now
            _log.warning("positions cannot be checked: %s", str(error) or type(error).__name__)
            return False
        if self._strays(loaded, before, found):
            await asyncio.sleep(CHECK_GRACE)
        strays = self._strays(loaded, before, found)
        for name, upkeep in loaded.items():
            if name in strays:
                upkeep.repair()
            elif name in found and not upkeep.busy:
                upkeep.channel.failed = False
        return len(found) == len(loaded)

    def _strays(
        self,
        loaded: Mapping[str, Upkeep],
        before: Mapping[str, Position],
        found: Mapping[str, Position | None],
    ) -> set[str]:
        return {
            name
            for name, upkeep in loaded.items()
            if name in found and is_astray(upkeep.channel.position, before[name], found[name])
        }

    def _set_stale(self, *, stale: bool) -> None:
        if stale == (self.stale_since is not None):
            return
        self.stale_since = self._clock() if stale else None
        for callback in self._callbacks:
            callback(stale)


def is_astray(mine: Position, before: Position, found: Position | None) -> bool:
    """Whether the replica must be repaired: it stands at `mine`, Redis answered `found` (None: load it anew).

    It must where it is behind or in another epoch. One that is ahead has moved on since Redis was asked; but
    if it was ahead already `before` that, Redis has gone back in time.
    """
    if found is None or found[0] != mine[0]:
        return True
    return mine[1] < found[1] or (before[0] == found[0] and before[1] > found[1])
