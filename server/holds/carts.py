"""A session's holds and cart as the resources have them; its index is repaired on the way."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from server.holds.index import ON_ITS_WAY_MS, Entry, Index, Listing, OpenCart
from server.holds.policies import Policies
from server.holds.rules import Cart, Hold, cart_of, is_live, opened_at
from server.holds.store import HoldStore

# A hold that is about to be booked lasts so long at least, which it is given once: time for the commit, and
# for another process to bring its word to Redis where the one that committed has died (a second or two).
WAIT_MS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Standing:
    """A session's index and the holds it leads to, ended ones too; `now` in ms."""

    listing: Listing
    found: dict[str, Hold]

    @property
    def now(self) -> int:
        """Redis' clock (ms) when the index was read."""
        return self.listing.now

    @property
    def live(self) -> list[Hold]:
        """Held and paying ones, the oldest first."""
        return sorted(
            (hold for hold in self.found.values() if is_live(hold, self.now)),
            key=lambda hold: (hold.created_at, hold.id),
        )

    @property
    def held(self) -> list[Hold]:
        """Those in the cart."""
        return [hold for hold in self.live if hold.status == "held"]

    @property
    def cart(self) -> Cart | None:
        """The open cart, None without holds."""
        owner = "" if self.listing.cart is None else self.listing.cart.owner
        return cart_of(self.held, owner=owner)

    @property
    def resources(self) -> set[str]:
        """Where the session has anything, or may have it in a moment."""
        return {entry.resource for entry in self.listing.entries}

    @property
    def ended(self) -> list[Hold]:
        """What the open cart had and lost by no act of its buyer."""
        entries = (self.found.get(entry.hold) for entry in self.listing.of_cart())
        return [as_ended(hold) for hold in entries if hold is not None and not is_live(hold, self.now)]

    def is_on_its_way(self, entry: Entry) -> bool:
        """Whether the entry's hold may yet be made."""
        return entry.hold not in self.found and self.now - entry.written_at < ON_ITS_WAY_MS

    def useless(self) -> list[str]:
        """Entries that lead to an ended hold of a cart that is no longer open."""
        needed = {entry.hold for entry in self.listing.of_cart()} | {hold.id for hold in self.live}
        return [entry.hold for entry in self.listing.entries if entry.hold in self.found.keys() - needed]

    def in_vain(self) -> list[tuple[str, int]]:
        """Intents (hold, written at) that led nowhere and no longer can."""
        return [
            (entry.hold, entry.written_at)
            for entry in self.listing.entries
            if entry.hold not in self.found and not self.is_on_its_way(entry)
        ]


NOTHING = Standing(Listing(now=0), {})


def as_ended(hold: Hold) -> Hold:
    """The hold, as expired if only the sweep has not come to it yet."""
    return msgspec.structs.replace(hold, status="expired") if hold.status == "held" else hold


def by_resource(holds: Iterable[Hold]) -> dict[str, list[Hold]]:
    """Holds grouped by their resource, in order."""
    groups: dict[str, list[Hold]] = {}
    for hold in holds:
        groups.setdefault(hold.resource, []).append(hold)
    return groups


def ids(holds: Iterable[Hold]) -> list[str]:
    """Their ids."""
    return [hold.id for hold in holds]


class Carts:
    """Reads what a session has."""

    def __init__(self, index: Index, store: HoldStore, policies: Policies) -> None:
        self._index = index
        self._store = store
        self._policies = policies

    async def read(self, session: str, listing: Listing | None = None) -> Standing:
        """All of a session's holds; wrong entries of its index are mended. `listing`: it, if just read."""
        return await self._repaired(session, await self.look(listing or await self._index.read(session)))

    async def cart_to_book(self, session: str) -> Standing:
        """The same for a booking that is made next: holds with less than WAIT_MS left get that, once."""
        return await self._repaired(session, await self._wait(session, await self._index.read(session)))

    async def _repaired(self, session: str, standing: Standing) -> Standing:
        useless, in_vain, cart = standing.useless(), standing.in_vain(), await self._cart_to_open(standing)
        if cart is not None:
            put = [(hold.id, cart.reference, hold.resource) for hold in standing.held]
            await self._index.write(session, drop=useless, forget=in_vain, put=put, cart=cart)
            return await self.look(await self._index.read(session))
        if useless or in_vain:
            await self._index.write(session, drop=useless, forget=in_vain)
        return standing

    async def _cart_to_open(self, standing: Standing) -> OpenCart | None:
        """The cart that the holds are in, where the index names another one or none: a crash left it so."""
        held, known = standing.held, standing.listing.cart
        if not held or (known is not None and known.reference == held[0].reference):
            return None
        return OpenCart(
            reference=held[0].reference,
            owner=await self._policies.owner(held[0].resource),
            currency=held[0].currency,
            first_hold_at=opened_at(held),
        )

    async def look(self, listing: Listing) -> Standing:
        """The holds that a listing leads to."""
        return Standing(listing, await self.find(listing.entries))

    async def find(self, entries: Sequence[Entry]) -> dict[str, Hold]:
        """The holds of these entries by id, those that are known."""
        return await self._store.holds(_by_resource(entries))

    async def _wait(self, session: str, listing: Listing) -> Standing:
        wanted = _by_resource(listing.entries).items()
        answers = await asyncio.gather(
            *(
                self._store.run("await", resource, session=session, holds=holds, wait_ms=WAIT_MS)
                for resource, holds in wanted
            )
        )
        now = max((answer.now for answer in answers), default=listing.now)
        found = {hold.id: hold for answer in answers for hold in answer.holds}
        return Standing(msgspec.structs.replace(listing, now=now), found)


def _by_resource(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """The holds of these entries, those of one resource together."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        found.setdefault(entry.resource, []).append(entry.hold)
    return found
