"""On what terms each resource gives holds, by its own policy and the process's settings."""

from collections.abc import Iterable

from server.errors import UnknownResource
from server.holds.rules import Terms, terms_of
from server.holds.sources import Loaded, Resources
from server.inventory.rules import HoldPolicy
from server.settings import Settings

TERMS_KEPT = 1000


class Policies:
    """Durations in ms."""

    def __init__(self, inventory: Resources, settings: Settings) -> None:
        self._inventory = inventory
        self._settings = settings
        self._terms: dict[HoldPolicy, Terms] = {}

    def terms(self, loaded: Loaded) -> Terms:
        """The terms of a resource."""
        policy = loaded.resource.policy
        known = self._terms.get(policy)
        if known is None:
            if len(self._terms) >= TERMS_KEPT:
                self._terms.clear()
            known = self._terms[policy] = terms_of(policy, self._settings)
        return known

    async def of(self, resource: str) -> Terms:
        """The terms of a resource by its id; the process's own for one that is gone from the catalogue."""
        try:
            return self.terms(await self._inventory.get(resource))
        except UnknownResource:
            return terms_of(HoldPolicy(), self._settings)

    async def shortest(self, resources: Iterable[str]) -> tuple[int, int]:
        """The hold length and the ceiling of a cart over these resources."""
        terms = [await self.of(resource) for resource in resources]
        return min(each.hold_ms for each in terms), min(each.max_ms for each in terms)

    async def owner(self, resource: str) -> str:
        """Whose the resource is."""
        return (await self._inventory.get(resource)).resource.owner

    def live_ms(self, terms: Terms) -> int:
        """How long a renewal lasts: until a socket is known to be silent, and never less than its grace."""
        seconds = self._settings.liveness_seconds
        return max(1000 * seconds, terms.grace_ms + 1000 * seconds // 3)
