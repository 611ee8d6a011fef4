"""Holds as browsers know them, with the names of their slots: from memory, or looked up."""

from collections.abc import Iterable
from typing import Final

import structlog

from channels.protocol import HoldView
from server.errors import HoldfastError, UnknownResource
from server.holds.rules import Hold
from server.holds.sources import Loaded, Resources
from server.live.views import hold_view

VIEWS_KEPT: Final = 1_000

_log = structlog.get_logger("holdfast.live")


class Names:
    """Looks the slots of holds up in their resources, and keeps the latest views.

    Whatever layout is in memory will do if it has the slots: an index is never given to another slot.
    """

    def __init__(self, inventory: Resources) -> None:
        self._inventory = inventory
        self._views: dict[str, tuple[Hold, HoldView]] = {}

    def at_hand(self, hold: Hold) -> HoldView | None:
        """The hold's view by what is in memory. It is kept: an answer, a change and a cart want the same."""
        known = self._views.get(hold.id)
        if known is not None and known[0] is hold:
            return known[1]
        loaded = self._inventory.at_hand(hold.resource, 0)
        if loaded is None or not _has_all(loaded, hold):
            return None
        if len(self._views) >= VIEWS_KEPT:
            self._views.clear()
        view = hold_view(hold, loaded)
        self._views[hold.id] = (hold, view)
        return view

    async def view(self, hold: Hold) -> HoldView:
        """The hold, looked up if need be; raises UnknownResource or Unavailable."""
        view = self.at_hand(hold)
        if view is not None:
            return view
        loaded = await self._inventory.get(hold.resource, 0)
        if not _has_all(loaded, hold):
            loaded = await self._inventory.get(hold.resource, loaded.resource.layout + 1)
        return hold_view(hold, loaded)

    async def look_up(self, holds: Iterable[Hold]) -> bool:
        """Load what the views of these holds need. True if some cannot be loaded now, but perhaps later."""
        waits = False
        for hold in holds:
            if self.at_hand(hold) is not None:
                continue
            try:
                await self.view(hold)
            except HoldfastError as error:
                _log.warning("a hold's slots have no names now", resource=hold.resource, why=error.detail)
                waits |= not isinstance(error, UnknownResource)
        return waits


def _has_all(loaded: Loaded, hold: Hold) -> bool:
    return loaded.calendar is not None or max([item.index for item in hold.items]) < len(loaded.slots)
